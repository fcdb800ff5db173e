"""How often keys are used, in as little as when (https://redis.io/docs/latest/develop/reference/eviction/#lfu-eviction)."""

from __future__ import annotations

import random
from collections.abc import Mapping

INITIAL_COUNTER = 5
"""The counter of a key that is new, so that it is not the first to go (LFU_INIT_VAL)."""

MAX_COUNTER = 255


class LFUCounters(dict[bytes, int]):
    """
    In place of the times of last use: for each key a counter, and the minute in which it was looked at last.

    Setting a key's time of use, as a database does with every use, counts it: the more uses there have been, the
    rarer the counter goes up. It goes down with time. So whoever notes uses need not know which of the two is kept.

    @ivar factor: the higher, the more uses it takes (lfu-log-factor).
    @ivar decay: minutes after which a counter is one lower; 0 for never (lfu-decay-time).
    """

    __slots__ = ("decay", "factor")

    def __init__(self, entries: Mapping[bytes, int], factor: int, decay: int) -> None:
        super().__init__(entries)
        self.factor = factor
        self.decay = decay

    def __setitem__(self, key: bytes, second: int) -> None:
        minute = second // 60
        known = self.get(key)
        counter = INITIAL_COUNTER if known is None else self._incremented(self._decayed(known, minute))
        super().__setitem__(key, minute << 8 | counter)

    def set_counter(self, key: bytes, second: int, counter: int) -> None:
        """Give a key a counter at a time."""
        super().__setitem__(key, second // 60 << 8 | counter)

    def frequency(self, key: bytes, second: int) -> int:
        """A key's counter at a time, from 0 to 255."""
        return self._decayed(self[key], second // 60)

    def _decayed(self, known: int, minute: int) -> int:
        passed = minute - (known >> 8)
        return max(0, (known & MAX_COUNTER) - (passed // self.decay if self.decay else 0))

    def _incremented(self, counter: int) -> int:
        if counter < MAX_COUNTER and random.random() * (max(0, counter - INITIAL_COUNTER) * self.factor + 1) < 1:
            return counter + 1
        return counter
