"""
Commands on keys: one module for each data type, and those that every type has (DEL, EXPIRE, SCAN, SORT, DUMP).

Imports: algorithms, commands.arguments, coordination, datatypes, errors, keyspace, rdb, registry, replies.
"""
