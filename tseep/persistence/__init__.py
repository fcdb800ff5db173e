"""
Persistence: the append-only file (AOF), RDB snapshots, and loading.

Imports: algorithms, datatypes, errors, interfaces, propagation, protocol, rdb, system.
"""
