"""Shutdown code that the modes share."""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.task import deferLater

POLL_INTERVAL_S = 0.01
"""Seconds between two checks of a condition."""


async def wait_while(reactor: Any, condition: Callable[[], Any], timeout: float) -> None:
    """Wait while C{condition()} is true, but at most C{timeout} seconds."""
    deadline = reactor.seconds() + timeout
    while condition() and reactor.seconds() < deadline:
        await deferLater(reactor, POLL_INTERVAL_S)
