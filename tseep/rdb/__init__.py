"""
RDB, Redis's format of values and databases: dump.rdb, DUMP and RESTORE.

Sources: redis/src/rdb.c, rdb.h, listpack.c, ziplist.c, intset.c, zipmap.c, lzf_d.c and t_stream.c, version 7.0.

Imports: datatypes.
"""
