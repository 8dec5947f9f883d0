;; Uses what only guests with tasks of their own need.
(component
  (core func (canon waitable-set.new)))
