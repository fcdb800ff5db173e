"""
What the command of one client means for other clients: blocking, WATCH and MULTI, client-side caching, Pub/Sub,
keyspace notifications, MONITOR, CLIENT PAUSE; and the timers of all of them.

Imports: algorithms, errors, keyspace, protocol, replies.
"""
