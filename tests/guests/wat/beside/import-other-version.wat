;; Imports a version of the contract that there is not yet.
(component
  (import "fapo:tenant/provider@9.9.9" (instance)))
