"""Parser of append-only files, as Redis and L{aof_writer} write them."""

from __future__ import annotations

import errno
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tseep.algorithms.numeric import integer
from tseep.protocol.resp import LONGEST_LINE, encode_command, whole_commands
from tseep.rdb.format import Corrupt

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv
    from tseep.rdb.reader import Source

CHUNK = 1 << 18
"""Bytes per read, unless a command is longer."""

_HASH = ord("#")
_LONGEST_NUMBER = 24  # with its prefix and CRLF
_BEGUN = re.compile(rb"[0-9]*\r?")


class Annotation(list[bytes]):
    """A comment line of an append-only file, which begins with C{#}."""


def open_source(path: Path) -> Source:
    """
    Map a file into memory.

    @return: the mapping; C{b""} for an empty file.
    @raise OSError: if it cannot be opened or is not a regular file: opening a FIFO would block until it has a writer.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    with open(path, "rb") as file:
        if not path.stat().st_size:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_commands(data: Source, at: int, most: int = CHUNK) -> Iterator[tuple[int, list[Argv]]]:
    """
    Parse the commands and annotations after offset C{at}, a chunk at a time. Each argument is copied once, and may have
    any length: the limits of clients do not apply.

    @param most: bytes of a chunk, if less than L{CHUNK}.
    @return: the offset after the last command of each chunk, with its commands.
    @raise EOFError: if the data end in the middle of a command.
    @raise Corrupt: if the data are not valid commands, with the offset.
    """
    while at < len(data):
        chunk = data[at : at + min(most, CHUNK)]
        commands: list[Argv] = []
        end = whole_commands(chunk, commands)
        failure: Exception | None = None
        try:
            while end < len(chunk):
                argv, end = _read_one(data, at, chunk, end)
                commands.append(argv)
        except EOFError as error:
            failure = error
        except Corrupt as error:
            failure = Corrupt(f"at byte {at + end}: {error}")
        at += end
        yield at, commands
        if failure is not None:
            raise failure


def _read_one(data: Source, begin: int, chunk: bytes, at: int) -> tuple[Argv, int]:
    """One command or annotation, and the offset after it, in the chunk at C{begin}, which may end too early."""
    try:
        return _read(chunk, at)
    except EOFError:
        argv, end = _read(data, begin + at)
        return argv, end - begin


def _read(data: Source, at: int) -> tuple[Argv, int]:
    """One command or annotation, and the offset after it."""
    if data[at] == _HASH:
        return _read_annotation(data, at)
    count, at = _read_number(data, at, b"*")
    if not count:
        raise Corrupt("a command without a name")
    argv: Argv = []
    for _ in range(count):
        length, at = _read_number(data, at, b"$")
        end = at + length
        if end + 2 > len(data):
            raise EOFError
        if data[end : end + 2] != b"\r\n":
            raise Corrupt("an argument is longer or shorter than its declared length")
        argv.append(data[at:end])
        at = end + 2
    return argv, at


def _read_annotation(data: Source, at: int) -> tuple[Argv, int]:
    end = data.find(b"\n", at, at + LONGEST_LINE) + 1
    if not end:
        if at + LONGEST_LINE > len(data):
            raise EOFError
        raise Corrupt("too long a line")
    return Annotation([data[at:end]]), end


def _read_number(data: Source, at: int, mark: bytes) -> tuple[int, int]:
    """The number on a line that begins with C{mark}, and the offset after the line."""
    line = data[at : at + _LONGEST_NUMBER]
    if line and line[:1] != mark:
        raise Corrupt(f"expected {mark.decode()!r}, got {chr(line[0])!r}")
    end = line.find(b"\r\n")
    if end < 0 and at + len(line) == len(data) and _BEGUN.fullmatch(line[1:]):
        raise EOFError
    number = integer(line[1:end]) if end >= 0 else None
    if number is None or number < 0:
        raise Corrupt(f"no number after {mark.decode()!r}")
    return number, at + end + 2


def place_after(data: Source, start: int, count: int) -> int:
    """The offset after C{count} commands from C{start}. Parses them again, as only error reports need it."""
    for _, commands in read_commands(data, start):
        start += sum(map(_length, commands[:count]))
        count -= min(count, len(commands))
        if not count:
            break
    return start


def _length(argv: Argv) -> int:
    """Bytes of a command in the file."""
    return len(argv[0]) if isinstance(argv, Annotation) else encode_command([], argv)
