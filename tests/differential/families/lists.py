"""Differential test of lists; see L{tests.differential.families}."""

from __future__ import annotations

from ..pool import Pool

GROUP = "list"

_TIMEOUT = Pool([b"0.01", b"0.005"], [b"-1", b"abc", b"inf", b"nan", b""])
_NUMKEYS = Pool([b"1", b"2"], [b"0", b"-1", b"3", b"abc"])
_COUNT = Pool([b"1", b"2", b"5", b"200"], [b"0", b"-1", b"abc"])
_PLACE = Pool(
    [b"0", b"1", b"-1", b"-2", b"3", b"127", b"128", b"300", b"-129", b"-400"], [b"abc", b"9223372036854775807"]
)

POOLS = {
    ("", "element"): Pool([b"1", b"2", b"x", b"y"], [b"", b"\xff"]),
    ("", "pivot"): Pool([b"1", b"2", b"x"], [b"none"]),
    **{(name, "timeout"): _TIMEOUT for name in ("blpop", "brpop", "blmove", "brpoplpush", "blmpop")},
    **{(name, "numkeys"): _NUMKEYS for name in ("lmpop", "blmpop")},
    **{(name, "count"): _COUNT for name in ("lmpop", "blmpop", "lpop", "rpop")},
    **{(name, "index"): _PLACE for name in ("lindex", "lset")},
    **{(name, end): _PLACE for name in ("lrange", "ltrim") for end in ("start", "stop")},
    ("lrem", "count"): Pool([b"0", b"1", b"-1", b"2", b"-2"], [b"abc", b"9223372036854775807"]),
}

BEGIN: list[list[bytes]] = [
    [b"RPUSH", b"a", b"1", b"2", b"x", b"1"],
    [b"LPUSH", b"a", b"x"],
    [b"RPUSH", b"a", *[b"%d" % (number % 50) for number in range(700)]],
    [b"LPUSH", b"b", *[b"x%d" % (number % 9) for number in range(500)]],
    [b"RPUSH", b"b", b"y"],
    [b"SET", b"key:1", b"string"],
]

LISTED = """
DEL ll
RPUSH ll a b c 1 2 3 c c
LPOS ll c
LPOS ll c RANK 2
LPOS ll c RANK -1
LPOS ll c COUNT 2
LPOS ll c COUNT 0
LPOS ll c RANK -1 COUNT 2
LPOS ll c RANK 0
LPOS ll c RANK -9223372036854775808
LPOS ll c COUNT -1
LPOS ll c MAXLEN -1
LPOS ll c RANK 5
LPOS ll c COUNT 0 MAXLEN 3
LPOS ll c COUNT 0 MAXLEN 3 RANK -1
BLPOP nolist 0.01
BLPOP nolist -1
BLPOP nolist nan
BLPOP nolist 1e300
BLMPOP 0.01 2 nolist ll LEFT COUNT 3
BLMOVE nolist ll LEFT RIGHT 0.01
BRPOPLPUSH ll ll 0
LRANGE ll 0 -1
DEL ll
"""
