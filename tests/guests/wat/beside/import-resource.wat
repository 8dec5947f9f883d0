;; Imports an interface with a resource of the file system.
(component
  (import "wasi:filesystem/preopens@9.9.9" (instance (export "descriptor" (type (sub resource))))))
