"""
The connection modes: v1 (C{threaded}), v2 (C{evented}) and v3 (C{workers}).

A mode owns sockets, scheduling, locking and shutdown, and nothing else. No mode imports another.

Imports: coordination, interfaces, net, server, system, telemetry.
"""
