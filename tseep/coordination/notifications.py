"""Keyspace notifications (https://redis.io/docs/latest/develop/use/keyspace-notifications/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.keyspace.database import Database
from tseep.keyspace.events import CLASSES

if TYPE_CHECKING:
    from tseep.coordination.pubsub import PubSub


class Notifications:
    """
    Publishes keyspace events.

    @ivar classes: the letters of notify-keyspace-events: C{K} and C{E} for the channels, and the classes of events.
    """

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self.classes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """True if events of some class are enabled."""
        return not self.classes.isdisjoint("KE")

    def publish(self, db: Database, key: bytes, event: bytes) -> None:
        """Publish an event of a key if its class is enabled."""
        classes = self.classes
        if not classes or CLASSES[event] not in classes:
            return
        if "K" in classes:
            self._pubsub.publish(b"__keyspace@%d__:%b" % (db.number, key), event)
        if "E" in classes:
            self._pubsub.publish(b"__keyevent@%d__:%b" % (db.number, event), key)
