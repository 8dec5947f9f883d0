;; Imports a component.
(component
  (import "evil-component" (component)))
