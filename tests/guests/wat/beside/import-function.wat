;; Imports a function that stands in no interface.
(component
  (import "run-command" (func)))
