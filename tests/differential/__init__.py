"""Differential tests: tseep and redis-server run the same generated commands, and must send the same replies."""
