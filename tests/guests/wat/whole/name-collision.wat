;; Exports two things whose names differ in nothing but their case.
(component
  (instance $i)
  (export "thing" (instance $i))
  (export "THING" (instance $i)))
