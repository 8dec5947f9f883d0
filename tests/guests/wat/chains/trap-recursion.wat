;; Recurses with nothing but the call itself.
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $again)
  (unreachable))
(func $again (call $again))
