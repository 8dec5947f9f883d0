;; Holds components in components, nine deep.
(component
  (component
    (component
      (component
        (component
          (component
            (component
              (component
                (component
                  (component))))))))))
