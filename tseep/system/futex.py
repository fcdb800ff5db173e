"""
The futex hash table of this process.

The kernel keeps each thread that sleeps in futex(2) in a slot of a hash table, by the address of the lock. Since Linux
6.16 a process with threads has its own table, with 16 slots on a machine of up to four cores; prctl(2) reads and sets
the number of slots. Source: C{include/uapi/linux/prctl.h}.
"""

from __future__ import annotations

import ctypes

PR_FUTEX_HASH = 78
PR_FUTEX_HASH_SET_SLOTS = 1
PR_FUTEX_HASH_GET_SLOTS = 2


def _prctl(operation: int, slots: int = 0) -> int:
    """Call prctl(2). Return -1 if it fails, or if the C library has no such function."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return -1 if prctl is None else int(prctl(PR_FUTEX_HASH, operation, ctypes.c_ulong(slots), ctypes.c_ulong(0)))


def set_slots(count: int) -> None:
    """
    Set the number of slots. Does nothing on kernels before Linux 6.16.

    @param count: a power of two, or 0 for the global table.
    """
    _prctl(PR_FUTEX_HASH_SET_SLOTS, count)


def slots() -> int:
    """
    Return the number of slots; 0 if the process uses the global table, as all did before Linux 6.16, and as a process
    without threads does.
    """
    return max(0, _prctl(PR_FUTEX_HASH_GET_SLOTS))
