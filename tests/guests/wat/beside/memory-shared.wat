;; Declares a memory that threads can share.
(component
  (core module $m (memory 1 2 shared))
  (core instance (instantiate $m)))
