;; Returns a text of 4 GiB less one byte.
(data (i32.const 512) (i32 0 0 0xffffffff 320 0 0))
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.const 512))
