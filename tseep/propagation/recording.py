"""Detection of changes, and propagation of the commands that made them to the append-only file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from tseep.errors import CommandError
from tseep.propagation.effects import Argv, Effects, effects
from tseep.replies import BLOCKED

if TYPE_CHECKING:
    from tseep.keyspace.database import Database
    from tseep.registry.table import Command, Function
    from tseep.session.session import Session

_LOST = (b"expired", b"evicted")
"""Events of keys that are deleted without a command."""

_CACHING = b"pfcount"
"""Not flagged as a write command, but stores the cached cardinality in the value."""

_GROUPING = (b"exec", b"eval", b"evalsha", b"fcall")
"""Commands that run other commands, whose effects are propagated as one transaction."""


class Recording:
    """
    Counts changes, and records the commands that made them.

    Wraps the functions of write commands, but only while there is a sink (C{append}): otherwise it costs nothing.

    @param rewrap: called when recording begins or ends.
    @param half_done: called with the name of a command that failed after it had changed something.
    @ivar dirty: number of changes since the last snapshot.
    @ivar append: the sink, called with a database number and the commands of one transaction; None if there is none.
    """

    def __init__(self, rewrap: Callable[[], None], half_done: Callable[[str], None]) -> None:
        self.dirty = 0
        self.append: Callable[[int, Effects], None] | None = None
        self._rewrap = rewrap
        self._half_done = half_done
        self._changed = False
        self._group: list[tuple[int, Argv]] | None = None
        self._abandoned = False

    def begin(self, append: Callable[[int, Effects], None]) -> None:
        """Record commands to the sink C{append}."""
        self.append = append
        self._rewrap()

    def end(self) -> None:
        if self.append is not None:
            self.append = None
            self._rewrap()

    def wrap(self, command: Command, run: Function) -> Function:
        """The function that runs a command: wrapped if the command can write and there is a sink."""
        if self.append is not None and ("write" in command.flags or command.name == _CACHING):
            return self._recorded(command.name, run)
        if self.append is not None and command.name in _GROUPING:
            return self._grouped(run)
        return run

    def _recorded(self, name: bytes, run: Function) -> Function:
        def record(session: Session, argv: Argv) -> Any:
            self._changed = False
            try:
                reply = run(session, argv)
            except CommandError:
                if self._changed:
                    self._note_half_done(name)
                raise
            if reply is BLOCKED and session.blocked is not None:
                session.blocked.on_served = lambda late: self._note(session, name, argv, late)
            elif self._changed:
                self._note(session, name, argv, reply)
            return reply

        return record

    def _note_half_done(self, name: bytes) -> None:
        """
        Handle a command that failed after it had changed something, which is a bug of that command. It cannot be
        recorded, as a recorded command must succeed when it is replayed; only a rewrite has the right data.
        """
        self._half_done(name.decode())

    def _note(self, session: Session, name: bytes, argv: Argv, reply: Any) -> None:
        self._record(session.db_index, effects(session, name, argv, reply))

    def _grouped(self, run: Function) -> Function:

        def group(session: Session, argv: Argv) -> Any:
            if self._group is not None:  # already in a transaction or script
                return run(session, argv)
            self._group, self._abandoned = [], False
            try:
                return run(session, argv)
            finally:
                together, self._group = self._group, None
                if not self._abandoned:
                    self._record_group(together)

        return group

    def abandon(self) -> None:
        """Record nothing of the transaction or script that runs: it ends in the middle."""
        self._abandoned = True

    def _record_group(self, group: list[tuple[int, Argv]]) -> None:
        """Pass the effects of a transaction or script, which can be in several databases, to the sink."""
        if group and self.append is not None:
            number = group[0][0]
            commands: Effects = []
            for database, argv in group:
                if database != number:
                    number = database
                    commands.append([b"SELECT", b"%d" % number])
                commands.append(argv)
            self.append(group[0][0], commands)
            if number != group[0][0]:
                self.append(number, [])

    def _record(self, number: int, commands: Effects) -> None:
        if self._group is not None:
            self._group += [(number, argv) for argv in commands]
        elif commands and self.append is not None:
            self.append(number, commands)

    # Notifications from the keyspace

    def note(self, db: Database, key: bytes, event: bytes, changes: int) -> None:
        """Count changes of a key; record a DEL if it expired or was evicted."""
        if event in _LOST:
            self._record(db.number, [[b"DEL", key]])
        elif changes:
            self.count(changes)

    def count(self, changes: int = 1) -> None:
        """Count changes: the running command is recorded."""
        self.dirty += changes
        self._changed = True
