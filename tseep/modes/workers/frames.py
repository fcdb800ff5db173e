"""
What workers and the owner of the data say to each other: frames, one after the other.

A frame has a head of nine bytes, little-endian: what it is (u8), which of the worker's clients it is about (u32), and
the size of what follows (u32).

======== ========= =====================================================================================
frame    said by   what follows
======== ========= =====================================================================================
OPENED   worker    a client has come: JSON, its C{peer}, C{host}, C{fileno} and whether it is C{reserved}
BYTES    both      what the client has sent, or is to be sent
ENDED    worker    nothing: the client has said its last word, and may wait for answers
CLOSED   worker    nothing: the client is gone
CLOSE    owner     nothing: close it when it has taken what it was sent
ABORT    owner     nothing: close it at once
MARK     owner     nothing: tell when it has taken what it was sent before this, but for a small rest
TAKEN    worker    nothing: it has
BEGIN    owner     JSON: on what to listen, a list of endpoint and whether it is reserved
PING     owner     nothing
PONG     worker    JSON: what the worker costs
FINISH   owner     nothing: accept no more, read what has come
FINISHED worker    nothing: all that has come was said
======== ========= =====================================================================================
"""

from __future__ import annotations

from struct import Struct
from typing import List, Tuple

OPENED, BYTES, ENDED, CLOSED, CLOSE, ABORT, MARK, TAKEN, BEGIN, PING, PONG, FINISH, FINISHED = range(1, 14)

Frame = Tuple[int, int, bytes]
"""What it is, the number of the client that it is about (0 for none), and what follows."""

MOST = 64 * 1024
"""Bytes that follow one head at most: longer texts are several frames, so that no end has to gather large ones."""

_HEAD = Struct("<BII")
_SIZE = _HEAD.size

head = _HEAD.pack
"""The head of a frame: C{head(kind, number, size)}."""


def split(data: bytes) -> Tuple[List[Frame], bytes]:
    """Split a stream into the frames that are whole by now, and what is left."""
    frames: List[Frame] = []
    at, end, unpack = 0, len(data), _HEAD.unpack_from
    while end - at >= _SIZE:
        kind, number, size = unpack(data, at)
        begin = at + _SIZE
        if begin + size > end:
            break
        at = begin + size
        frames.append((kind, number, data[begin:at]))
    return frames, data[at:]


class Outbox:
    """
    Frames that are to leave together.

    @ivar parts: the bytes so far, heads and what follows them.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: List[bytes] = []

    def say(self, kind: int, number: int = 0, text: bytes = b"") -> None:
        """Put in one frame that is not too long."""
        self.parts += head(kind, number, len(text)), text

    def say_bytes(self, number: int, data: bytes) -> None:
        """Put in what a client has sent, or is to be sent, of any length."""
        if len(data) <= MOST:
            self.parts += head(BYTES, number, len(data)), data
            return
        for begin in range(0, len(data), MOST):
            self.say(BYTES, number, data[begin : begin + MOST])

    def take(self) -> bytes:
        """Everything that was put in since this was called the last time."""
        parts, self.parts = self.parts, []
        return b"".join(parts)
