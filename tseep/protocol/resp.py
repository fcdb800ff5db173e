"""
RESP2, RESP3 and inline commands, as Redis 7 reads and writes them.

Sources: https://redis.io/docs/latest/develop/reference/protocol-spec/ and redis/src/networking.c, which has the
error texts.
"""

from __future__ import annotations

from typing import Any, Callable

from tseep.algorithms.numeric import double_text, integer
from tseep.errors import CommandError
from tseep.protocol.inline import UnbalancedQuotes, split_words
from tseep.replies import (
    Attributed,
    BigNumber,
    Blocked,
    Encoded,
    NoReply,
    NullArray,
    Push,
    SetReply,
    Several,
    Status,
    Verbatim,
)

LONGEST_LINE = 64 * 1024
MOST_ARGUMENTS = 2**31 - 1
UNAUTHENTICATED_ARGUMENTS = 10
UNAUTHENTICATED_BULK = 16 * 1024
ARGUMENT_OVERHEAD = 64

# The headers of short arrays and bulk strings, so that the common ones cost a look-up and no conversion. The span of
# an array is its number of lines.
_SHORT = 1024
_SPANS = {b"*%d" % count: 1 + 2 * count for count in range(1, _SHORT)}
_LENGTHS = {b"$%d" % length: length for length in range(_SHORT)}
_BULK_HEADS = [b"$%d\r\n" % length for length in range(_SHORT)]

_STAR, _DOLLAR = b"*$"

Encoder = Callable[[Any], bytes]
Encoders = dict[type, Encoder]


class Limits:
    """
    Limits on what a client sends, in bytes. All parsers of a server share the object, so CONFIG SET reaches them.

    @ivar bulk: maximum length of an argument (proto-max-bulk-len).
    @ivar query_buffer: maximum size of an incomplete command (client-query-buffer-limit).
    """

    __slots__ = ("bulk", "query_buffer")

    def __init__(self, bulk: int = 512 * 1024 * 1024, query_buffer: int = 1024 * 1024 * 1024) -> None:
        self.bulk = bulk
        self.query_buffer = query_buffer


class Parser:
    """
    Parser of commands: from bytes to lists of arguments, which begin with the command's name.

    The usual read holds complete commands whose arguments contain no CRLF: one split finds them all. Anything else (an
    incomplete command, an argument that contains CRLF, an inline command, a protocol error) is parsed step by step, and
    no byte of it twice.

    @ivar error: the protocol error in Redis's words; None if there was none. Nothing is parsed after it. Empty where
        Redis closes the connection without an error reply.
    @ivar awaited: missing bytes of the incomplete argument, with its CRLF; 0 if there is none.
    @ivar partial: False if the parser holds neither an incomplete command nor an error.
    @ivar trusted: True if the client is authenticated. Before that, lower limits apply, and C{feed} returns one
        command at a time, as each may be the AUTH that lifts them.
    """

    __slots__ = ("error", "trusted", "_limits", "_tail", "_argv", "_missing", "awaited", "_body", "_taken", "partial")

    def __init__(self, limits: Limits, trusted: bool = True) -> None:
        self.error: bytes | None = None
        self.trusted = trusted
        self._limits = limits
        self._tail = b""
        self._argv: list[bytes] | None = None  # the arguments of the incomplete command
        self._missing = 0  # number of its arguments that are still missing
        self.awaited = 0
        self._body: bytearray | None = None  # its received bytes
        self._taken = 0  # bytes that its complete arguments use
        self.partial = False  # whether any of the above can differ

    @property
    def held(self) -> int:
        """Bytes of an incomplete command."""
        return self._taken + len(self._tail) + (len(self._body) if self._body else 0)

    def feed(self, data: bytes) -> list[list[bytes]]:
        """
        Parse received bytes, which can be split anywhere.

        @return: the commands that are complete now, in order.
        """
        commands: list[list[bytes]] = []
        if self.partial or not self.trusted:
            data = self._tail + data
            data = data[self._pieces(data, 0, commands, 1) :]
            if not self.trusted or self._argv is not None or self.error is not None:
                self._keep(data)
                return commands
            self._tail = b""
            self.partial = False
        at = whole_commands(data, commands)
        if at < len(data):
            self._keep(data[self._pieces(data, at, commands, len(data)) :])
        return commands

    def _keep(self, tail: bytes) -> None:
        self._tail = tail
        self.partial = True
        if self._argv is not None and self.held > self._limits.query_buffer:
            self.error = b""

    def _pieces(self, data: bytes, at: int, commands: list[list[bytes]], most: int) -> int:
        """Parse from C{at} until C{most} commands are complete or the data end; return the offset reached."""
        before = -1
        while before < at < len(data) and self.error is None and len(commands) < most:
            before = at
            if self._argv is None:
                at = self._start(data, at, commands)
            elif self.awaited:
                at = self._read_body(data, at, commands)
            else:
                at = self._read_length(data, at)
        return at

    def _start(self, data: bytes, at: int, commands: list[list[bytes]]) -> int:
        if data[at] == _STAR:
            return self._read_count(data, at)
        return self._read_inline(data, at, commands)

    def _read_inline(self, data: bytes, at: int, commands: list[list[bytes]]) -> int:
        end = self._line_end(data, at, b"\n", b"too big inline request")
        if end < 0:
            return at
        try:
            words = split_words(data[at:end].rstrip(b"\r"))
        except UnbalancedQuotes:
            self.error = b"unbalanced quotes in request"
            return at
        if words:
            commands.append(words)
        return end + 1

    def _read_count(self, data: bytes, at: int) -> int:
        end = self._line_end(data, at, b"\r", b"too big mbulk count string")
        if end < 0 or end + 2 > len(data):
            return at
        count = integer(data[at + 1 : end])
        if count is None or count > MOST_ARGUMENTS:
            self.error = b"invalid multibulk length"
        elif count > UNAUTHENTICATED_ARGUMENTS and not self.trusted:
            self.error = b"unauthenticated multibulk length"
        elif count > 0:
            self._argv = []
            self._missing = count
        return end + 2

    def _read_length(self, data: bytes, at: int) -> int:
        end = self._line_end(data, at, b"\r", b"too big bulk count string")
        if end < 0 or end + 2 > len(data):
            return at
        length = integer(data[at + 1 : end])
        if data[at] != _DOLLAR:
            self.error = b"expected '$', got '%c'" % data[at]
        elif length is None or not 0 <= length <= self._limits.bulk:
            self.error = b"invalid bulk length"
        elif length > UNAUTHENTICATED_BULK and not self.trusted:
            self.error = b"unauthenticated bulk length"
        else:
            self.awaited = length + 2
        return end + 2

    def _line_end(self, data: bytes, at: int, mark: bytes, too_big: bytes) -> int:
        """The offset of the line end after C{at}; -1 if it is not received yet, or the line is too long."""
        end = data.find(mark, at, at + LONGEST_LINE + 1)
        if end < 0 and len(data) - at > LONGEST_LINE:
            self.error = too_big
        return end

    def _read_body(self, data: bytes, at: int, commands: list[list[bytes]]) -> int:
        """Append received bytes to the argument, but not its last two, the CRLF, which is not checked (as in Redis)."""
        end = min(at + self.awaited, len(data))
        self.awaited -= end - at
        piece = data[at : max(at, end - max(0, 2 - self.awaited))]
        if self.awaited:
            if self._body is None:
                self._body = bytearray()
            self._body += piece
        elif self._body is None:
            self._add(piece, commands)
        else:
            self._body += piece
            self._add(bytes(self._body), commands)
            self._body = None
        return end

    def _add(self, argument: bytes, commands: list[list[bytes]]) -> None:
        assert self._argv is not None
        self._argv.append(argument)
        self._taken += len(argument) + ARGUMENT_OVERHEAD
        self._missing -= 1
        if not self._missing:
            commands.append(self._argv)
            self._argv = None
            self._taken = 0


def whole_commands(data: bytes, commands: list[list[bytes]]) -> int:
    """Append the plain commands at the start of C{data}; return the offset after them."""
    tokens = data.split(b"\r\n")
    last = len(tokens) - 1  # the token after the last CRLF is not a complete line
    at = 0
    span_of, length_of = _SPANS.get, _LENGTHS.get
    while at < last:
        end = at + span_of(tokens[at], len(tokens))
        if end > last:
            break
        argv = tokens[at + 2 : end : 2]
        header = at + 1
        for argument in argv:
            if length_of(tokens[header]) != len(argument):
                return _rest(data, tokens, at)
            header += 2
        commands.append(argv)
        at = end
    if at == last and not tokens[last]:
        return len(data)
    return _rest(data, tokens, at)


def _rest(data: bytes, tokens: list[bytes], at: int) -> int:
    """The offset in C{data} of the token number C{at}."""
    return len(data) - sum(map(len, tokens[at:])) - 2 * (len(tokens) - 1 - at)


def encode_error(message: bytes) -> bytes:
    """An error line; C{message} begins with its code."""
    return b"-%b\r\n" % message


def encode_protocol_error(message: bytes) -> bytes:
    """The error reply before a connection is closed for a protocol error; line ends become spaces."""
    message = message.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"-ERR Protocol error: %b\r\n" % message


def _bulk(value: bytes) -> bytes:
    size = len(value)
    if size < _SHORT:
        return _BULK_HEADS[size] + value + b"\r\n"
    return b"$%d\r\n%b\r\n" % (size, value)


def _integer(value: int) -> bytes:
    return b":%d\r\n" % value


def _status(value: Status) -> bytes:
    return b"+%b\r\n" % value.text


def _error(value: CommandError) -> bytes:
    return b"-%b\r\n" % value.message


def _nothing(_: NoReply) -> bytes:
    return b""


def _array(mark: bytes, encoders: Encoders) -> Encoder:
    head = mark.replace(b"%", b"%%") + b"%d\r\n"

    def encode(values: list[Any]) -> bytes:
        return head % len(values) + b"".join([encoders[type(value)](value) for value in values])

    return encode


def _map(mark: bytes, entries: int, encoders: Encoders) -> Encoder:
    """Encoder of maps with C{entries} elements per pair: 1 in RESP3, 2 in RESP2, where a map is a flat array."""
    head = mark.replace(b"%", b"%%") + b"%d\r\n"

    def encode(value: dict[Any, Any]) -> bytes:
        flat = [encoders[type(part)](part) for pair in value.items() for part in pair]
        return head % (entries * len(value)) + b"".join(flat)

    return encode


def _attributed(encoders: Encoders) -> Encoder:
    encode_attributes = _map(b"|", 1, encoders)
    return lambda value: encode_attributes(value.attributes) + encoders[type(value.reply)](value.reply)


def _several(encoders: Encoders) -> Encoder:
    return lambda replies: b"".join([encoders[type(reply)](reply) for reply in replies])


_COMMON: Encoders = {
    bytes: _bulk,
    bytearray: _bulk,
    int: _integer,
    Status: _status,
    CommandError: _error,
    NoReply: _nothing,
    Blocked: _nothing,
    Encoded: bytes,
}


def _resp2() -> Encoders:
    encoders = dict(_COMMON)
    encoders[type(None)] = lambda _: b"$-1\r\n"
    encoders[NullArray] = lambda _: b"*-1\r\n"
    encoders[bool] = lambda value: b":%d\r\n" % value
    encoders[BigNumber] = _bulk
    encoders[Attributed] = lambda value: encoders[type(value.reply)](value.reply)
    encoders[Several] = _several(encoders)
    encoders[float] = lambda value: _bulk(double_text(value))
    encoders[Verbatim] = lambda value: _bulk(value.text)
    encoders[list] = encoders[SetReply] = encoders[Push] = _array(b"*", encoders)
    encoders[dict] = _map(b"*", 2, encoders)
    return encoders


def _resp3() -> Encoders:
    encoders = dict(_COMMON)
    encoders[type(None)] = encoders[NullArray] = lambda _: b"_\r\n"
    encoders[bool] = lambda value: b"#t\r\n" if value else b"#f\r\n"
    encoders[BigNumber] = lambda value: b"(%b\r\n" % value
    encoders[Attributed] = _attributed(encoders)
    encoders[Several] = _several(encoders)
    encoders[float] = lambda value: b",%b\r\n" % double_text(value)
    encoders[Verbatim] = lambda value: b"=%d\r\n%b:%b\r\n" % (len(value.text) + 4, value.format, value.text)
    encoders[list] = _array(b"*", encoders)
    encoders[SetReply] = _array(b"~", encoders)
    encoders[Push] = _array(b">", encoders)
    encoders[dict] = _map(b"%", 1, encoders)
    return encoders


ENCODERS: dict[int, Encoders] = {2: _resp2(), 3: _resp3()}
"""The encoder of each type of reply, by protocol version."""


def encode_command(pieces: list[bytes], argv: list[bytes]) -> int:
    """
    Append a command, in RESP as clients send it and append-only files contain it, to C{pieces}. Long arguments are
    not copied.

    @return: the number of bytes.
    """
    head = b"*%d\r\n" % len(argv)
    pieces.append(head)
    size = len(head)
    for argument in argv:
        length = len(argument)
        if length < _SHORT:
            piece = _BULK_HEADS[length] + argument + b"\r\n"
            pieces.append(piece)
            size += len(piece)
        else:
            head = b"$%d\r\n" % length
            pieces += head, argument, b"\r\n"
            size += len(head) + length + 2
    return size
