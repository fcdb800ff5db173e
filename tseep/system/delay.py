"""Delays for tests of loading and saving (redis/src/debug.c, debugDelay)."""

from __future__ import annotations

import random
import time


def delay(microseconds: int) -> None:
    """Sleep. For a negative number I{-n}, sleep a microsecond in one of I{n} calls: that is shorter than any sleep."""
    if microseconds > 0:
        time.sleep(microseconds / 1e6)
    elif microseconds and not random.randrange(-microseconds):
        time.sleep(1e-6)
