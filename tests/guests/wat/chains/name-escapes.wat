;; Traps in a function whose name a terminal would obey.
(func $f (@name "\1b[2J\1b]0;owned\07\0a{\"level\":\"error\"}\e2\80\ae") (unreachable))
(func (export "fapo:tenant/chain@0.1.0#run")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $f)
  (unreachable))
