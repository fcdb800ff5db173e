"""Access to the server for the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from tseep.interfaces import IMode

T = TypeVar("T")


def ask(mode: IMode, read: Callable[[], T]) -> T:
    """Call a function that reads the server, under the mode's lock if it has one; return its result."""
    results: list[T] = []
    mode.call(lambda: results.append(read()))
    return results[0]
