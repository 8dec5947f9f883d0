;; Traps before any export is called.
(func $start (unreachable))
(start $start)
