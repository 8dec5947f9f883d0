;; Loops after the answer, when it is asked to give its memory back.
(func (export "cabi_post_fapo:tenant/chain@0.1.0#run") (param i32)
  (loop (br 0)))
