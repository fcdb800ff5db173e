"""The seed's native frames, written here a second time on purpose.

The rig shares no code with the server: a codec used on both sides hides its own faults. All
numbers are big-endian; a key or value has at most 255 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from enum import Enum

READ, WRITE, RESPONSE, ERROR = 1, 2, 3, 4
SIZE = 255
EMPTY = bytes((RESPONSE, 0))

_head = struct.Struct(">BHB").pack


class Verdict(Enum):
    """What the bytes of an answer are, beside the answer expected."""

    PARTIAL = "not all of it yet"
    RIGHT = "the answer expected"
    WRONG = "a frame with another value"
    ERROR = "an ERROR frame"
    GARBAGE = "no frame of the protocol, or more bytes than one frame"


def read_frame(key: bytes) -> bytes:
    """Return the READ frame that asks for `key`."""
    return _head(READ, 1 + len(key), len(key)) + key


def write_frame(key: bytes, value: bytes) -> bytes:
    """Return the WRITE frame that stores `value` under `key`."""
    head = _head(WRITE, 2 + len(key) + len(value), len(key))
    return b"".join((head, key, bytes((len(value),)), value))


def response_frame(value: bytes) -> bytes:
    """Return the RESPONSE frame that carries `value`."""
    return bytes((RESPONSE, len(value))) + value


def judge(answer: bytes, expected: bytes) -> Verdict:
    """Say what `answer`, all bytes received since the request, is beside the frame `expected`."""
    if answer == expected:
        return Verdict.RIGHT
    if answer[0] not in (RESPONSE, ERROR):
        return Verdict.GARBAGE
    if len(answer) < 2 or len(answer) < 2 + answer[1]:
        return Verdict.PARTIAL
    if len(answer) > 2 + answer[1]:
        return Verdict.GARBAGE
    return Verdict.ERROR if answer[0] == ERROR else Verdict.WRONG


def difference(answer: bytes, expected: bytes) -> str:
    """Say in words where a RESPONSE differs from the one expected."""
    if len(answer) != len(expected):
        return f"a value of {len(answer) - 2} bytes for one of {len(expected) - 2}"
    first = next(at for at, byte in enumerate(answer) if byte != expected[at])
    return f"a value of {len(answer) - 2} bytes, wrong from byte {first - 2}"


def pair(seed: int, number: int, turn: int) -> tuple[bytes, bytes]:
    """Return a key and a value of 255 bytes for one client's turn, the same for the same seed.

    A hash gives them without any state, so they do not depend on how the clients are spread
    over processes.
    """
    text = b"%d/%d/%d" % (seed, number, turn)
    drawn = hashlib.shake_128(text).digest(2 * SIZE)
    return drawn[:SIZE], drawn[SIZE:]


def check(seed: int, number: int, turns: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield one client's requests, each with its right answer.

    A turn reads a key that nobody wrote, writes it, and reads it back.
    """
    for turn in range(turns):
        key, value = pair(seed, number, turn)
        answer = response_frame(value)
        yield read_frame(key), EMPTY
        yield write_frame(key, value), answer
        yield read_frame(key), answer
