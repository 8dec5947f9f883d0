;; Exports a chain whose functions have other types.
(component
  (core module $m (func (export "describe") (result i32) (i32.const 7)) (func (export "run")))
  (core instance $i (instantiate $m))
  (func $describe (result u32) (canon lift (core func $i "describe")))
  (func $run (canon lift (core func $i "run")))
  (instance $chain (export "describe" (func $describe)) (export "run" (func $run)))
  (export "fapo:tenant/chain@0.1.0" (instance $chain)))
