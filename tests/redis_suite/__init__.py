"""Redis's test suite with tseep in place of redis-server: C{python -m tests.redis_suite}."""
