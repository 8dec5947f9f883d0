;; Imports an interface that no host has.
(component
  (import "evil:host/thing@1.0.0" (instance (export "do" (func)))))
