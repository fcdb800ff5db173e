"""
Extensions of Twisted that are independent of the server: listeners, transports, the epoll watcher, addresses, C{mtls:}
endpoints, the heartbeat, the reactor's clock.

Imports: system, telemetry.
"""
