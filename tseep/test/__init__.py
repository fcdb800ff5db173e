"""The unit tests: one module for one module, no I/O, no waiting."""
