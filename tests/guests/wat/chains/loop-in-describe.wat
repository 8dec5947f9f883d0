;; Loops in `describe`: when the component is loaded, before there is a case.
(func (export "fapo:tenant/chain@0.1.0#describe") (result i32)
  (loop (br 0))
  (unreachable))
