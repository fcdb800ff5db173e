"""
The process around a server: command line, host, Twisted service, signals, shutdown, JSON log, and systemd.

Imports: __init__, configuration, errors, interfaces, net, persistence, server, system.
"""
