"""
Commands about the server: ACL, COMMAND, CONFIG, DEBUG, INFO, LATENCY, MEMORY, SLOWLOG, snapshots and shutdown.

Imports: __init__, access, algorithms, commands.arguments, configuration, datatypes, errors, persistence, registry,
replies, session, system, telemetry.
"""
