"""
The unit tests, which do no I/O and wait for nothing: tseep/a/b.py is tested by tseep/test/a/test_b.py.

A module that has none there is tested with those that use it, or as a part of a running server in tests/server.
"""
