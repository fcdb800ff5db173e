"""
Lazy free: large values are freed in small steps, between which clients are served. Source:
https://redis.io/docs/latest/commands/unlink/, redis/src/lazyfree.c (where a thread does it).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Protocol

from tseep.datatypes.collection import Collection

IMMEDIATE_ELEMENTS = 64
"""Number of elements up to which a value is freed at once."""

BATCH_ELEMENTS = 256
"""Number of elements that are freed between two checks of the timer."""

STEP_NS = 1_000_000
"""Nanoseconds of one step."""

PAUSE_MS = 3
"""Milliseconds between two steps, in which clients are served."""


class Releasable(Protocol):
    """A value or a database that can be freed in steps."""

    def __len__(self) -> int:
        """The number of elements."""

    def release(self, most: int) -> bool:
        """Free about C{most} elements. Return whether there are more."""


class DetachedDatabase:
    """
    The former contents of a database, for lazy free.

    @param contents: its dictionaries; the first one has the values.
    """

    def __init__(self, *contents: dict[Any, Any]) -> None:
        self._contents = list(contents)
        self._collections: list[Collection] = []

    def __len__(self) -> int:
        return sum(map(len, self._contents))

    def release(self, most: int) -> bool:
        """Free about C{most} entries, or elements of a value. Return whether there are more."""
        if self._collections:
            if not self._collections[-1].release(most):
                self._collections.pop()
        elif self._contents[0]:
            self._pop(self._contents[0], most)
        else:
            del self._contents[0]
        return bool(self._contents or self._collections)

    def _pop(self, entries: dict[Any, Any], most: int) -> None:
        for _ in range(min(most, len(entries))):
            value = entries.popitem()[1]
            if isinstance(value, Collection):
                self._collections.append(value)


class LazyFree:
    """
    The values and databases that are being freed.

    @param timer: returns nanoseconds of a monotonic clock.
    @param call_later: calls a function after the given milliseconds.
    @ivar freed: number of values and databases that were freed.
    """

    def __init__(self, timer: Callable[[], int], call_later: Callable[[int, Callable[[], None]], object]) -> None:
        self.freed = 0
        self._timer = timer
        self._call_later = call_later
        self._pending: deque[Releasable] = deque()

    def __len__(self) -> int:
        """The number of values and databases that are still to free."""
        return len(self._pending)

    def add_value(self, value: Any) -> None:
        """Free the value of a deleted key. Nothing else may refer to it."""
        if isinstance(value, Collection) and len(value) > IMMEDIATE_ELEMENTS:
            self.add(value)

    def add(self, releasable: Releasable) -> None:
        """Free a value or a database in steps."""
        if not self._pending:
            self._call_later(PAUSE_MS, self._step)
        self._pending.append(releasable)

    def _step(self) -> None:
        end = self._timer() + STEP_NS
        while self._pending and self._timer() < end:
            if not self._pending[0].release(BATCH_ELEMENTS):
                self._pending.popleft()
                self.freed += 1
        if self._pending:
            self._call_later(PAUSE_MS, self._step)
