"""The parameters of memory: eviction, expiry, lazy free, and the limits of encodings."""

from __future__ import annotations

from tseep.configuration.kinds import BYTES, LARGEST, POLICIES, SHARE, YES_NO, Parameter, choice, memory, number

MEMORY = "Memory"

MEMORY_PARAMETERS = [
    Parameter(
        "tracking-table-max-keys",
        "1000000",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of keys tracked for client-side caching; 0: no limit.",
    ),
    Parameter(
        "lazyfree-lazy-user-del", "no", YES_NO, MEMORY, "Free the values of DEL in the background, as UNLINK does."
    ),
    Parameter(
        "lazyfree-lazy-user-flush",
        "no",
        YES_NO,
        MEMORY,
        "Free the values of FLUSHALL and FLUSHDB in the background unless SYNC is given.",
    ),
    Parameter(
        "maxmemory",
        "0",
        memory(0, LARGEST),
        MEMORY,
        "Memory limit of all keys, in bytes (units: kb, mb, gb); 0: no limit.",
    ),
    Parameter(
        "maxmemory-policy",
        "noeviction",
        choice(*POLICIES),
        MEMORY,
        "Keys to evict when --maxmemory is reached; noeviction: refuse writes.",
    ),
    Parameter(
        "hash-max-listpack-entries",
        "512",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of fields of a hash that has the encoding listpack: HSCAN returns it whole.",
        alias="hash-max-ziplist-entries",
    ),
    Parameter(
        "hash-max-listpack-value",
        "64",
        BYTES,
        MEMORY,
        "Maximum size of the fields and values of such a hash, in bytes (units: kb, mb, gb).",
        alias="hash-max-ziplist-value",
    ),
    Parameter(
        "set-max-intset-entries",
        "512",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of members of a set that has the encoding intset: all are integers, in order, and SSCAN "
        "returns it whole.",
    ),
    Parameter(
        "zset-max-listpack-entries",
        "128",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of members of a sorted set that has the encoding listpack: ZSCAN returns it whole.",
        alias="zset-max-ziplist-entries",
    ),
    Parameter(
        "zset-max-listpack-value",
        "64",
        BYTES,
        MEMORY,
        "Maximum size of the members of such a sorted set, in bytes (units: kb, mb, gb).",
        alias="zset-max-ziplist-value",
    ),
    Parameter(
        "hll-sparse-max-bytes",
        "3000",
        BYTES,
        MEMORY,
        "Maximum size of a HyperLogLog in the sparse encoding, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "list-compress-depth",
        "0",
        number(0, 2**31 - 1),
        MEMORY,
        "Number of chunks at each end of a list that are not compressed; 0: no chunk is.",
    ),
    Parameter(
        "list-max-listpack-size",
        "-2",
        number(-(2**31), 2**31 - 1),
        MEMORY,
        "Maximum size of a chunk of a list, which has at most 128 elements. Positive: number of elements; -1 to -5: 4, "
        "8, 16, 32 or 64 KiB.",
        alias="list-max-ziplist-size",
    ),
    Parameter("maxmemory-samples", "5", number(1, 2**31 - 1), MEMORY, "Number of keys sampled for each eviction."),
    Parameter(
        "maxmemory-eviction-tenacity",
        "10",
        number(0, 100),
        MEMORY,
        "Time for evictions before a command, from 0 (least) to 100 (no limit).",
    ),
    Parameter("lazyfree-lazy-eviction", "no", YES_NO, MEMORY, "Free evicted values in the background."),
    Parameter("lazyfree-lazy-expire", "no", YES_NO, MEMORY, "Free expired values in the background."),
    Parameter(
        "active-expire-effort",
        "1",
        number(1, 10),
        MEMORY,
        "Time for the removal of expired keys that are not accessed, from 1 to 10 times the least.",
    ),
    Parameter(
        "maxmemory-clients",
        "0",
        SHARE,
        MEMORY,
        "Memory limit of all clients' buffers, in bytes (units: kb, mb, gb), or as a percentage of maxmemory, such as "
        "5%; 0: no limit.",
    ),
    Parameter(
        "lfu-log-factor",
        "10",
        number(0, 2**31 - 1),
        MEMORY,
        "Logarithm factor of the LFU counter: the higher, the more accesses it takes to raise the counter.",
    ),
    Parameter(
        "lfu-decay-time",
        "1",
        number(0, 2**31 - 1),
        MEMORY,
        "Minutes after which the LFU counter of a key is decremented; 0: never.",
    ),
    Parameter(
        "stream-node-max-bytes",
        "4096",
        BYTES,
        MEMORY,
        "Size from which a node of a stream gets no more entries, in bytes (units: kb, mb, gb); 0: no limit. XTRIM and "
        "XADD with ~ remove whole nodes.",
    ),
    Parameter(
        "stream-node-max-entries",
        "100",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of entries of a node of a stream; 0: no limit.",
    ),
]
