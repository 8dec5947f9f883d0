;; Imports `provider` with a function of another type.
(component
  (import "fapo:tenant/provider@0.1.0" (instance (export "generate" (func (param "command" string) (result u32))))))
