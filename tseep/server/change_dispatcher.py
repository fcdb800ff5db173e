"""Passes changes of keys on: to WATCH, blocked clients, client-side caching, notifications and persistence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tseep.coordination.notifications import Notifications
from tseep.coordination.transactions import Watching
from tseep.keyspace.database import Database

if TYPE_CHECKING:
    from tseep.server.server import Server


class Changes:
    """
    The observer of the keyspace. It is detached while none of its recipients is active, so that writes cost nothing.

    @ivar watching: WATCH.
    @ivar blocking: BLPOP and other blocking commands.
    @ivar tracking: client-side caching.
    @ivar notifications: keyspace notifications.
    """

    def __init__(self, server: Server) -> None:
        self.watching = Watching(len(server.keyspace.databases))
        self.blocking = server.blocking
        self.tracking = server.tracking
        self.notifications = Notifications(server.pubsub)
        self._keyspace = server.keyspace
        self._eviction = server.eviction
        self._persistence = server.persistence
        self._recording = server.persistence.recording

    def update(self) -> None:
        """Attach or detach the observer. Call it when a recipient becomes active."""
        active = (
            self.watching or self.blocking or self.tracking or self.notifications or self._persistence or self._eviction
        )
        self._keyspace.observe(self if active else None)

    # Observer of the keyspace

    def created(self, db: Database, key: bytes) -> None:
        self.notifications.publish(db, key, b"new")

    def changed(self, db: Database, key: bytes, event: bytes, changes: int) -> None:
        self.watching.note(db, key)
        self.blocking.note(db, key)
        if self.tracking:
            self.tracking.note(key, event)
        self.noted(db, key, event, changes)

    def noted(self, db: Database, key: bytes, event: bytes, changes: int) -> None:
        self._recording.note(db, key, event, changes)
        if self._eviction.limit:
            self._eviction.note(db, key)
        if event:
            self.notifications.publish(db, key, event)

    def readied(self, db: Database, key: bytes) -> None:
        self.blocking.note(db, key)

    def missed(self, db: Database, key: bytes) -> None:
        """A command read a key that does not exist."""
        self.notifications.publish(db, key, b"keymiss")

    def flushed(self, databases: Iterable[Database]) -> None:
        """Databases are about to be emptied."""
        databases = list(databases)
        self._recording.count(sum(map(len, databases)))
        self._eviction.note_flushed(databases)
        self.watching.note_all(databases)
        self.blocking.note_all(databases)
        self.tracking.note_all()

    def swapping(self, first: Database, second: Database) -> None:
        self._recording.count()
        if first is not second:
            self.watching.note_swapping(first, second)
            self._eviction.note_swapping(first, second)
            self.blocking.note_all([first, second])
