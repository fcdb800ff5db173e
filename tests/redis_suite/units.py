"""
The units of Redis's suite that apply to a server without cluster mode, modules, TLS by port, and replicas.

C{unit/cluster} and C{unit/cluster-scripting} start servers with C{cluster-enabled yes} only. C{integration/aof-race}
fails with redis-server, too: the unit deletes the files of its first server, which the runner keeps.
"""

UNITS = (
    "unit/printver", "unit/dump", "unit/auth", "unit/protocol", "unit/keyspace", "unit/scan", "unit/info",
    "unit/info-command", "unit/type/string", "unit/type/incr", "unit/type/list", "unit/type/list-2",
    "unit/type/list-3", "unit/type/set", "unit/type/zset", "unit/type/hash", "unit/type/stream",
    "unit/type/stream-cgroups", "unit/sort", "unit/expire", "unit/other", "unit/multi", "unit/quit", "unit/aofrw",
    "unit/acl", "unit/acl-v2", "unit/latency-monitor", "unit/pubsub", "unit/pubsubshard", "unit/slowlog",
    "unit/scripting", "unit/functions", "unit/maxmemory", "unit/introspection", "unit/introspection-2", "unit/limits",
    "unit/obuf-limits", "unit/bitops", "unit/bitfield", "unit/geo", "unit/memefficiency", "unit/hyperloglog",
    "unit/lazyfree", "unit/pause", "unit/querybuf", "unit/pendingquerybuf", "unit/tracking", "unit/oom-score-adj",
    "unit/shutdown", "unit/networking", "unit/client-eviction", "unit/violations",
    "unit/replybufsize",
    "integration/aof", "integration/rdb", "integration/aof-multi-part",
    "integration/convert-zipmap-hash-on-load", "integration/convert-ziplist-hash-on-load",
    "integration/convert-ziplist-zset-on-load", "integration/corrupt-dump", "integration/corrupt-dump-fuzzer",
    "integration/dismiss-mem", "integration/logging", "integration/redis-benchmark", "integration/redis-cli",
    "integration/shutdown",
)  # fmt: skip

CHOSEN = (
    "unit/type/list", "unit/type/zset", "unit/type/set", "unit/type/hash", "unit/type/string",
    "unit/type/stream-cgroups", "unit/acl", "unit/acl-v2", "unit/aofrw", "unit/functions", "unit/info",
    "unit/introspection-2", "unit/keyspace", "unit/multi", "unit/obuf-limits", "unit/protocol", "unit/pubsub",
    "unit/quit", "unit/scan", "unit/slowlog", "unit/sort", "integration/rdb",
)  # fmt: skip
"""Units that take a few minutes in all, for each change."""
