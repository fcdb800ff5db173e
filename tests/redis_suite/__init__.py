"""A runner of Redis's test suite (C{python -m tests.redis_suite}); L{tests.redis_suite.server} says what is missing."""
