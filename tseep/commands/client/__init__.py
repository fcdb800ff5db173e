"""
Commands that depend on the connection that sends them: CLIENT, HELLO, MULTI, MONITOR, Pub/Sub, client-side caching,
EVAL and FUNCTION.

Imports: access, algorithms, commands.arguments, coordination, errors, rdb, registry, replies, scripting, session.
"""
