;; Has four tables of eight thousand elements: none is too large by itself.
(component
  (core module $m (table 8000 funcref))
  (core instance (instantiate $m))
  (core instance (instantiate $m))
  (core instance (instantiate $m))
  (core instance (instantiate $m)))
