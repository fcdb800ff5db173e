"""
Changes to the bytecode of Lua 5.1.

Redis's library functions are C functions. A C function in a tail call, C{return cjson.decode(x)}, keeps the caller's
frame, which error messages name; tseep's are Lua functions, which replace it. So their tail calls become plain calls. A
script's tail calls of its own functions stay: it can loop by them without end.

Source: lua-5.1/src/lundump.c, lopcodes.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00"
"""The header on machines with 64-bit pointers and little-endian words."""

_OPCODE = bytes(byte & 63 for byte in range(256))
"""The opcode by the first byte of an instruction."""

_GETUPVAL, _GETGLOBAL, _CALL, _TAILCALL, _SETLIST, _CLOSURE = 4, 5, 28, 29, 34, 36

_COPIES = frozenset({0, 6, 11})
"""MOVE, GETTABLE and SELF: the result comes from register B."""

_WITHOUT_RESULT = frozenset({7, 8, 9, 22, 23, 24, 25, 26, 30, 33, 34, 35})
"""Opcodes that set no register A: SETGLOBAL, SETUPVAL, SETTABLE, jumps, tests, RETURN, TFORLOOP, SETLIST, CLOSE."""

_CONSTANT_SIZES = {0: 0, 1: 1, 3: 8}
"""Bytes of a nil, a boolean and a number. Strings have a length."""


def keep_frames(dumped: bytes, everywhere: bool = False) -> bytes:
    """
    Return a chunk in which tail calls of global functions and of their fields are plain calls.

    @param dumped: the chunk, as C{string.dump} returns it.
    @param everywhere: change all tail calls.
    """
    if not dumped.startswith(_HEADER):
        return dumped
    chunk = bytearray(dumped)
    _replace(chunk, _Reader(dumped).function(), frozenset(), everywhere)
    return bytes(chunk)


class _Function(NamedTuple):
    """
    A function in a chunk.

    @ivar start: the offset of its first instruction.
    @ivar instructions: the number of its instructions.
    @ivar upvalues: their number.
    @ivar inner: the functions that it defines.
    """

    start: int
    instructions: int
    upvalues: int
    inner: list[_Function]


class _Reader:
    """The reader of a chunk."""

    def __init__(self, chunk: bytes) -> None:
        self._chunk = chunk
        self._at = len(_HEADER)

    def function(self) -> _Function:
        """Read a function."""
        self._skip_string()
        self._at += 8  # the lines where it is defined
        upvalues = self._chunk[self._at]
        self._at += 4
        count = self._int()
        start = self._at
        self._at += 4 * count
        for _ in range(self._int()):
            self._skip_constant()
        inner = [self.function() for _ in range(self._int())]
        lines = self._int()
        self._at += 4 * lines  # of the instructions
        for _ in range(self._int()):
            self._skip_string()
            self._at += 8
        for _ in range(self._int()):
            self._skip_string()
        return _Function(start, count, upvalues, inner)

    def _int(self) -> int:
        self._at += 4
        return int.from_bytes(self._chunk[self._at - 4 : self._at], "little")

    def _skip_string(self) -> None:
        self._at += 8 + int.from_bytes(self._chunk[self._at : self._at + 8], "little")

    def _skip_constant(self) -> None:
        size = _CONSTANT_SIZES.get(self._chunk[self._at])
        self._at += 1
        if size is None:
            self._skip_string()
        else:
            self._at += size


def _replace(chunk: bytearray, function: _Function, upvalues: frozenset[int], everywhere: bool) -> None:
    """
    Replace tail calls in a function and in those that it defines.

    @param upvalues: those that are global functions, or tables of them.
    """
    opcodes = chunk[function.start : function.start + 4 * function.instructions : 4].translate(_OPCODE)
    if _TAILCALL not in opcodes and _CLOSURE not in opcodes:
        return
    words = iter(enumerate(struct.unpack_from(f"<{function.instructions}I", chunk, function.start)))
    found: set[int] = set()  # the registers with global functions
    for place, word in words:
        opcode, a, b = word & 63, word >> 6 & 255, word >> 23
        if opcode == _CLOSURE:
            inner = function.inner[word >> 14]
            sources = [next(words)[1] for _ in range(inner.upvalues)]
            shared = [_is_global(source & 63, source >> 23, found, upvalues) for source in sources]
            _replace(chunk, inner, frozenset(number for number, each in enumerate(shared) if each), everywhere)
            found.discard(a)
        elif opcode == _TAILCALL and (everywhere or a in found):
            chunk[function.start + 4 * place] = word & 192 | _CALL
        elif opcode == _SETLIST and not word >> 14 & 511:
            next(words)  # not an instruction: the number of a large table's block
        elif opcode not in _WITHOUT_RESULT:
            (found.add if _is_global(opcode, b, found, upvalues) else found.discard)(a)


def _is_global(opcode: int, b: int, found: set[int], upvalues: frozenset[int]) -> bool:
    """Return whether the result of an instruction is a global, a field of one, or a copy."""
    if opcode == _GETGLOBAL:
        return True
    return b in upvalues if opcode == _GETUPVAL else opcode in _COPIES and b in found
