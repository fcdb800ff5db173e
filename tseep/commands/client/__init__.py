"""
Commands that depend on the connection that sends them: CLIENT, HELLO, MULTI, MONITOR, Pub/Sub, tracking, scripts and
functions.

Imports: access, algorithms, commands.data, coordination, errors, keyspace, rdb, registry, replies, scripting.
"""
