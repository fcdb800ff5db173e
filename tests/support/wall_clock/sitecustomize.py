"""
A wall clock that a test sets. In every Python process with this folder on its C{PYTHONPATH}, C{time.time} is shifted by
the number of seconds at the start of the file named by C{WALL_CLOCK}, which also has a counter of calls of C{os.fsync}.
"""

from __future__ import annotations

import mmap
import os
import struct
import time

_time, _fsync = time.time, os.fsync
with open(os.environ["WALL_CLOCK"], "r+b") as _file:
    _shared = mmap.mmap(_file.fileno(), 16)


def _turned() -> float:
    return _time() + float(struct.unpack_from("d", _shared)[0])


def _counted(descriptor: int) -> None:
    _fsync(descriptor)
    struct.pack_into("Q", _shared, 8, struct.unpack_from("Q", _shared, 8)[0] + 1)


time.time = _turned
os.fsync = _counted  # type: ignore[assignment]
