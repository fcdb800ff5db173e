"""Differential test of sorted sets; see L{tests.differential.families}."""

from __future__ import annotations

from ..pool import Pool

GROUP = "sorted-set"

_SCORE = Pool(
    [b"1", b"2", b"-1.5", b"3", b"0", b"-0"], [b"inf", b"-inf", b"nan", b"abc", b"", b"1e400", b"0x10", b" 1"]
)
_BOUND = Pool([b"1", b"(1", b"2", b"-inf", b"+inf", b"0"], [b"abc", b"(", b"nan", b"(inf", b"", b"((1"])
_LEX = Pool([b"-", b"+", b"[a", b"(a", b"[x", b"(y", b"[1"], [b"", b"a", b"(", b"[", b"-x", b"+\x00"])
_RANK = Pool([b"0", b"1", b"-1", b"2", b"-2", b"100"], [b"abc", b"", b"9223372036854775807"])
_TIMEOUT = Pool([b"0.01", b"0.005"], [b"-1", b"abc", b"inf", b"nan", b""])
_NUMKEYS = Pool([b"1", b"2"], [b"0", b"-1", b"3", b"abc"])
_COUNT = Pool([b"1", b"2", b"5"], [b"0", b"-1", b"abc"])
_BY_SCORE = ("zcount", "zrangebyscore", "zrevrangebyscore", "zremrangebyscore")
_BY_LEX = ("zlexcount", "zrangebylex", "zrevrangebylex", "zremrangebylex")
_OF_SEVERAL = ("zunion", "zinter", "zdiff", "zunionstore", "zinterstore", "zdiffstore", "zintercard", "zmpop", "bzmpop")

POOLS = {
    ("", "score"): _SCORE,
    ("zincrby", "increment"): _SCORE,
    ("", "weight"): Pool([b"1", b"2", b"0.5"], [b"inf", b"-inf", b"0", b"abc", b"nan"]),
    **{(name, end): _BOUND for name in _BY_SCORE for end in ("min", "max")},
    **{(name, end): _LEX for name in _BY_LEX for end in ("min", "max")},
    **{(name, end): _RANK for name in ("zrange", "zrevrange", "zremrangebyrank") for end in ("start", "stop")},
    **{("zrangestore", end): _RANK for end in ("min", "max")},
    **{(name, "timeout"): _TIMEOUT for name in ("bzpopmin", "bzpopmax", "bzmpop")},
    **{(name, "numkeys"): _NUMKEYS for name in _OF_SEVERAL},
    **{(name, "count"): _COUNT for name in ("zmpop", "bzmpop", "zpopmin", "zpopmax")},
    ("zintercard", "limit"): Pool([b"0", b"1", b"2"], [b"-1", b"abc"]),
    ("zscan", "cursor"): Pool([b"0"], [b"abc", b""]),
}

BEGIN: list[list[bytes]] = [
    [b"ZADD", b"a", b"1", b"1", b"2", b"x"],
    [b"ZADD", b"a", b"0", b"a", b"0", b"x", b"0", b"y"],
    [b"ZADD", b"b", b"1", b"1", b"-1.5", b"x", b"inf", b"y"],
    [b"ZADD", b"b", b"2", b"x" * 65],
    [b"ZADD", b"key:1", b"3", b"1"],
    [b"SADD", b"key:1", b"1", b"x"],
    [b"SET", b"key:1", b"string"],
]

BY_HAND = {"zrandmember": "picks at random: L{LISTED}, tseep.test.commands.data.test_sorted_sets"}

LISTED = """
DEL lz
ZRANDMEMBER lz
ZRANDMEMBER lz 3
ZRANDMEMBER lz abc
ZRANDMEMBER lz 1 x
ZRANDMEMBER lz 1 WITHSCORES x
ZADD lz 1.5 one
ZRANDMEMBER lz
ZRANDMEMBER lz 3
ZRANDMEMBER lz -3
ZRANDMEMBER lz 2 WITHSCORES
ZRANDMEMBER lz -2 withscores
ZRANDMEMBER lz 0 WITHSCORES
ZRANDMEMBER lz 9223372036854775807 WITHSCORES
ZADD lz NX XX 1 a
ZADD lz GT LT 1 a
ZADD lz GT NX 1 a
ZADD lz INCR 1 a 2 b
ZADD lz NX
ZADD lz 1
ZADD lz CH 1 one 2 two
ZADD lz XX CH GT INCR 1 one
ZADD lz LT 100 one
ZADD lz INCR inf one
ZADD lz INCR -inf one
ZINCRBY lz nan one
ZRANGE lz 0 -1 WITHSCORES
ZRANGE lz 0 -1 LIMIT 0 1
ZRANGE lz (1 +inf BYSCORE REV
ZRANGE lz +inf (1 BYSCORE REV LIMIT 0 1 WITHSCORES
ZRANGE lz - + BYLEX WITHSCORES
ZRANGE lz - + BYLEX
ZRANGESTORE lz2 lz 0 -1 WITHSCORES
ZRANGESTORE lz2 lz 0 -1
ZRANGESTORE lz2 nosuch 0 -1
EXISTS lz2
ZMSCORE lz one nosuch two
ZUNION 2 lz lz WEIGHTS 1
ZUNION 2 lz lz WEIGHTS 1 2 WITHSCORES
ZUNION 2 lz lz AGGREGATE AVG
ZINTER 2 lz lz AGGREGATE MAX WITHSCORES
ZDIFF 2 lz nosuch WITHSCORES
ZDIFF 1 lz WEIGHTS 1
ZUNIONSTORE lz3 0 lz
ZUNIONSTORE lz3 5 lz
ZINTERCARD 1 lz LIMIT 1
ZADD lo 3 a 1 b 2 c
ZRANDMEMBER lo 3
ZRANDMEMBER lo 9 WITHSCORES
ZSCAN lo 0 COUNT 1
ZSCAN lo 99 COUNT 1
ZADD lo -0 d
ZINCRBY lo -0 d
ZSCORE lo d
ZADD lo 1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
ZADD lo -0 e
ZSCORE lo e
ZREM lo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
OBJECT ENCODING lo
COPY lo lo2
OBJECT ENCODING lo2
ZRANDMEMBER lo 9
ZUNION 1 lo WITHSCORES
ZUNIONSTORE lo2 1 lo
OBJECT ENCODING lo2
ZRANGE lo2 0 -1 WITHSCORES
ZRANGESTORE lo2 lo 0 -1
OBJECT ENCODING lo2
DEL lo lo2
ZPOPMIN lz 0
ZPOPMIN lz -1
ZPOPMAX lz
ZPOPMAX lz 10
EXISTS lz
BZPOPMIN nozset 0.01
BZPOPMIN nozset -1
BZPOPMIN nozset nan
BZPOPMAX nozset 1e300
BZMPOP 0.01 2 nozset lz MIN COUNT 3
ZADD lz 1 a 1 b 1 c
BZMPOP 0 2 nozset lz MAX COUNT 2
ZMPOP 1 lz MIN
ZMPOP 0 lz MIN
ZMPOP 1 lz MIDDLE
DEL lz lz3
"""
