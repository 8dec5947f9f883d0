;; Imports an unknown interface without a function in it, which links by itself.
(component
  (import "evil:host/thing@1.0.0" (instance)))
