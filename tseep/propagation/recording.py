"""Noticing what changes, and handing the commands that did it to the append-only file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from tseep.errors import CommandError
from tseep.propagation.effects import Argv, Effects, effects, is_quiet
from tseep.replies import BLOCKED

if TYPE_CHECKING:
    from tseep.keyspace.keyspace import Database
    from tseep.registry.table import Command, Function
    from tseep.session.session import Session

_LOST = (b"expired", b"evicted")
"""Events of keys that go without a command."""

_CACHING = b"pfcount"
"""Keeps what it has counted in the value, and so changes it, though it is no write."""

_GROUPING = (b"exec", b"eval", b"evalsha", b"fcall")
"""Commands that run others, whose effects belong together."""


class Recording:
    """
    Notices every change, and records the commands that made them.

    It stands around the functions of the commands that write, as long as there is somebody who wants to know:
    so at all other times it costs nothing.

    @param rewrap: called when recording begins or ends.
    @param half_done: called with the name of a command that failed after it had changed something.
    @ivar dirty: number of changes.
    @ivar append: takes the number of a database and commands that belong together; None if nobody wants them.
    """

    def __init__(self, rewrap: Callable[[], None], half_done: Callable[[str], None]) -> None:
        self.dirty = 0
        self.append: Callable[[int, Effects], None] | None = None
        self._rewrap = rewrap
        self._half_done = half_done
        self._changed = False
        self._group: list[tuple[int, Argv]] | None = None

    def begin(self, append: Callable[[int, Effects], None]) -> None:
        """Record from now on."""
        self.append = append
        self._rewrap()

    def end(self) -> None:
        """Record no more."""
        if self.append is not None:
            self.append = None
            self._rewrap()

    def wrap(self, command: Command, run: Function) -> Function:
        """A command's function that is recorded, if it changes anything and somebody wants to know."""
        if self.append is not None and ("write" in command.flags or command.name == _CACHING):
            return self._recorded(command.name, run)
        if self.append is not None and command.name in _GROUPING:
            return self._grouped(run)
        return run

    def _recorded(self, name: bytes, run: Function) -> Function:
        """A command's function that records what it did."""
        quiet = is_quiet(name)

        def record(session: Session, argv: Argv) -> Any:
            self._changed = False
            try:
                reply = run(session, argv)
            except CommandError:
                if self._changed:
                    self._note_half_done(name)
                raise
            if reply is BLOCKED and session.blocked is not None:
                session.blocked.served = lambda late: self._note(session, name, argv, late)
            elif self._changed or quiet:
                self._note(session, name, argv, reply)
            return reply

        return record

    def _note_half_done(self, name: bytes) -> None:
        """
        A command has failed after it had changed something, which none should: what is recorded must succeed when it
        is replayed, so only the data themselves can tell what there is now.
        """
        self._half_done(name.decode())

    def _note(self, session: Session, name: bytes, argv: Argv, reply: Any) -> None:
        self._record(session.db_index, effects(session, name, argv, reply))

    def _grouped(self, run: Function) -> Function:
        """A command's function whose commands belong together."""

        def group(session: Session, argv: Argv) -> Any:
            if self._group is not None:  # a script in a transaction
                return run(session, argv)
            self._group = []
            try:
                return run(session, argv)
            finally:
                together, self._group = self._group, None
                self._record_group(together)

        return group

    def _record_group(self, group: list[tuple[int, Argv]]) -> None:
        """What a transaction or script did, which may have selected several databases."""
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

    # What the keyspace tells

    def note(self, db: Database, key: bytes, event: bytes) -> None:
        """A key was changed."""
        self.dirty += 1
        if event in _LOST:
            self._record(db.number, [[b"DEL", key]])
        else:
            self._changed = True

    def note_all(self) -> None:
        """All keys of some databases have changed."""
        self.dirty += 1
        self._changed = True
