;; Returns bytes that are no text: a lone continuation, an overlong zero, a surrogate.
(data (i32.const 512) (i32 0 1064 6 320 0 0))
(data (i32.const 1064) "\80\c0\80\ed\a0\80")
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.const 512))
