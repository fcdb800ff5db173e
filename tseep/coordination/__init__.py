"""
Effects of one client's commands on other clients: blocking commands, WATCH and MULTI, client-side caching, Pub/Sub,
keyspace notifications, MONITOR and CLIENT PAUSE; and their timers.

Imports: algorithms, errors, keyspace, protocol, replies.
"""
