;; Describes an edge to a step that it does not have.
(data (i32.const 256) (i32 1024 6 1024 0 320 1 384 1 320 0 320 0))
(data (i32.const 320) (i32 1032 3 2 0 0 1024 0 320 0 320 0))
(data (i32.const 384) (i32 1032 3 1040 3 0 0 0))
(data (i32.const 1024) "hidden  one     two")
(func (export "fapo:tenant/chain@0.1.0#describe") (result i32)
  (i32.const 256))
