"""Differential test of hashes; see L{tests.differential.families}."""

from __future__ import annotations

from typing import Any, Callable

from ..pool import Pool

GROUP = "hash"

FIELDS = Pool([b"f", b"g", b"h"], [b"", b"\xff", b"x" * 65])

POOLS = {
    ("", "field"): FIELDS,
    **{
        (name, "value"): Pool([b"1", b"-5", b"3.5", b"text", b"10"], [b"", b"9223372036854775807", b"x" * 65, b"inf"])
        for name in ("hset", "hmset", "hsetnx")
    },
    ("hscan", "cursor"): Pool([b"0"], [b"abc", b""]),
    ("hrandfield", "count"): Pool([b"1", b"2", b"-3", b"10", b"0"], [b"abc", b"9223372036854775807"]),
}

BEGIN: list[list[bytes]] = [
    [b"HSET", b"a", b"f", b"1", b"g", b"text"],
    [b"HSET", b"a", b"h", b"3.5"],
    [b"HSET", b"b", b"f", b"10", b"x" * 65, b"2"],
    [b"SET", b"b", b"string"],
]


def _in_any_order(reply: Any) -> list[Any]:
    return sorted(repr(part) for part in reply.value)


LOOSE: dict[str, Callable[[Any], Any]] = {
    "hgetall": _in_any_order,
    "hkeys": _in_any_order,
    "hvals": _in_any_order,
}

BY_HAND = {"hrandfield": "picks at random: L{LISTED}, tseep.test.commands.data.test_hashes"}

LISTED = """
HSET lo b 1 a 2 c 3
HSET lo b 4
HSCAN lo 0 COUNT 1
HSCAN lo 99 COUNT 1 MATCH [ab]
HRANDFIELD lo 3
HRANDFIELD lo 9 WITHVALUES
HSET lo a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
HSET lo a 1
OBJECT ENCODING lo
COPY lo lo2
OBJECT ENCODING lo2
DEL lo lo2
DEL lh
HRANDFIELD lh
HRANDFIELD lh 5
HRANDFIELD lh abc
HRANDFIELD lh 1 NONSENSE
HRANDFIELD lh 1 WITHVALUES x
HSET lh f 1
HRANDFIELD lh
HRANDFIELD lh 5
HRANDFIELD lh 5 WITHVALUES
HRANDFIELD lh -3
HRANDFIELD lh -3 WITHVALUES
HRANDFIELD lh 0
HRANDFIELD lh 9223372036854775807 WITHVALUES
HRANDFIELD lh -9223372036854775808 WITHVALUES
DEL lh
"""
