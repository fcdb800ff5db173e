"""
Twisted plumbing that knows no server: listeners, transports, the epoll watcher, addresses, C{mtls:} endpoints, the
heartbeat.

Imports: system, telemetry.
"""
