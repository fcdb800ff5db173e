"""
Commands about the server: ACL, COMMAND, CONFIG, DEBUG, INFO, LATENCY, MEMORY, SLOWLOG, snapshots and shutdown.

Imports: __init__, access, algorithms, commands.client, configuration, datatypes, errors, persistence, registry,
replies, system, telemetry.
"""
