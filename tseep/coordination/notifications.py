"""Keyspace notifications (https://redis.io/docs/latest/develop/use/keyspace-notifications/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, FrozenSet

from tseep.keyspace.keyspace import Database

if TYPE_CHECKING:
    from tseep.coordination.pubsub import PubSub

ORDER = "g$lshzxetdnKEm"
"""The letters as CONFIG GET shows them."""

ALL = frozenset("g$lshzxetd")
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
CLASSES: Dict[bytes, str] = {name.encode(): letter for letter, names in _EVENTS.items() for name in names.split()}
"""By event, the letter of its class."""


def read_classes(text: str) -> FrozenSet[str]:
    """
    The classes that C{notify-keyspace-events} asks for.

    @raise ValueError: if there is another letter in it.
    """
    chosen = set(text)
    if not chosen <= set("AKEd").union(_EVENTS):
        raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    if "A" in chosen:
        chosen = chosen - {"A"} | ALL
    return frozenset(chosen)


class Notifications:
    """
    Publishes what happens to keys.

    @ivar classes: what is asked for: C{K} or C{E} for the channels, and the classes of events.
    """

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self.classes: FrozenSet[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether any event may be published."""
        return not self.classes.isdisjoint("KE")

    def tell(self, db: Database, key: bytes, event: bytes) -> None:
        """Publish an event if its class is asked for."""
        classes = self.classes
        if not classes or CLASSES[event] not in classes:
            return
        if "K" in classes:
            self._pubsub.publish(b"__keyspace@%d__:%b" % (db.number, key), event)
        if "E" in classes:
            self._pubsub.publish(b"__keyevent@%d__:%b" % (db.number, event), key)
