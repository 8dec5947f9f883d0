;; Exports two things whose names differ in nothing but their case.
(component
  (instance $i)
  (export "evil:host/thing" (instance $i))
  (export "evil:host/THING" (instance $i)))
