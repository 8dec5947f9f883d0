;; Grows three memories by 60 MiB each: none is too large by itself.
(component
  (component $attack
    (core module $m
      (memory 1)
      (func (export "grow")
        (if (i32.eq (memory.grow (i32.const 960)) (i32.const -1)) (then (unreachable)))))
    (core instance $a (instantiate $m))
    (core instance $b (instantiate $m))
    (core instance $c (instantiate $m))
    (core module $all
      (import "a" "grow" (func $a))
      (import "b" "grow" (func $b))
      (import "c" "grow" (func $c))
      (func (export "attack") (call $a) (call $b) (call $c)))
    (core instance $i (instantiate $all (with "a" (instance $a)) (with "b" (instance $b)) (with "c" (instance $c))))
    (func (export "attack") (canon lift (core func $i "attack"))))
  (instance $attack (instantiate $attack))
  (alias export $attack "attack" (func)))
