;; Calls a function through a table as if it were of another type.
(type $nothing (func))
(func $other (result i64) (i64.const 0))
(table 1 funcref)
(elem (i32.const 0) $other)
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call_indirect (type $nothing) (i32.const 0))
  (unreachable))
