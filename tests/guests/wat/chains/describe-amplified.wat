;; Describes seven hundred thousand steps without a name.
(memory (export "memory") 600)
(data (i32.const 256) (i32 1024 6 1024 0 1048576 700000 320 0 320 0 320 0))
(data (i32.const 1024) "amplified")
(func (export "fapo:tenant/chain@0.1.0#describe") (result i32)
  (i32.const 256))
