"""
The binary protocol of the Go study: short frames, big-endian.

======== =====================================================================
READ     ``01``, body length u16 (= 1 + k), key length u8, key
WRITE    ``02``, body length u16 (= 2 + k + v), key length u8, key, value length u8, value
RESPONSE ``03``, value length u8, value
ERROR    ``04``, message length u8, message
======== =====================================================================

A READ is Redis's GET. A WRITE is Redis's SET, but its reply is the value that was written.
"""

from __future__ import annotations

from typing import Any, Callable

from tseep.errors import CommandError
from tseep.replies import Reply

READ, WRITE, RESPONSE, ERROR = 1, 2, 3, 4
LONGEST = 255
_HEADER = 3


class Parser:
    """
    Parser of READ and WRITE frames.

    @ivar error: the protocol error; None if there was none. Nothing is parsed after it.
    """

    __slots__ = ("error", "_tail")

    def __init__(self) -> None:
        self.error: bytes | None = None
        self._tail = b""

    @property
    def partial(self) -> bool:
        """False if the parser holds neither an incomplete frame nor an error."""
        return bool(self._tail) or self.error is not None

    @property
    def held(self) -> int:
        """Bytes of an incomplete frame."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[list[bytes]]:
        """
        Parse received bytes, which can be split anywhere.

        @return: the complete commands, C{[b"GET", key]} or C{[b"SET", key, value]}, in order.
        """
        commands: list[list[bytes]] = []
        if self._tail:
            data = self._tail + data
        start, size = 0, len(data)
        while start < size and self.error is None:
            end = self._end(data, start)
            if end > size:
                break
            if self.error is None:
                self._frame(data, start, end, commands)
                start = end
        self._tail = data[start:] if self.error is None else b""
        return commands

    def _end(self, data: bytes, start: int) -> int:
        """The end of the frame at C{start}; an offset past the data if the header is incomplete."""
        if data[start] not in (READ, WRITE):
            self.error = b"unknown opcode %d" % data[start]
            return start
        if len(data) - start < _HEADER:
            return len(data) + 1
        end = start + _HEADER + (data[start + 1] << 8 | data[start + 2])
        if end > start + _HEADER + 2 * (LONGEST + 1):
            self.error = b"the body length is more than a key and a value can take"
        return end

    def _frame(self, data: bytes, start: int, end: int, commands: list[list[bytes]]) -> None:
        """Add the command of a complete frame, or set the error if its lengths are inconsistent."""
        at = start + _HEADER
        key_end = at + 1 + data[at] if at < end else end + 1
        if data[start] == READ:
            if key_end == end:
                commands.append([b"GET", data[at + 1 : end]])
                return
        elif key_end < end and key_end + 1 + data[key_end] == end:
            commands.append([b"SET", data[at + 1 : key_end], data[key_end + 1 : end]])
            return
        self.error = b"the body length disagrees with its parts"


def _response(value: bytes) -> bytes:
    if len(value) > LONGEST:
        return encode_error(b"the value is longer than 255 bytes")
    return b"\x03%c%b" % (len(value), value)


def encode_error(message: bytes) -> bytes:
    """An ERROR frame; the message is truncated to 255 bytes."""
    message = message[:LONGEST]
    return b"\x04%c%b" % (len(message), message)


ENCODERS: dict[type, Callable[[Any], bytes]] = {
    bytes: _response,
    type(None): lambda _: _response(b""),
    CommandError: lambda error: encode_error(error.message),
}


def encode(reply: Reply) -> bytes:
    """The frame for the reply of a READ or a WRITE."""
    return ENCODERS[type(reply)](reply)
