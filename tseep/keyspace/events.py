"""
The events of keys and their classes, as C{notify-keyspace-events} names them. Source:
https://redis.io/docs/latest/develop/use/keyspace-notifications/.
"""

from __future__ import annotations

SHOWN_ORDER = "g$lshzxetdnKEm"
"""The letters in the order of CONFIG GET."""

ALL_CLASSES = frozenset("g$lshzxetd")
"""The classes that C{A} stands for: all but misses and new keys."""

_EVENTS = {
    "g": "del rename_from rename_to move_from move_to copy_to restore expire persist",
    "$": "set setrange incrby incrbyfloat append setbit pfadd getdel",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hincrby hincrbyfloat hdel",
    "z": "zadd zincr zrem zremrangebyscore zremrangebyrank zremrangebylex zpopmin zpopmax zrangestore zunionstore "
    "zinterstore zdiffstore geosearchstore georadiusstore",
    "t": "xadd xdel xtrim xsetid xgroup-create xgroup-setid xgroup-destroy xgroup-createconsumer xgroup-delconsumer",
    "x": "expired",
    "e": "evicted",
    "m": "keymiss",
    "n": "new",
}

CLASSES: dict[bytes, str] = {name.encode(): letter for letter, names in _EVENTS.items() for name in names.split()}
"""The letter of an event's class, by the event's name."""


def read_classes(text: str) -> frozenset[str]:
    """
    Parse a value of C{notify-keyspace-events}: its letters, where C{A} is expanded to all classes but C{m} and C{n}.

    @raise ValueError: if the text has another letter.
    """
    chosen = set(text)
    if not chosen <= set("AKEd").union(_EVENTS):
        raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    if "A" in chosen:
        chosen = chosen - {"A"} | ALL_CLASSES
    return frozenset(chosen)
