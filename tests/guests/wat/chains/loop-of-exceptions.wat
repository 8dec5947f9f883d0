;; Throws and catches for ever.
(tag $thrown)
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (block $caught (try_table (catch_all $caught) (throw $thrown)))
    (br $again))
  (unreachable))
