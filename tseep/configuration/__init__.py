"""
The parameters of a server in one table, from which the command line, CONFIG GET and CONFIG SET are made; and
redis.conf.

Imports: algorithms, keyspace, protocol, system.
"""
