"""Keyspace notifications (https://redis.io/docs/latest/develop/use/keyspace-notifications/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.keyspace.events import CLASSES
from tseep.keyspace.keyspace import Database

if TYPE_CHECKING:
    from tseep.coordination.pubsub import PubSub


class Notifications:
    """
    Publishes what happens to keys.

    @ivar classes: what is asked for: C{K} or C{E} for the channels, and the classes of events.
    """

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self.classes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether any event may be published."""
        return not self.classes.isdisjoint("KE")

    def publish(self, db: Database, key: bytes, event: bytes) -> None:
        """Publish an event if its class is asked for."""
        classes = self.classes
        if not classes or CLASSES[event] not in classes:
            return
        if "K" in classes:
            self._pubsub.publish(b"__keyspace@%d__:%b" % (db.number, key), event)
        if "E" in classes:
            self._pubsub.publish(b"__keyevent@%d__:%b" % (db.number, event), key)
