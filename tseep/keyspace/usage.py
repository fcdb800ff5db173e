"""LFU access counters of keys, one int for each (https://redis.io/docs/latest/develop/reference/eviction/#lfu-eviction)."""

from __future__ import annotations

import random
from collections.abc import Mapping

INITIAL_COUNTER = 5
"""Counter of a new key, so that it is not evicted first (LFU_INIT_VAL)."""

MAX_COUNTER = 255


class LFUCounters(dict[bytes, int]):
    """
    A logarithmic access counter for each key, and the minute of its last access.

    It replaces the dictionary of last access times: assigning the time of an access, as a database does either way,
    counts the access. The higher the counter, the less likely an access increments it; it decays with time.

    @ivar factor: the higher, the more accesses an increment takes (lfu-log-factor).
    @ivar decay: minutes after which a counter is decremented; 0 for never (lfu-decay-time).
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
        """Set a key's counter, 0 to 255, as of a time in seconds (RESTORE FREQ)."""
        super().__setitem__(key, second // 60 << 8 | counter)

    def frequency(self, key: bytes, second: int) -> int:
        """A key's counter after its decay until a time in seconds; 0 to 255."""
        return self._decayed(self[key], second // 60)

    def _decayed(self, known: int, minute: int) -> int:
        passed = minute - (known >> 8)
        return max(0, (known & MAX_COUNTER) - (passed // self.decay if self.decay else 0))

    def _incremented(self, counter: int) -> int:
        if counter < MAX_COUNTER and random.random() * (max(0, counter - INITIAL_COUNTER) * self.factor + 1) < 1:
            return counter + 1
        return counter
