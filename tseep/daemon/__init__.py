"""
The Twisted service that runs a server in one mode: startup, signals, shutdown, the JSON log, and systemd.

Imports: __init__, configuration, errors, interfaces, net, persistence, server.
"""
