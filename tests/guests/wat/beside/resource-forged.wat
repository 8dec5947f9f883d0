;; Drops a resource that it never had.
(component
  (component $attack
    (type $r (resource (rep i32)))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "drop" (func $drop (param i32)))
      (func (export "attack") (call $drop (i32.const 77))))
    (core instance $i (instantiate $m (with "" (instance (export "drop" (func $drop))))))
    (func (export "attack") (canon lift (core func $i "attack"))))
  (instance $attack (instantiate $attack))
  (alias export $attack "attack" (func)))
