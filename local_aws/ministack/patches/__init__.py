"""What is changed in MiniStack: one module a patch, with its reason. `install` lists them all."""
