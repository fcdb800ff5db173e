"""The clock of a server under test: it runs with the machine's, but can be moved and stopped."""

from __future__ import annotations

import time
from typing import Callable

from pytest_tseep.shared import check_number

LATEST = 2.0**42
"""Unix seconds up to which the clock can be set; in milliseconds they fit into the server's integers of 64 bits."""


class MovableClock:
    """
    A wall clock, and a monotonic one that follows it forward: moving the wall clock back leaves the monotonic one.

    @param wall: returns the Unix time in seconds.
    @param timer: returns nanoseconds of a monotonic clock.
    """

    def __init__(self, wall: Callable[[], float] = time.time, timer: Callable[[], int] = time.perf_counter_ns) -> None:
        self._wall = wall
        self._timer = timer
        self._wall_offset = 0.0  # seconds by which the wall clock is ahead
        self._timer_offset = 0  # nanoseconds by which the monotonic one is
        self._stopped_at: tuple[float, int] | None = None  # what the machine's clocks showed then

    @property
    def frozen(self) -> bool:
        """Whether the clock is stopped."""
        return self._stopped_at is not None

    @property
    def moved(self) -> bool:
        """Whether the wall clock is not the machine's."""
        return self.frozen or self._wall_offset != 0

    def _read(self) -> tuple[float, int]:
        return self._stopped_at or (self._wall(), self._timer())

    def time(self) -> float:
        """Return the Unix time in seconds."""
        return self._read()[0] + self._wall_offset

    def nanoseconds(self) -> int:
        """Return the monotonic time in nanoseconds."""
        return self._read()[1] + self._timer_offset

    def advance(self, seconds: float) -> None:
        """
        Move the clock forward.

        @raise ValueError: if the number is negative, or leads beyond L{LATEST}.
        """
        if check_number(seconds, "seconds") < 0:
            raise ValueError(f"seconds is {seconds}, not at least 0; set_time moves the clock back")
        self.set(self.time() + seconds)

    def set(self, moment: float) -> None:
        """
        Set the wall clock to a Unix time in seconds.

        @raise ValueError: if it is negative or later than L{LATEST}.
        """
        _check_moment(moment)
        step = moment - self.time()
        self._wall_offset += step
        self._timer_offset += round(1e9 * max(0.0, step))

    def freeze(self, at: float | None = None) -> None:
        """
        Stop the clock, if it runs.

        @param at: the Unix time in seconds to set it to; None for the present time.
        @raise ValueError: as L{set}.
        """
        if at is not None:
            _check_moment(at)
        self._stopped_at = self._read()
        if at is not None:
            self.set(at)

    def unfreeze(self) -> None:
        """Let the clock run on from where it stands. No effect if it runs."""
        if self._stopped_at is not None:
            wall, timer = self._stopped_at
            self._wall_offset -= self._wall() - wall
            self._timer_offset -= self._timer() - timer
            self._stopped_at = None

    def reset(self) -> None:
        """Let the wall clock show the machine's time. The monotonic clock runs on."""
        self.unfreeze()
        self._wall_offset = 0.0


def _check_moment(moment: float) -> None:
    if not 0 <= check_number(moment, "the time") <= LATEST:
        raise ValueError(f"the time is {moment}, not between 0 and {LATEST:.0f} Unix seconds")
