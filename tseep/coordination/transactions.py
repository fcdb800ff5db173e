"""What is queued, and which keys are watched (https://redis.io/docs/latest/develop/interact/transactions/)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tseep.errors import CommandError
from tseep.keyspace.keyspace import Database

if TYPE_CHECKING:
    from tseep.registry.table import Command
    from tseep.session.session import Session


class Transaction:
    """
    What a client has said between MULTI and EXEC.

    @ivar queue: the commands to run.
    @ivar refused: whether one was refused, so that none is to be run.
    """

    __slots__ = ("queue", "refused")

    def __init__(self) -> None:
        self.queue: list[tuple[Command, list[bytes]]] = []
        self.refused = False


def end_transaction(session: Session) -> None:
    """Forget what a client has queued, and what it watches."""
    session.transaction = None
    session.server.changes.watching.forget(session)


def aborted(reason: CommandError) -> CommandError:
    """What EXEC answers where it runs nothing for a reason of its own."""
    text = reason.message
    return CommandError(b"EXECABORT Transaction discarded because of: " + text[4 * text.startswith(b"ERR ") :])


class Watching:
    """
    The keys that clients watch.

    @param databases: how many there are.
    """

    def __init__(self, databases: int) -> None:
        self._watchers: list[dict[bytes, set[Session]]] = [{} for _ in range(databases)]

    def __bool__(self) -> bool:
        """Whether any key is watched."""
        return any(self._watchers)

    def watch(self, session: Session, key: bytes) -> None:
        """Let a client know, by its C{dirty_cas}, when a key of its database changes."""
        place = session.db, key
        if place not in session.watched:
            session.watched = (*session.watched, place)
            self._watchers[session.db.number].setdefault(key, set()).add(session)

    def forget(self, session: Session) -> None:
        """A client watches nothing any more."""
        for db, key in session.watched:
            watchers = self._watchers[db.number]
            watchers[key].discard(session)
            if not watchers[key]:
                del watchers[key]
        session.watched = ()
        session.dirty_cas = False

    def note(self, db: Database, key: bytes) -> None:
        """A key has changed."""
        for session in self._watchers[db.number].get(key, ()):
            session.dirty_cas = True

    def note_all(self, databases: Iterable[Database]) -> None:
        """All keys that there are in some databases are about to be removed."""
        for db in databases:
            for key in self._watchers[db.number]:
                if db.peek(key) is not None:
                    self.note(db, key)

    def note_swapped(self, first: Database, second: Database) -> None:
        """Two databases have exchanged their contents."""
        for db in (first, second):
            for key in list(self._watchers[db.number]):
                if first.peek(key) is not None or second.peek(key) is not None:
                    self.note(db, key)
