"""The slow log: the last commands that took too long (https://redis.io/docs/latest/commands/slowlog-get/)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tseep.session.session import Session

MOST_ARGUMENTS = 32
LONGEST_ARGUMENT = 128
NEVER = 2**63


class Entry(NamedTuple):
    """One slow command: when (Unix seconds), how long (microseconds), what, and who sent it."""

    id: int
    when: int
    microseconds: int
    argv: list[bytes]
    peer: bytes
    name: bytes


class SlowLog:
    """
    The last slow commands, youngest first.

    @ivar threshold_ns: from how many nanoseconds on a command is slow.
    """

    def __init__(self) -> None:
        self.threshold_ns = NEVER
        self.entries: deque[Entry] = deque(maxlen=0)
        self._next_id = 0

    def configure(self, microseconds: int, length: int) -> None:
        """Log what takes at least so many microseconds (negative: nothing), and keep C{length} entries."""
        self.threshold_ns = microseconds * 1000 if microseconds >= 0 else NEVER
        if length != self.entries.maxlen:
            self.entries = deque(list(self.entries)[:length], maxlen=length)

    def note(self, when: float, nanoseconds: int, argv: list[bytes], session: Session) -> None:
        """A command took C{nanoseconds}; it is kept if that is slow."""
        if nanoseconds < self.threshold_ns:
            return
        entry = Entry(
            self._next_id, int(when), nanoseconds // 1000, _shorten(argv),
            session.connection.peer.encode(), session.name,
        )  # fmt: skip
        self._next_id += 1
        self.entries.appendleft(entry)


def _shorten(argv: list[bytes]) -> list[bytes]:
    """The command as it is kept: long arguments and long lists of them are cut, and say by how much."""
    kept = [_shorten_argument(argument) for argument in argv[:MOST_ARGUMENTS]]
    if len(argv) > MOST_ARGUMENTS:
        kept[-1] = b"... (%d more arguments)" % (len(argv) - MOST_ARGUMENTS + 1)
    return kept


def _shorten_argument(argument: bytes) -> bytes:
    if len(argument) <= LONGEST_ARGUMENT:
        return argument
    return argument[:LONGEST_ARGUMENT] + b"... (%d more bytes)" % (len(argument) - LONGEST_ARGUMENT)
