"""
The kernel's table of the threads that sleep in futex(2).

Every lock that a thread waits for is in a slot of this table, whoever else sleeps there. Linux 6.16 and later give each
process with threads a table of its own, of 16 slots on a small machine. Source: C{include/uapi/linux/prctl.h}, and
futex(2).
"""

from __future__ import annotations

import ctypes

PR_FUTEX_HASH = 78
PR_FUTEX_HASH_SET_SLOTS = 1
PR_FUTEX_HASH_GET_SLOTS = 2


def _prctl(operation: int, slots: int = 0) -> int:
    """Call prctl(2); -1 where it fails, or where there is none."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return -1 if prctl is None else int(prctl(PR_FUTEX_HASH, operation, ctypes.c_ulong(slots), ctypes.c_ulong(0)))


def set_slots(count: int) -> None:
    """
    Give this process a table of so many slots. Nothing is done where the kernel knows nothing of it.

    @param count: a power of two.
    """
    _prctl(PR_FUTEX_HASH_SET_SLOTS, count)


def slots() -> int:
    """
    The slots of this process's own table. 0 where it has none: it shares the system's table, as all did before Linux
    6.16, and as a process without threads does.
    """
    return max(0, _prctl(PR_FUTEX_HASH_GET_SLOTS))
