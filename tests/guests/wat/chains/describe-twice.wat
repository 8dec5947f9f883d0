;; Describes two steps of the same name.
(data (i32.const 256) (i32 1024 6 1024 0 320 2 384 0 320 0 320 0))
(data (i32.const 320) (i32 1032 3 2 0 0 1024 0 320 0 320 0 1032 3 2 0 0 1024 0 320 0 320 0))
(data (i32.const 1024) "double  one")
(func (export "fapo:tenant/chain@0.1.0#describe") (result i32)
  (i32.const 256))
