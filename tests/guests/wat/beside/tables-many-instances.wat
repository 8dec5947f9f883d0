;; Instantiates a module with two tables five times.
(component
  (core module $m (table 1 funcref) (table 1 funcref))
  (core instance (instantiate $m))
  (core instance (instantiate $m))
  (core instance (instantiate $m))
  (core instance (instantiate $m))
  (core instance (instantiate $m)))
