;; Imports `log` with a function that it does not have.
(component
  (import "fapo:tenant/log@0.1.0" (instance (export "read" (func (result string))))))
