"""
Twisted plumbing that knows no server: listeners, transports, the epoll watcher, addresses, C{mtls:} endpoints, the
heartbeat, the reactor's clock.

Imports: system, telemetry.
"""
