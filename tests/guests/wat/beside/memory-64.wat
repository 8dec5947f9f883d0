;; Declares a memory with addresses of 64 bits.
(component
  (core module $m (memory i64 1))
  (core instance (instantiate $m)))
