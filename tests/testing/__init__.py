"""Tests of the pytest plugin, and of the servers that applications' tests run in child processes."""
