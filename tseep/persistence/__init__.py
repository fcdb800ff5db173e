"""
The data on the disk: the append-only file (AOF) and RDB snapshots, the forked child that writes them, and loading.

Imports: algorithms, errors, interfaces, propagation, protocol, rdb, system.
"""
