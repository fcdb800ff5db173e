"""
The conversion of replies to Lua values, and of scripts' results to replies
(https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion).
"""

from __future__ import annotations

from typing import Any, Callable

from tseep.algorithms.numeric import double_text
from tseep.errors import CommandError
from tseep.replies import Attributed, BigNumber, Encoded, NullArray, Push, Reply, SetReply, Status, Verbatim
from tseep.scripting.lua.arguments import as_long

DEEPEST = 200
"""Maximum nesting of tables in a script's result."""

PIECE = 4000
"""Values fetched from Lua per call."""

CONVERTED = 1000
"""Tables converted between two checks of the deadline."""

_SCALAR, _ARRAY, _STATUS, _ERROR, _DOUBLE, _MAP, _SET, _BIG, _VERBATIM, _LONG, FAILED = range(11)
"""The kinds of values that the sandbox reports."""


class Converter:
    """
    The conversion of values of one Lua runtime.

    @param lua: the runtime.
    @param spill: the sandbox's function that returns the kind and the parts of a table.
    @param slice: its function that returns some elements of a table.
    @param tick: returns why the running script must stop; None if it need not.
    @ivar protocol: the RESP version that determines the types of script values.
    """

    def __init__(
        self, lua: Any, spill: Callable[..., Any], slice: Callable[..., Any], tick: Callable[[], bytes | None]
    ) -> None:
        self.protocol = 2
        self._lua = lua
        self._table_type = type(lua.table())
        self._spill = spill
        self._slice = slice
        self._tick = tick
        self._converted = 0

    # Conversion of replies to Lua values

    def value(self, reply: Reply) -> Any:
        return VALUES[type(reply)](self, reply)

    def _of_null(self, _: Reply) -> Any:
        return False if self.protocol == 2 else None

    def _of_bool(self, reply: bool) -> Any:
        return int(reply) if self.protocol == 2 else reply

    def _of_double(self, reply: float) -> Any:
        return double_text(reply) if self.protocol == 2 else self._tagged(b"double", reply)

    def _of_encoded(self, reply: Encoded) -> Any:
        """A reply that a command encoded itself: a RESP3 double with more digits than Python's."""
        return self._of_double(float(reply[1:])) if reply.startswith(b",") else bytes(reply)

    def _of_big(self, reply: bytes) -> Any:
        return bytes(reply) if self.protocol == 2 else self._tagged(b"big_number", bytes(reply))

    def _of_verbatim(self, reply: Verbatim) -> Any:
        if self.protocol == 2:
            return reply.text
        parts = self._lua.table_from({b"string": reply.text, b"format": reply.format})
        return self._tagged(b"verbatim_string", parts)

    def _of_list(self, reply: list[Reply]) -> Any:
        return self._lua.table(*[self.value(part) for part in reply])

    def _of_set(self, reply: list[Reply]) -> Any:
        if self.protocol == 2:
            return self._of_list(reply)
        return self._tagged(b"set", self._lua.table_from({self.value(part): True for part in reply}))

    def _of_map(self, reply: dict[Reply, Reply]) -> Any:
        pairs = [(self.value(key), self.value(value)) for key, value in reply.items()]
        if self.protocol == 2:
            return self._lua.table(*[part for pair in pairs for part in pair])
        return self._tagged(b"map", self._lua.table_from(dict(pairs)))

    def _tagged(self, tag: bytes, value: Any) -> Any:
        return self._lua.table_from({tag: value})

    # Conversion of Lua values to replies

    def _element(self, value: Any, depth: int) -> Reply:
        kind = type(value)
        if kind is self._table_type:
            if depth == DEEPEST:
                return CommandError("ERR reached lua stack limit")
            self._look()
            kind, *parts = self._spill(value)
            return self.reply(kind, parts, depth + 1)
        if kind is bytes:
            return value
        if kind is bool:
            return value if self.protocol == 3 else 1 if value else None
        if kind is int or kind is float:
            return as_long(value)
        return None

    def _look(self) -> None:
        """Check the deadline every L{CONVERTED} tables: tables that contain each other make an endless reply."""
        self._converted += 1
        if not self._converted % CONVERTED:
            message = self._tick()
            if message is not None:
                raise CommandError(message)

    def reply(self, kind: int, parts: list[Any], depth: int) -> Reply:
        """Return the reply for a value that the sandbox reported as its kind and parts."""
        if kind == _SCALAR:
            return self._element(parts[0] if parts else None, depth)
        if kind == _ARRAY:
            return [self._element(part, depth) for part in padded(parts[1:], int(parts[0]))]
        return _REPLIES[kind](self, parts, depth)

    def _long(self, parts: list[Any], depth: int) -> Reply:
        return [self._element(part, depth) for part in self._all(parts)]

    def _map(self, parts: list[Any], depth: int) -> Reply:
        words = [self._element(part, depth) for part in self._all(parts)]
        return {key if type(key) in (bytes, int) else None: value for key, value in zip(words[::2], words[1::2])}

    def _set(self, parts: list[Any], depth: int) -> Reply:
        return SetReply([self._element(part, depth) for part in self._all(parts)])

    def _all(self, parts: list[Any]) -> list[Any]:
        """The elements of a table, fetched in pieces, as there can be more than Lua returns at once."""
        table, count = parts[0], int(parts[1])
        values: list[Any] = []
        for first in range(1, count + 1, PIECE):
            last = min(first + PIECE - 1, count)
            values += padded(list(self._slice(table, first, last))[1:], last - first + 1)
        return values


def padded(values: list[Any], count: int) -> list[Any]:
    return values + [None] * (count - len(values))


def _line(text: bytes) -> bytes:
    """The text with spaces for line ends, which a simple string cannot contain."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def _verbatim(text: bytes, format: bytes) -> Verbatim:
    return Verbatim(text, format[:3].partition(b"\0")[0].ljust(3))


VALUES: dict[type, Callable[[Converter, Any], Any]] = {
    bytes: lambda lua, reply: reply,
    bytearray: lambda lua, reply: bytes(reply),
    int: lambda lua, reply: reply,
    type(None): Converter._of_null,
    NullArray: Converter._of_null,
    bool: Converter._of_bool,
    float: Converter._of_double,
    BigNumber: Converter._of_big,
    Verbatim: Converter._of_verbatim,
    Status: lambda lua, reply: lua._tagged(b"ok", reply.text),
    CommandError: lambda lua, reply: lua._tagged(b"err", reply.message),
    Encoded: Converter._of_encoded,
    Attributed: lambda lua, reply: lua.value(reply.reply),
    list: Converter._of_list,
    Push: Converter._of_list,
    SetReply: Converter._of_set,
    dict: Converter._of_map,
}
"""By the type of a reply the function that returns its Lua value."""

_REPLIES: dict[int, Callable[[Converter, list[Any], int], Reply]] = {
    _ERROR: lambda lua, parts, depth: CommandError(parts[0], bool(parts[1:] and parts[1])),
    _STATUS: lambda lua, parts, depth: Status(_line(parts[0])),
    _DOUBLE: lambda lua, parts, depth: float(parts[0]),
    _BIG: lambda lua, parts, depth: BigNumber(_line(parts[0])),
    _VERBATIM: lambda lua, parts, depth: _verbatim(*parts),
    _MAP: Converter._map,
    _SET: Converter._set,
    _LONG: Converter._long,
}
