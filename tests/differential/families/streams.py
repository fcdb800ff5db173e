"""Differential test of streams; see L{tests.differential.families}."""

from __future__ import annotations

from typing import Any, Callable

from ..pool import Pool

GROUP = "stream"

_ID = Pool([b"1-1", b"2-1", b"3-0", b"5", b"2-2", b"4-5"], [b"0-0", b"abc", b"", b"-1", b"1-", b"1-1-1", b"1-*"])
_BOUND = Pool([b"-", b"+", b"1-1", b"2", b"(1-1", b"(3-0"], [b"abc", b"(", b"(-", b"(0-0", b""])
_COUNT = Pool([b"1", b"2", b"10"], [b"0", b"-1", b"abc"])
_GROUP = Pool([b"g", b"g", b"h"], [b"none"])
_CONSUMER = Pool([b"alice", b"bob"])
_IDLE = Pool([b"0", b"0", b"100000"], [b"-1", b"abc"])

POOLS = {
    ("", "id"): _ID,
    ("xadd", "id_or_auto"): _ID,  # what the clock makes is never the same
    ("", "last-id"): Pool([b"9-9", b"5-0"], [b"1-1", b"abc"]),
    ("", "max_deleted_entry_id"): _ID,
    ("", "entries_added"): Pool([b"10", b"3"], [b"-1", b"0", b"abc"]),
    ("", "entries_read"): Pool([b"1", b"2", b"-1"], [b"-2", b"abc"]),
    ("", "groupname"): _GROUP,
    ("", "group"): _GROUP,
    ("", "consumer"): _CONSUMER,
    ("", "consumername"): _CONSUMER,
    ("", "min-idle-time"): _IDLE,
    ("", "ms"): Pool([b"0", b"1000"], [b"-1", b"abc"]),
    **{(name, "threshold"): Pool([b"1", b"2", b"2-1", b"0"], [b"-1", b"abc"]) for name in ("xadd", "xtrim")},
    **{(name, end): _BOUND for name in ("xrange", "xrevrange", "xpending") for end in ("start", "end")},
    ("xautoclaim", "start"): Pool([b"-", b"0-0", b"2-1"], [b"abc", b"(", b"+"]),
    **{
        (name, "count"): _COUNT
        for name in ("xrange", "xrevrange", "xread", "xreadgroup", "xpending", "xinfo|stream", "xautoclaim", "xclaim")
    },
    **{(name, "milliseconds"): Pool([b"5", b"10"], [b"-1", b"abc"]) for name in ("xread", "xreadgroup")},
    ("xread", "id"): Pool([b"0", b"1-1", b"$", b"2"], [b">", b"abc"]),
    ("xreadgroup", "id"): Pool([b">", b">", b">", b"0", b"1-1"], [b"$", b"abc"]),
    **{(name, "id"): Pool([b"$", b"0", b"1-1", b"3"], [b"abc"]) for name in ("xgroup|create", "xgroup|setid")},
}

BEGIN: list[list[bytes]] = [
    *[[b"XADD", b"a", id, b"f", b"v"] for id in (b"1-1", b"2-1", b"2-2")],
    [b"XADD", b"b", b"3-0", b"x", b"1", b"y", b"2"],
    [b"XGROUP", b"CREATE", b"a", b"g", b"0", b"MKSTREAM"],
    [b"XGROUP", b"CREATE", b"b", b"g", b"$", b"MKSTREAM"],
    [b"XREADGROUP", b"GROUP", b"g", b"alice", b"COUNT", b"2", b"STREAMS", b"a", b">"],
    [b"SET", b"key:1", b"string"],
]


def _without_times(reply: Any) -> Any:
    """A reply without times (large numbers) and without fields that depend on Redis's representation of a stream."""
    loose = {b"idle", b"seen-time", b"radix-tree-nodes", b"radix-tree-keys"}

    def shown(part: Any) -> Any:
        if isinstance(part.value, list):
            parts = [shown(each) for each in part.value]
            for at, each in enumerate(part.value[:-1]):
                if isinstance(each.value, bytes) and each.value in loose:
                    parts[at + 1] = "loose"
            return parts
        return "time" if part.mark == ":" and int(part.value) > 10**12 else (part.mark, part.value)

    return shown(reply)


def _pending_without_times(reply: Any) -> Any:
    """XPENDING's reply without the idle times."""
    if reply.value and isinstance(reply.value[0].value, list):
        return [[repr(part) for at, part in enumerate(each.value) if at != 2] for each in reply.value]
    return repr(reply)


LOOSE: dict[str, Callable[[Any], Any]] = {
    "xadd": lambda reply: len(reply.value) < 14 or "by the clock",
    "xpending": _pending_without_times,
    **dict.fromkeys(("xinfo|stream", "xinfo|consumers", "xinfo|groups"), _without_times),
}

BY_HAND = {
    "xinfo|help": "the words are our own: test_help",
    "xgroup|help": "the words are our own: test_help",
}

LISTED = """
DEL lx lx2
XADD lx 1-1 a b
XADD lx 1-* a b
XADD lx 1-2 a b
XADD lx 0-0 a b
XADD lx 0-* a b
XADD lx 18446744073709551615-18446744073709551615 a b
XADD lx * a b
XADD lx 18446744073709551615-* a b
XADD lx2 NOMKSTREAM 1-1 a b
XADD lx2 NOMKSTREAM
XADD lx2 0-* a b
XADD lx2 MAXLEN
XADD lx2 MAXLEN 1 MINID 1 5-1 a b
XADD lx2 MAXLEN = 1 5-1 a b
XADD lx2 MAXLEN ~ 1 LIMIT 5 6-1 a b
XADD lx2 MAXLEN 1 LIMIT 5 7-1 a b
XADD lx2 LIMIT 5 7-1 a b
XADD lx2 LIMIT -5 7-1 a b
XADD lx2 MAXLEN ~ -1 7-1 a b
XADD lx2 7-1 a
XADD lx2 7-1 a b c
XADD lx2 MAXLEN 2 *
XLEN lx2
XTRIM lx2 MAXLEN 0
EXISTS lx2
XINFO STREAM lx2
XINFO STREAM lx2 FULL
XINFO STREAM lx2 FULL COUNT
XINFO STREAM lx2 FULL COUNT 0
XINFO STREAM lx2 FULL COUNT -1
XINFO STREAM lx2 SOME
XINFO STREAM nosuch SOME
XTRIM lx2
XTRIM lx2 LIMIT 1
XTRIM lx2 LIMIT 0
XTRIM lx2 MAXLEN 1 LIMIT 1
XTRIM lx2 MAXLEN ~ 1 LIMIT 1
XREAD STREAMS lx
XREAD COUNT 1
XREAD COUNT 1 BLOCK 5 STREAMS lx $
XREAD BLOCK -1 STREAMS lx $
XREAD BLOCK x STREAMS lx $
XREAD GROUP g c STREAMS lx 0
XREAD NOACK STREAMS lx 0
XREAD STREAMS lx >
XREAD STREAMS lx nosuch 0 0
XREAD STREAMS lx lx 0 0
XREADGROUP GROUP g c STREAMS lx
XREADGROUP GROUP g c STREAMS lx >
XREADGROUP COUNT 1 NOACK STREAMS lx >
XREADGROUP COUNT 1 NOACK NOACK STREAMS lx >
XGROUP CREATE lx g 0
XGROUP CREATE lx g 0
XGROUP CREATE lx h $ ENTRIESREAD 1
XGROUP CREATE lx h2 $ ENTRIESREAD -2
XGROUP CREATE lx h2 $ NONSENSE
XGROUP CREATE nosuch g 0
XGROUP SETID lx nosuch 0
XGROUP SETID nosuch nosuch 0
XGROUP DESTROY nosuch g
XGROUP DESTROY lx nosuch
XREADGROUP GROUP g c COUNT 1 STREAMS lx >
XREADGROUP GROUP g c STREAMS lx 0
XREADGROUP GROUP g d STREAMS lx 0
XREADGROUP GROUP g c NOACK STREAMS lx >
XREADGROUP GROUP g c STREAMS lx $
XREADGROUP GROUP g c BLOCK 5 STREAMS lx >
XPENDING lx g
XPENDING lx g - + 10
XPENDING lx g IDLE 0 - + 10 c
XPENDING lx g IDLE 0 - +
XPENDING lx g - +
XPENDING lx nosuch
XINFO GROUPS lx
XINFO CONSUMERS lx g
XINFO CONSUMERS lx nosuch
XCLAIM lx g d 0 1-1
XCLAIM lx g d 0 1-2 FORCE JUSTID
XCLAIM lx g d 0 1-2 FORCE IDLE 1000 RETRYCOUNT 7
XCLAIM lx g d x 1-1
XCLAIM lx g d 0 1-1 NONSENSE
XCLAIM lx g d 0 1-1 IDLE x
XCLAIM lx g d 0 1-1 TIME 0 LASTID 0-1
XPENDING lx g - + 10
XDEL lx 1-1
XAUTOCLAIM lx g e 0 - COUNT 1
XAUTOCLAIM lx g e 0 0 COUNT 0
XAUTOCLAIM lx g e 0 0 NONSENSE
XAUTOCLAIM lx g e 0 0 JUSTID
XAUTOCLAIM lx g e 0 0
XAUTOCLAIM lx nosuch e 0 0
XACK lx g 1-2 1-2 9-9
XACK lx nosuch 1-2
XACK lx g abc
XPENDING lx g
XGROUP CREATECONSUMER lx g new
XGROUP CREATECONSUMER lx g new
XGROUP DELCONSUMER lx g new
XGROUP DELCONSUMER lx g nosuch
XGROUP DESTROY lx g
XSETID lx 18446744073709551615-18446744073709551615 ENTRIESADDED 1
XSETID lx2 1-1
XSETID lx2 9-9 ENTRIESADDED 100 MAXDELETEDID 8-1
XSETID lx2 9-9 MAXDELETEDID 10-1
XSETID lx2 7-1
XSETID lx2 9-9 NONSENSE
XSETID nosuch 1-1
XINFO STREAM lx2
OBJECT ENCODING lx
TYPE lx
COPY lx lx3
XRANGE lx3 - +
XREVRANGE lx + - COUNT 1
XRANGE lx - + COUNT 0
XRANGE lx - + COUNT -1
XRANGE lx - + NONSENSE
XRANGE lx (18446744073709551615-18446744073709551615 +
XRANGE lx - (0-0
DEL lx lx2 lx3
"""
