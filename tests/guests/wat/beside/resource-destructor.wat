;; Loops in a resource's destructor.
(component
  (component $attack
    (core module $d (func (export "drop") (param i32) (loop (br 0))))
    (core instance $d (instantiate $d))
    (type $r (resource (rep i32) (dtor (func $d "drop"))))
    (core func $new (canon resource.new $r))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "attack") (call $drop (call $new (i32.const 1)))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
    (func (export "attack") (canon lift (core func $i "attack"))))
  (instance $attack (instantiate $attack))
  (alias export $attack "attack" (func)))
