"""Values of Lua and replies of commands as texts, for the debugger of scripts."""

from __future__ import annotations

import math
import re
from typing import Any

from tseep.protocol.inline import quote

MOST_BYTES = 1 << 20
"""Maximum bytes of a text, where the user of the debugger has set none: tables that contain each other have no end."""

_DEEPEST = 10
"""Maximum nesting of tables, as in Redis."""

_TOO_DEEP = b"<max recursion level reached! Nested table?>"
_OBJECT = re.compile(r"<Lua (\w+) at (0x\w+)>")


class _Full(Exception):
    pass


class _Text:
    """The text of a Lua value, in pieces."""

    def __init__(self, table_type: type, limit: int) -> None:
        self.pieces: list[bytes] = []
        self._table_type = table_type
        self._room = limit

    def add(self, piece: bytes) -> None:
        """
        Add a piece.

        @raise _Full: if the text is now longer than the limit.
        """
        self.pieces.append(piece)
        self._room -= len(piece)
        if self._room < 0:
            raise _Full

    def value(self, value: Any, level: int = 0) -> None:
        if level == _DEEPEST:
            self.add(_TOO_DEEP)
        elif type(value) is self._table_type:
            self._table(value, level + 1)
        else:
            self.add(_scalar(value))

    def _table(self, table: Any, level: int) -> None:
        is_array = all(key == place and type(key) is not bool for place, key in enumerate(table.keys(), 1))
        self.add(b"{")
        for place, (key, value) in enumerate(table.items()):
            if place:
                self.add(b"; ")
            if not is_array:
                self.add(b"[")
                self.value(key, level)
                self.add(b"]=")
            self.value(value, level)
        self.add(b"}")


def _scalar(value: Any) -> bytes:
    cls = type(value)
    if cls is bytes:
        return quote(value)
    if cls is bool:
        return b"true" if value else b"false"
    if cls is int or cls is float:
        return b"-nan" if value != value and math.copysign(1, value) < 0 else b"%g" % value
    if value is None:
        return b"nil"
    kind, address = _OBJECT.match(repr(value)).groups()  # type: ignore[union-attr]
    if kind == "userdata":  # cjson.null: the only one that scripts see
        return b'"light-userdata@(nil)"'
    return f'"{kind}@{address}"'.encode()


def describe_value(value: Any, table_type: type, limit: int) -> bytes:
    """
    Return a Lua value as the debugger prints it.

    @param table_type: the type of Lua tables.
    @param limit: the bytes after which the text may end.
    """
    text = _Text(table_type, limit)
    try:
        text.value(value)
    except _Full:
        pass
    return b"".join(text.pieces)


def describe_reply(encoded: bytes) -> bytes:
    """Return an encoded reply (RESP2 or RESP3) as the debugger prints it."""
    return _Replies(encoded).next()


_AGGREGATES = {b"*": (b"[", b"]"), b"~": (b"~(", b")"), b"%": (b"{", b"}")}


class _Replies:
    """The encoded replies in a string, as texts."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._at = 0

    def next(self) -> bytes:
        end = self._encoded.index(b"\r\n", self._at)
        kind, line = self._encoded[self._at : self._at + 1], self._encoded[self._at + 1 : end]
        start, self._at = self._at, end + 2
        if kind in _AGGREGATES and line != b"-1":
            return self._aggregate(kind, int(line))
        if kind in (b"$", b"=") and line != b"-1":
            self._at += int(line) + 2
            return quote(self._encoded[end + 2 : self._at - 2])
        if kind in (b"+", b"-"):
            return quote(self._encoded[start:end])
        if kind == b"_":
            return b"(null)"
        if kind == b"#":
            return b"#true" if line == b"t" else b"#false"
        if line == b"-1" and kind != b":":
            return b"NULL"
        return b"(double) " + line if kind == b"," else line

    def _aggregate(self, kind: bytes, count: int) -> bytes:
        first, last = _AGGREGATES[kind]
        if kind == b"%":
            parts = [b"%b => %b" % (self.next(), self.next()) for _ in range(count)]
        else:
            parts = [self.next() for _ in range(count)]
        return first + b",".join(parts) + last
