"""Differential test of HyperLogLogs; see L{tests.differential.families}."""

from __future__ import annotations

from ..pool import Pool

GROUP = "hyperloglog"

ELEMENTS = [b"%d" % (number * number) for number in range(40)]


def _many(first: int, count: int) -> list[bytes]:
    return [b"element %d" % number for number in range(first, first + count)]


SPARSE = b"HYLL\x01" + bytes(10) + b"\x80"
DENSE = b"HYLL\x00" + bytes(10) + b"\x80"

POOLS = {
    ("", "element"): Pool(ELEMENTS, [b"", b"\xff\x00", b"12345678", b"x" * 17, b"y" * 1000]),
    ("pfdebug", "subcommand"): Pool([b"ENCODING", b"getreg", b"DECODE", b"TODENSE"], [b"", b"SIMD", b"\xff"]),
}

BEGIN: list[list[bytes]] = [
    [b"PFADD", b"a", *_many(0, 20)],
    [b"PFADD", b"a", *_many(0, 300)],
    [b"PFADD", b"a", *_many(100, 1480)],  # sparse, but for a few
    [b"PFADD", b"b", *_many(2000, 1500)],
    [b"PFADD", b"b", *_many(0, 3000)],
    [b"PFADD", b"key:1", *_many(0, 5)],
    [b"SET", b"b", SPARSE + b"\x3f" * 256],  # longer than embstr, from which Redis's PFADD makes raw
    [b"SET", b"b", DENSE + b"\xff" * 12288],
    [b"SET", b"key:1", SPARSE + b"\x00" * 100],
    [b"SET", b"key:1", DENSE + b"\x82\x20\x08" * 4096],
    [b"SET", b"key:1", b"string"],
    [b"SETRANGE", b"a", b"15", b"\x00"],
    [b"SETRANGE", b"b", b"4", b"\x02"],
]

BY_HAND = {"pfselftest": "takes redis-server seconds: tseep.test.commands.data.test_hyperloglog"}

LISTED = """
PFADD a
PFADD a
GET a
PFCOUNT a
GET a
PFADD a x
PFCOUNT a
GET a
PFMERGE b
GET b
OBJECT ENCODING b
PFMERGE b a nosuch
PFMERGE c
GET c
PFCOUNT nosuch
PFCOUNT nosuch nosuch
EXPIRE a 1000
PFADD a y
TTL a
PFMERGE a b
TTL a
PFCOUNT a
TTL a
SET s HYLL
PFADD s x
PFCOUNT s
PFMERGE s
PFMERGE a s
PFDEBUG ENCODING s
SET s HYLL00000000000000000000000000000000000000000000000000
PFADD s x
PFDEBUG NOSUCH a
PFDEBUG ENCODING nosuch
PFSELFTEST x
DEL a b c s
"""
