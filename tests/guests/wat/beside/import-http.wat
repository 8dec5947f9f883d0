;; Imports the way to the network.
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance)))
