"""
Commands about the server: ACL, COMMAND, CONFIG, DEBUG, INFO, LATENCY, MEMORY, MODULE, SLOWLOG, replication, snapshots
and shutdown.

Imports: __init__, access, algorithms, commands.arguments, configuration, coordination, datatypes, errors, keyspace,
persistence, rdb, registry, replies, session, system, telemetry.
"""
