;; Calls an import before any export is called, when the imports are not all in their place.
(import "fapo:tenant/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $start
  (call $log (i32.const 0) (i32.const 0) (i32.const 0)))
(start $start)
