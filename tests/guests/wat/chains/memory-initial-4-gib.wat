;; Declares the largest memory there is.
(memory (export "memory") 65536 65536)
