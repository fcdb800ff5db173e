"""Periodic tasks whose failures are independent of each other."""

from __future__ import annotations

import traceback
from typing import Callable


class Repeated:
    """
    Runs the parts of a periodic task. A part that raises is retried the next time, and does not stop the others. The
    log gets its first failure, with the traceback, and its recovery.

    @param warn: called with a text for the log.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._failing: set[str] = set()

    def run(self, name: str, part: Callable[[], object]) -> None:
        """
        Run one part.

        @param name: the part's name in the log.
        """
        try:
            part()
        except Exception:
            if name not in self._failing:
                self._failing.add(name)
                self._warn(f"{name} failed; will be retried each time:\n{traceback.format_exc().rstrip()}")
        else:
            if name in self._failing:
                self._failing.remove(name)
                self._warn(f"{name} works again")
