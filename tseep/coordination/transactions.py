"""Queued commands of MULTI, and watched keys (https://redis.io/docs/latest/develop/interact/transactions/)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tseep.errors import CommandError
from tseep.keyspace.database import Database

if TYPE_CHECKING:
    from tseep.registry.table import Command
    from tseep.session.session import Session


class Transaction:
    """
    The state of a client between MULTI and EXEC.

    @ivar queue: the queued commands with their arguments.
    @ivar bytes: the size of their arguments. C{flags}: the flags of any of them.
    @ivar refused: True if a command was not queued because of an error, so EXEC fails.
    """

    __slots__ = ("bytes", "flags", "queue", "refused")

    def __init__(self) -> None:
        self.queue: list[tuple[Command, list[bytes]]] = []
        self.bytes = 0
        self.flags: set[str] = set()
        self.refused = False

    def add(self, command: Command, argv: list[bytes]) -> None:
        """Queue a command."""
        self.queue.append((command, argv))
        self.bytes += sum(map(len, argv))
        self.flags |= command.flags


def end_transaction(session: Session) -> None:
    """Discard a client's queued commands and its watched keys."""
    session.transaction = None
    session.server.changes.watching.forget(session)


def aborted(reason: CommandError) -> CommandError:
    """The EXECABORT error of an EXEC that fails because of C{reason}."""
    text = reason.message
    return CommandError(b"EXECABORT Transaction discarded because of: " + text[4 * text.startswith(b"ERR ") :])


class Watching:
    """
    The watched keys of all clients.

    @param databases: number of databases.
    """

    def __init__(self, databases: int) -> None:
        self._watchers: list[dict[bytes, set[Session]]] = [{} for _ in range(databases)]

    def __bool__(self) -> bool:
        """True if any client watches a key."""
        return any(self._watchers)

    def watch(self, session: Session, key: bytes) -> None:
        """Watch a key of the client's database: its C{dirty_cas} is set when the key changes."""
        place = session.db, key
        if place not in session.watched:
            session.watched = (*session.watched, place)
            self._watchers[session.db.number].setdefault(key, set()).add(session)

    def forget(self, session: Session) -> None:
        """Remove all watched keys of a client (UNWATCH)."""
        for db, key in session.watched:
            watchers = self._watchers[db.number]
            watchers[key].discard(session)
            if not watchers[key]:
                del watchers[key]
        session.watched = ()
        session.dirty_cas = False

    def note(self, db: Database, key: bytes) -> None:
        """Set C{dirty_cas} of the clients that watch a key."""
        for session in self._watchers[db.number].get(key, ()):
            session.dirty_cas = True

    def note_all(self, databases: Iterable[Database]) -> None:
        """As L{note}, for all existing keys of some databases, which are about to be removed."""
        for db in databases:
            for key in self._watchers[db.number]:
                if db.peek(key) is not None:
                    self.note(db, key)

    def note_swapping(self, first: Database, second: Database) -> None:
        """
        As L{note}, for the keys that exist in one of two databases, whose contents are about to be swapped. A key that
        has expired is deleted before, in its own database: it is a change for those clients alone that watch it there.
        """
        for db in (first, second):
            for key in list(self._watchers[db.number]):
                if [each for each in (first, second) if each.peek(key) is not None]:
                    self.note(db, key)
