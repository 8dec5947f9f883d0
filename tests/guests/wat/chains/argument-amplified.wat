;; Sends half a million model calls that are all zeros: each is much larger in the host.
(import "fapo:tenant/provider@0.1.0" "generate-many" (func $ask (param i32 i32 i32)))
(memory (export "memory") 1900)
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $ask (i32.const 1048576) (i32.const 500000) (i32.const 2048))
  (unreachable))
