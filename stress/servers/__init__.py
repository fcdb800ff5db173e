"""
The servers to measure, by name; a server as a child process; comparison servers (C{peers/}); the faulty server of the
tests.

Imports: probes.
"""
