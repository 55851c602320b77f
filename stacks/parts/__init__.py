"""Small parts that the stacks and constructs share."""
