"""
The frames between the workers and the owner, the process that has the data.

A frame has a header of nine bytes, little-endian: its type (u8), the number of the worker's client (u32; 0 for none),
and the length of its payload (u32).

=========== ========= ==================================================================================
type        sent by   meaning and payload
=========== ========= ==================================================================================
OPENED      worker    a client has connected. JSON: C{peer}, C{host}, C{fileno}, and C{reserved}
BYTES       both      data from the client, or for it
EOF         worker    the client has shut down its writing side, and may wait for replies
CLOSED      worker    the connection is closed
CLOSE       owner     close the connection when the client has taken all data
ABORT       owner     close the connection at once
ACK_REQUEST owner     answer ACK when the client has taken all data before this, but for a small rest
ACK         worker    it has
BEGIN       owner     begin to listen. JSON: a list of endpoint and whether it is reserved
PING        owner     answer PONG
PONG        worker    JSON: what the worker costs
FINISH      owner     accept no more connections, and read what has come
FINISHED    worker    all that has come was sent
=========== ========= ==================================================================================
"""

from __future__ import annotations

from struct import Struct

OPENED, BYTES, EOF, CLOSED, CLOSE, ABORT, ACK_REQUEST, ACK, BEGIN, PING, PONG, FINISH, FINISHED = range(1, 14)

Frame = tuple[int, int, bytes]
"""Type, number of the client, payload."""

MAX_FRAME_BYTES = 64 * 1024
"""The longest payload in bytes. Longer data are sent as several frames, so that neither end buffers large ones."""

_HEAD = Struct("<BII")
_SIZE = _HEAD.size

head = _HEAD.pack
"""The head of a frame: C{head(kind, number, size)}."""


def split(data: bytes) -> tuple[list[Frame], bytes]:
    """Split a stream into the frames that are whole by now, and what is left."""
    frames: list[Frame] = []
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
        self.parts: list[bytes] = []

    def say(self, kind: int, number: int = 0, text: bytes = b"") -> None:
        """Put in one frame that is not too long."""
        self.parts += head(kind, number, len(text)), text

    def say_bytes(self, number: int, data: bytes) -> None:
        """Put in what a client has sent, or is to be sent, of any length."""
        if len(data) <= MAX_FRAME_BYTES:
            self.parts += head(BYTES, number, len(data)), data
            return
        for begin in range(0, len(data), MAX_FRAME_BYTES):
            self.say(BYTES, number, data[begin : begin + MAX_FRAME_BYTES])

    def take(self) -> bytes:
        """Everything that was put in since this was called the last time."""
        parts, self.parts = self.parts, []
        return b"".join(parts)
