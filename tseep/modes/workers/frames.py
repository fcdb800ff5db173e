"""
The frames on the link between a worker and the owner, the process that has the data.

The header of a frame has nine bytes, little-endian: the type (u8), the number of the worker's client (u32; 0 if the
frame concerns the worker itself), and the length of the payload (u32).

=========== ========= ==================================================================================
type        sent by   meaning and payload
=========== ========= ==================================================================================
OPENED      worker    a client has connected. JSON: C{peer}, C{host}, C{fileno}, and C{reserved}
BYTES       both      data from the client, or for it
EOF         worker    the client has shut down its writing side, and can still read replies
CLOSED      worker    the connection is closed
CLOSE       owner     close the connection when the client has read all data
ABORT       owner     close the connection at once
ACK_REQUEST owner     send ACK when the client has read all data before this, but for a small rest
ACK         worker    the client has read them
BEGIN       owner     begin to listen. JSON: pairs of an endpoint and whether its clients are reserved
LISTEN      owner     listen on one more socket, which the owner has sent. JSON: as a pair of BEGIN
UNLISTEN    owner     close the port of an endpoint, which is the payload
PING        owner     send PONG
PONG        worker    JSON: CPU time, memory, event-loop lag and batch sizes of the worker
DRAIN       owner     accept no more connections, and read what has arrived
DRAINED     worker    everything that had arrived is sent
=========== ========= ==================================================================================
"""

from __future__ import annotations

from struct import Struct

OPENED, BYTES, EOF, CLOSED, CLOSE, ABORT, ACK_REQUEST, ACK, BEGIN, PING, PONG, DRAIN, DRAINED = range(1, 14)
LISTEN, UNLISTEN = range(14, 16)

Frame = tuple[int, int, bytes]
"""Type, number of the client, payload."""

MAX_FRAME_BYTES = 64 * 1024
"""Maximum payload. Longer data are sent as several frames, so that neither side buffers large ones."""

_HEADER = Struct("<BII")
_HEADER_BYTES = _HEADER.size

header = _HEADER.pack
"""The header of a frame: C{header(kind, number, size)}."""


def split(data: bytes) -> tuple[list[Frame], bytes]:
    """Split a stream into its complete frames and the rest."""
    frames: list[Frame] = []
    at, end, unpack = 0, len(data), _HEADER.unpack_from
    while end - at >= _HEADER_BYTES:
        kind, number, size = unpack(data, at)
        begin = at + _HEADER_BYTES
        if begin + size > end:
            break
        at = begin + size
        frames.append((kind, number, data[begin:at]))
    return frames, data[at:]


class Outbox:
    """
    Frames that leave in one write.

    @ivar parts: their headers and payloads.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def add_frame(self, kind: int, number: int = 0, payload: bytes = b"") -> None:
        """Add one frame with a payload of at most L{MAX_FRAME_BYTES}."""
        self.parts += header(kind, number, len(payload)), payload

    def add_data(self, number: int, data: bytes) -> None:
        """Add data of a client, of any length, as BYTES frames."""
        if len(data) <= MAX_FRAME_BYTES:
            self.parts += header(BYTES, number, len(data)), data
            return
        for begin in range(0, len(data), MAX_FRAME_BYTES):
            self.add_frame(BYTES, number, data[begin : begin + MAX_FRAME_BYTES])

    def pop_all(self) -> bytes:
        """Remove and return everything that was added."""
        parts, self.parts = self.parts, []
        return b"".join(parts)
