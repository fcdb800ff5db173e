"""Freeing what is large bit by bit, so that nobody has to wait for it (https://redis.io/docs/latest/commands/unlink/)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Deque, Protocol

from tseep.datatypes.collection import Collection

if TYPE_CHECKING:
    from tseep.server.server import Server

FEW = 64
"""Elements that are freed at once, as nothing is gained by waiting."""

BATCH = 256
"""Elements between two looks at the timer."""

SPELL = 1_000_000
"""Nanoseconds that are spent at a time."""

PAUSE = 3
"""Milliseconds between two such times, for everybody else."""


class Releasable(Protocol):
    """What can be freed bit by bit."""

    def __len__(self) -> int:
        """How many elements it has."""

    def release(self, most: int) -> bool:
        """Give back up to about C{most} elements; return whether there are more."""


class Garbage:
    """
    What is to be freed.

    @ivar freed: how many values or databases were freed here.
    """

    def __init__(self, server: Server) -> None:
        self.freed = 0
        self._server = server
        self._pending: Deque[Releasable] = deque()

    def __len__(self) -> int:
        """How many values or databases wait to be freed."""
        return len(self._pending)

    def add_value(self, value: Any) -> None:
        """Free a key's value, which nobody else has."""
        if isinstance(value, Collection) and len(value) > FEW:
            self.add(value)

    def add(self, releasable: Releasable) -> None:
        """Free something bit by bit."""
        if not self._pending:
            self._sleep()
        self._pending.append(releasable)

    def _sleep(self) -> None:
        self._server.alarms.set(self._server.milliseconds() + PAUSE, self._free)

    def _free(self) -> None:
        timer = self._server.timer
        end = timer() + SPELL
        while self._pending and timer() < end:
            if not self._pending[0].release(BATCH):
                self._pending.popleft()
                self.freed += 1
        if self._pending:
            self._sleep()
