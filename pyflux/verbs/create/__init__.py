"""`create`: one module a kind. Each has a pure `build…` function, options in and manifest out, and a `run`."""
