"""What is done again and again, in parts of which none stops another."""

from __future__ import annotations

import traceback
from typing import Callable


class Repeated:
    """
    Runs the parts of what is done again and again, each by itself: one that fails is tried again the next time, and
    the others run. The log hears of it when a part begins to fail, with the traceback, and when it works again.

    @param warn: called with a text for the log.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._failing: set[str] = set()

    def run(self, name: str, part: Callable[[], object]) -> None:
        """
        Run one part.

        @param name: what the log calls it.
        """
        try:
            part()
        except Exception:
            if name not in self._failing:
                self._failing.add(name)
                self._warn(f"{name} failed, and is tried again and again:\n{traceback.format_exc().rstrip()}")
        else:
            if name in self._failing:
                self._failing.remove(name)
                self._warn(f"{name} works again")
