;; Grows two tables in turn, each of them well below what one may have.
(table $first 0 funcref)
(table $second 0 funcref)
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (if (i32.eq (table.grow $first (ref.null func) (i32.const 500)) (i32.const -1)) (then (unreachable)))
    (if (i32.eq (table.grow $second (ref.null func) (i32.const 500)) (i32.const -1)) (then (unreachable)))
    (br $again))
  (unreachable))
