;; Divides by zero without the check that a Rust compiler puts before it.
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.div_s (i32.const 1) (i32.const 0)))
