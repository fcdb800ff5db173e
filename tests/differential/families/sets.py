"""Differential test of sets; see L{tests.differential.families}."""

from __future__ import annotations

from typing import Any, Callable

from ..pool import Pool

GROUP = "set"

POOLS = {
    ("", "member"): Pool([b"1", b"2", b"x", b"y"], [b"", b"\xff", b"01", b"x" * 65]),
    ("sscan", "cursor"): Pool([b"0"], [b"abc", b""]),
    ("sintercard", "numkeys"): Pool([b"1", b"2"], [b"0", b"-1", b"3", b"abc"]),
    ("sintercard", "limit"): Pool([b"0", b"1", b"2"], [b"-1", b"abc"]),
}

BEGIN: list[list[bytes]] = [
    [b"SADD", b"a", b"1", b"2"],
    [b"SADD", b"a", b"x"],
    [b"SADD", b"b", b"1", b"x", b"y"],
    [b"SADD", b"key:1", b"1"],
    [b"SET", b"key:1", b"string"],
]


def _in_any_order(reply: Any) -> list[Any]:
    return sorted(repr(part) for part in reply.value)


LOOSE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("smembers", "sinter", "sunion", "sdiff"), _in_any_order),
}

BY_HAND = {
    "spop": "picks at random: L{LISTED}, tseep.test.commands.data.test_sets",
    "srandmember": "picks at random: L{LISTED}, tseep.test.commands.data.test_sets",
}

LISTED = """
SADD lo 3 1 2 10 -5
SMEMBERS lo
SRANDMEMBER lo 5
SRANDMEMBER lo 99
SSCAN lo 0 COUNT 1
SORT lo BY nosort
SORT lo BY nosort DESC LIMIT 1 3
SADD lo2 7 1
SUNION lo lo2 nosuch
SDIFF lo lo2
SINTER lo lo
SADD lo x
SREM lo x
OBJECT ENCODING lo
SUNION lo
SUNIONSTORE lo2 lo
OBJECT ENCODING lo2
SPOP lo2 9
SDIFFSTORE lo2 lo nosuch
OBJECT ENCODING lo2
SPOP lo 99
DEL ls
SPOP ls
SPOP ls 3
SPOP ls -1
SPOP ls abc
SPOP ls 1 x
SRANDMEMBER ls
SRANDMEMBER ls 3
SRANDMEMBER ls abc
SRANDMEMBER ls 1 x
SRANDMEMBER ls 9223372036854775807
SADD ls one
SRANDMEMBER ls
SRANDMEMBER ls 3
SRANDMEMBER ls -3
SRANDMEMBER ls 0
SPOP ls 0
SPOP ls
EXISTS ls
SADD ls one
SPOP ls 5
EXISTS ls
"""
