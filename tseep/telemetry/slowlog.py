"""The slow log: the most recent slow commands (https://redis.io/docs/latest/commands/slowlog-get/)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tseep.session.session import Session

MOST_ARGUMENTS = 32
LONGEST_ARGUMENT = 128
NEVER = 2**63


class Entry(NamedTuple):
    """A slow command: C{when} in Unix seconds, its arguments, and the address and name of the client."""

    id: int
    when: int
    microseconds: int
    argv: list[bytes]
    peer: bytes
    name: bytes


class SlowLog:
    """
    The most recent slow commands, newest first.

    @ivar threshold_ns: minimum duration of a slow command, in nanoseconds.
    """

    def __init__(self) -> None:
        self.threshold_ns = NEVER
        self.entries: deque[Entry] = deque(maxlen=0)
        self._next_id = 0

    def configure(self, microseconds: int, length: int) -> None:
        """Set slowlog-log-slower-than (microseconds; negative: off) and slowlog-max-len."""
        self.threshold_ns = microseconds * 1000 if microseconds >= 0 else NEVER
        if length != self.entries.maxlen:
            self.entries = deque(list(self.entries)[:length], maxlen=length)

    def note(self, when: float, nanoseconds: int, argv: list[bytes], session: Session) -> None:
        """Add a command if it took at least the threshold."""
        if nanoseconds < self.threshold_ns:
            return
        entry = Entry(
            self._next_id, int(when), nanoseconds // 1000, _shorten(argv),
            session.connection.peer.encode(), session.name,
        )  # fmt: skip
        self._next_id += 1
        self.entries.appendleft(entry)


def _shorten(argv: list[bytes]) -> list[bytes]:
    """The arguments as the log keeps them: long ones, and long lists of them, are truncated as in Redis."""
    kept = [_shorten_argument(argument) for argument in argv[:MOST_ARGUMENTS]]
    if len(argv) > MOST_ARGUMENTS:
        kept[-1] = b"... (%d more arguments)" % (len(argv) - MOST_ARGUMENTS + 1)
    return kept


def _shorten_argument(argument: bytes) -> bytes:
    if len(argument) <= LONGEST_ARGUMENT:
        return argument
    return argument[:LONGEST_ARGUMENT] + b"... (%d more bytes)" % (len(argument) - LONGEST_ARGUMENT)
