"""
Persistence: the append-only file (AOF), RDB snapshots, the forked child that writes them, and loading.

Imports: algorithms, datatypes, errors, interfaces, propagation, protocol, rdb, system.
"""
