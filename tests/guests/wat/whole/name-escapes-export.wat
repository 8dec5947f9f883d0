;; Exports by a name that a terminal would obey, before what looks like a chain.
(component
  (instance $i)
  (export "\1b[2J\1b]0;owned\07\0a" (instance $i))
  (export "fapo:tenant/chain@0.1.0" (instance $i)))
