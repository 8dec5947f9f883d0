;; Adds nothing to the honest chain: what an attack differs from.
(component)
