"""
Every server that can be measured, by name; a server as a child process; comparison servers (C{peers/}); the faulty
server of the tests.

Imports: probes.
"""
