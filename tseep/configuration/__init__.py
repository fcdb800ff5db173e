"""
The table of a server's parameters, from which the command line, CONFIG GET and CONFIG SET are generated, and the
reader of redis.conf.

Imports: algorithms, keyspace, protocol, system.
"""
