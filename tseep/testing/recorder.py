"""The commands that the clients of a server under test send."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Callable

from pytest_tseep.shared import RecordedCommand
from tseep.coordination.monitor import Monitors

if TYPE_CHECKING:
    from tseep.coordination.timers import DeferredCalls
    from tseep.registry.table import Command
    from tseep.session.session import Session

REMEMBERED = 100
"""Commands that L{Recorder.last} can return."""

MAX_RECORDED = 100_000
"""Commands that a record keeps at most: the latest ones."""

MAX_ARGUMENT_BYTES = 4096
"""Bytes of an argument that L{Recorder.last} returns. A record has whole arguments."""

Entry = tuple[float, int, int, list[bytes]]
"""The Unix time in seconds, the client's ID (0 in a script), its database, and the command."""


class Recorder(Monitors):
    """
    Records what MONITOR's clients get, and what they do not: administrators' commands, and those that a fault refuses.

    An entry refers to the command's own list of arguments, in which AUTH and the like redact their secrets.

    @param check: called with a command inside a script before it runs; raises C{CommandError} to refuse it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        deferred: DeferredCalls,
        changed: Callable[[], None],
        check: Callable[[Session, Command, list[bytes]], None],
    ) -> None:
        super().__init__(clock, deferred, changed)
        self._check = check
        self.clear()

    def __bool__(self) -> bool:
        """True: every command takes the slow path, where it is recorded."""
        return True

    def clear(self) -> None:
        """Forget all commands, and end all records."""
        self._entries: deque[Entry] = deque(maxlen=REMEMBERED)
        self._records: dict[int, deque[Entry]] = {}

    def feed(self, session: Session, command: Command, argv: list[bytes]) -> None:
        self.note(session, argv)
        if not session.id:
            self._check(session, command, argv)
        if self._sessions:
            super().feed(session, command, argv)

    def note(self, session: Session, argv: list[bytes]) -> None:
        """Record a command."""
        entry = (self._clock(), session.id, session.db_index, argv)
        for record in self._records.values():
            record.append(entry)
        if any(len(argument) > MAX_ARGUMENT_BYTES for argument in argv):
            entry = (*entry[:3], [argument[:MAX_ARGUMENT_BYTES] for argument in argv])
        self._entries.append(entry)

    def start(self, number: int) -> None:
        """Begin a record."""
        self._records[number] = deque(maxlen=MAX_RECORDED)

    def stop(self, number: int) -> list[RecordedCommand]:
        """
        End a record and return its commands.

        @raise ValueError: if there is no such record, or a flush has ended it.
        """
        if number not in self._records:
            raise ValueError(f"there is no record {number}; flush ends all records")
        return [_shown(entry) for entry in self._records.pop(number)]

    def last(self, count: int) -> list[RecordedCommand]:
        """Return the last commands, oldest first; L{REMEMBERED} at most."""
        return [_shown(entry) for entry in list(self._entries)[-count:]] if count > 0 else []


def _shown(entry: Entry) -> RecordedCommand:
    when, client, database, argv = entry
    return RecordedCommand(client, database, [argument.decode("utf-8", "surrogateescape") for argument in argv], when)
