;; Calls through an element of a table that is empty.
(type $nothing (func))
(table 1 funcref)
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call_indirect (type $nothing) (i32.const 0))
  (unreachable))
