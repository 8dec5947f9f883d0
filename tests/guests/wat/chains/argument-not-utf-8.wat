;; Logs bytes that are no text.
(import "fapo:tenant/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(data (i32.const 1064) "\ff\fe\fd")
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $log (i32.const 0) (i32.const 1064) (i32.const 3))
  (unreachable))
