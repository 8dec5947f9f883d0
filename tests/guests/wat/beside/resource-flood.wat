;; Makes resources of its own for ever, and drops none.
(component
  (component $attack
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "attack") (loop $again (drop (call $new (i32.const 1))) (br $again))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "attack") (canon lift (core func $i "attack"))))
  (instance $attack (instantiate $attack))
  (alias export $attack "attack" (func)))
