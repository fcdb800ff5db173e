"""What the modes share when they end."""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.task import deferLater

POLL = 0.01
"""Seconds between looks."""


async def wait_while(reactor: Any, going_on: Callable[[], Any], most: float) -> None:
    """Wait while something goes on, but not longer than C{most} seconds."""
    deadline = reactor.seconds() + most
    while going_on() and reactor.seconds() < deadline:
        await deferLater(reactor, POLL)
