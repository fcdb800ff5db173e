"""A runner of Redis's test suite (C{python -m tests.redis_suite})."""
