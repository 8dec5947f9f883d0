;; Exports an interface that nobody asked for.
(component
  (instance $i)
  (export "evil:host/thing@1.0.0" (instance $i)))
