;; Exports two things whose names differ in nothing but their case, before what looks like a chain.
(component
  (instance $i)
  (export "thing" (instance $i))
  (export "THING" (instance $i))
  (export "fapo:tenant/chain@0.1.0" (instance $i)))
