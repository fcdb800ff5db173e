"""The server's clock, which follows the test's own: freezegun and time-machine replace that."""

from __future__ import annotations

import time
from contextlib import ExitStack
from importlib import import_module
from typing import Any, Callable
from unittest import mock

from pytest_tseep.child import ChildProcess
from pytest_tseep.shared import Change

METHODS = {
    "freezegun.api": {
        "_freeze_time": ("start", "stop"),
        "FrozenDateTimeFactory": ("tick", "move_to"),
        "StepTickTimeFactory": ("tick", "move_to"),
        "TickingDateTimeFactory": ("tick", "move_to"),
    },
    "time_machine": {
        "travel": ("start", "stop"),
        "Traveller": ("shift", "move_to"),
        "Coordinates": ("shift", "move_to"),
    },
}
"""By module and class, the methods after which the time is another one."""


class Clock:
    """
    The clock of a server.

    In a C{with} block, it has the time of the test process whenever freezegun or time-machine change that.
    """

    def __init__(self, server: ChildProcess) -> None:
        self._server = server
        self._patches = ExitStack()

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Keys have expired and blocked commands have timed out when this returns."""
        self._server.advance(seconds)

    def set_time(self, seconds: float) -> None:
        """Set the clock, in seconds since the epoch."""
        self._server.set_time(seconds)

    def freeze(self, at: float | None = None) -> Change:
        """Stop the clock; at a time in seconds since the epoch, or where it is."""
        return self._server.freeze(at)

    def unfreeze(self) -> None:
        """Let the clock run on from where it stopped."""
        self._server.unfreeze()

    def sync(self) -> None:
        """Give the clock the time of the test process; stop it if that is stopped."""
        now = time.time()
        if _is_stopped(now):
            self._server.freeze(now)
        else:
            self._server.unfreeze()
            self._server.set_time(now)

    def __enter__(self) -> Clock:
        for module, classes in METHODS.items():
            try:
                found = import_module(module)
            except ImportError:
                continue
            for name, methods in classes.items():
                self._follow(getattr(found, name, None), methods)
        self.sync()
        return self

    def __exit__(self, *exception: object) -> None:
        self._patches.close()

    def _follow(self, owner: Any, methods: tuple[str, ...]) -> None:
        for name in methods:
            if owner is not None and name in vars(owner):
                self._patches.enter_context(mock.patch.object(owner, name, self._then_sync(vars(owner)[name])))

    def _then_sync(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*arguments: Any, **keywords: Any) -> Any:
            result = method(*arguments, **keywords)
            if self._server.status == "runs":
                self.sync()
            return result

        return replacement


def _is_stopped(now: float) -> bool:
    """Whether the time of the test process is still C{now} after a moment, which a running clock's never is."""
    begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    while time.clock_gettime_ns(time.CLOCK_MONOTONIC) - begin < 10_000:
        pass
    return time.time() == now
