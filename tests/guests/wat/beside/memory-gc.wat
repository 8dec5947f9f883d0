;; Makes arrays that a garbage collector would have to keep.
(component
  (core module $m
    (type $bytes (array (mut i8)))
    (func (export "attack") (drop (array.new_default $bytes (i32.const 1000000)))))
  (core instance (instantiate $m)))
