;; Exports a chain without functions.
(component
  (instance $chain)
  (export "fapo:tenant/chain@0.1.0" (instance $chain)))
