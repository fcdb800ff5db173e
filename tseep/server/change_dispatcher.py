"""Who wants to know what happens to keys: whoever watches them, waits for them, or listens to notifications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tseep.coordination.notifications import Notifications
from tseep.coordination.transactions import Watching
from tseep.keyspace.keyspace import Database

if TYPE_CHECKING:
    from tseep.server.server import Server


class Changes:
    """
    Passes on what the keyspace tells. While nobody is interested the keyspace tells nothing, which costs nothing.

    @ivar watching: the keys of WATCH.
    @ivar blocking: the keys of BLPOP and the like.
    @ivar tracking: the keys that clients have in a cache.
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
        """Look anew whether anybody is interested. To be called when somebody begins to be."""
        interested = (
            self.watching or self.blocking or self.tracking or self.notifications or self._persistence or self._eviction
        )
        self._keyspace.observe(self if interested else None)

    # Observer of the keyspace

    def created(self, db: Database, key: bytes) -> None:
        """A key that was not there is now."""
        self.notifications.publish(db, key, b"new")

    def changed(self, db: Database, key: bytes, event: bytes) -> None:
        """A key was changed or removed."""
        self._recording.note(db, key, event)
        if self._eviction.limit:
            self._eviction.note(db, key)
        self.watching.note(db, key)
        self.blocking.note(db, key)
        if self.tracking:
            self.tracking.note(key, event)
        if event:
            self.notifications.publish(db, key, event)

    def missed(self, db: Database, key: bytes) -> None:
        """A command wanted to read a key that was not there."""
        self.notifications.publish(db, key, b"keymiss")

    def flushed(self, databases: Iterable[Database]) -> None:
        """Every key of some databases is about to be forgotten."""
        databases = list(databases)
        self._recording.note_all()
        self._eviction.note_flushed(databases)
        self.watching.note_all(databases)
        self.blocking.note_all(databases)
        self.tracking.note_all()

    def swapped(self, first: Database, second: Database) -> None:
        """Two databases have exchanged their contents."""
        self._recording.note_all()
        self._eviction.note_swapped(first, second)
        self.watching.note_swapped(first, second)
        self.blocking.note_all([first, second])
