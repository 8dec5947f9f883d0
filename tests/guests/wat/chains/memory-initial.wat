;; Declares a memory that begins with 2 GiB.
(memory (export "memory") 32768)
