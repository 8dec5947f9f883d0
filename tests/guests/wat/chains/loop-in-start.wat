;; Loops in the start function: before any export is called.
(func $start (loop (br 0)))
(start $start)
