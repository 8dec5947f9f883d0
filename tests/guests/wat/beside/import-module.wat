;; Imports a core module, and would run it.
(component
  (import "evil-module" (core module)))
