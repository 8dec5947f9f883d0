;; Declares a table that begins with ten million elements.
(table 10000000 funcref)
