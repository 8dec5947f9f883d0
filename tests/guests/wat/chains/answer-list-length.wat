;; Returns a list whose size in bytes overflows 32 bits.
(data (i32.const 512) (i32 0 1064 4 320 0x10000001 0))
(data (i32.const 1064) "done")
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.const 512))
