"""Reading an append-only file again."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING, List

from tseep.errors import CommandError
from tseep.protocol.resp import Limits, Parser, encode_command
from tseep.rdb.format import MAGIC, Corrupt
from tseep.rdb.snapshot import Loading
from tseep.scripting.scripts import Nowhere

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv
    from tseep.rdb.reader import Source
    from tseep.registry.table import Command
    from tseep.server.server import Server

CHUNK = 1 << 18
"""Bytes that are parsed at once."""

_HASH = ord("#")
_BEGUN = re.compile(rb"([*$][0-9]*\r?|#.*)?", re.DOTALL)

TOLD = 2.0
"""Seconds between two words about how far loading is."""


class CannotLoad(Exception):
    """What is on the disk cannot be loaded, and is left as it is; the text says why, and what to do."""


class Torn(Exception):
    """
    A file ends in the middle of a command or a transaction.

    @ivar good: up to where it is whole.
    """

    def __init__(self, good: int) -> None:
        super().__init__(f"it ends in the middle of a command; it is whole up to byte {good}")
        self.good = good


def open_source(path: Path) -> Source:
    """The content of a file, which is not read before it is asked for."""
    with open(path, "rb") as file:
        if not path.stat().st_size:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class Annotation(List[bytes]):
    """A line of an append-only file that is for people, in place of a command."""


class LogParser(Parser):
    """Reads append-only files: commands as Redis writes them, and annotations. Clients may send more than that."""

    __slots__ = ()

    def end(self) -> None:
        """No more comes: what is left must be the beginning of a line, or C{error} says that it is none."""
        if self.error is None and not _BEGUN.fullmatch(self._tail):
            self.error = b"a line of another kind"

    def _read_inline(self, data: bytes, at: int, commands: List[Argv]) -> int:
        if data[at] != _HASH:
            self.error = b"expected '*', got '%c'" % data[at]
            return at
        end = self._line_end(data, at, b"\n", b"too long a line")
        if end < 0:
            return at
        commands.append(Annotation([data[at : end + 1]]))
        return end + 1

    def _read_count(self, data: bytes, at: int) -> int:
        end = super()._read_count(data, at)
        if end > at and self._argv is None and self.error is None:
            self.error = b"invalid multibulk length"
        return end


class Loader:
    """
    Brings what is on the disk into a server that has nothing yet.

    Commands of append-only files are run in a session of their own. For them time stands still at 0, so that nothing
    expires meanwhile: what did expire is in the file as a DEL.

    @ivar keys: how many keys there were in snapshots, C{expired}: how many of them had expired.
    """

    def __init__(self, server: Server) -> None:
        self.keys = self.expired = 0
        self._server = server
        self._session = server.script_session(Nowhere())
        self._transaction: List[Argv] | None = None
        self._told = server.clock()
        plain = {name: command for name, command in server.commands.items() if not command.subcommands}
        self._commands = {**plain, **{name.upper(): command for name, command in plain.items()}}

    def load_snapshot(self, path: Path) -> None:
        """
        Load a snapshot.

        @raise CannotLoad: if that cannot be.
        """
        data = open_source(path)
        try:
            with self._server.scripting.from_file():
                self._load(data, path, self._server.keyspace.now)
        except Corrupt as error:
            raise CannotLoad(f"{path}: {error}; look into it with redis-check-rdb, or load a backup") from error

    def _load(self, data: Source, path: Path, now: int) -> int:
        loading = Loading(self._server.keyspace, self._load_library, lambda at: self._tell(path, at, len(data)), now)
        end = loading.load(data)
        self.keys += loading.keys
        self.expired += loading.expired
        return end

    def _load_library(self, code: bytes) -> None:
        scripting = self._server.scripting
        try:
            scripting.functions.load(scripting.interpreter, code, False)
        except CommandError as error:
            raise self._bad_library(error) from error

    def _tell(self, path: Path, at: int, size: int) -> None:
        """Say now and then how far it is; end if that is asked for."""
        if self._server.stopping:
            raise CannotLoad(f"{path}: told to stop while it was loaded")
        now = self._server.clock()
        if now - self._told >= TOLD:
            self._told = now
            self._server.log(2, f"Loading {path}: {100 * at // size} %, {at >> 20} of {size >> 20} MiB")

    def load_log(self, path: Path) -> None:
        """
        Load an append-only file, which may begin with a snapshot, or be one.

        @raise Torn: if it ends too early.
        @raise Corrupt: if it makes no sense, saying where.
        """
        keyspace = self._server.keyspace
        keyspace.now = 0
        try:
            with self._server.scripting.from_file():
                self._read(open_source(path), path)
        finally:
            keyspace.tick()

    def _read(self, data: Source, path: Path) -> None:
        start = self._load(data, path, 0) if data[: len(MAGIC)] == MAGIC else 0
        self._session.select(0)
        parser = LogParser(Limits())
        count = whole = 0
        for at in range(start, len(data), CHUNK):
            for argv in parser.feed(data[at : at + CHUNK]):
                try:
                    self._run(argv)
                except Corrupt as error:
                    raise Corrupt(f"at byte {_place(data, start, count)}: {error}") from error
                count += 1
                if self._transaction is None:
                    whole = count
            if at + CHUNK >= len(data):
                parser.end()
            if parser.error is not None:
                raise Corrupt(f"after byte {_place(data, start, count)}: {parser.error.decode('utf-8', 'replace')}")
            self._tell(path, at, len(data))
        if not parser.idle or whole != count:
            self._transaction = None
            raise Torn(_place(data, start, whole))

    def _run(self, argv: Argv) -> None:
        command = self._commands.get(argv[0])
        if command is None:
            self._run_unusual(argv)
        elif command.name == b"multi" and self._transaction is None:
            self._transaction = []
        elif command.name == b"exec" and self._transaction is not None:
            queue, self._transaction = self._transaction, None
            for each in queue:
                self._run(each)
        elif self._transaction is not None:
            self._transaction.append(argv)
        elif command.run is not None and command.takes(len(argv)):
            self._call(command, argv)
        else:
            raise Corrupt(f"{argv[0]!r} does not take {len(argv) - 1} arguments")

    def _call(self, command: Command, argv: Argv) -> None:
        assert command.run is not None
        try:
            command.run(self._session, argv)
        except CommandError as error:
            if command.name.startswith(b"function|"):
                raise self._bad_library(error) from error
            # else as when it was written, after it had changed something

    def _bad_library(self, error: CommandError) -> Exception:
        """Why what a file has of functions cannot be loaded."""
        if self._server.stopping:
            return CannotLoad("the functions: told to stop while they were loaded")
        return Corrupt(f"a library of functions cannot be loaded: {error.message.decode('utf-8', 'replace')}")

    def _run_unusual(self, argv: Argv) -> None:
        """A subcommand, a name in mixed case, an annotation, or what nobody knows."""
        if isinstance(argv, Annotation):
            return
        command = self._server.find(argv)
        if command is None or command.run is None:
            raise Corrupt(f"a command {argv[0][:64]!r}, which is not known here")
        if not command.name.count(b"|"):
            self._run([argv[0].upper(), *argv[1:]])
        elif self._transaction is not None:
            self._transaction.append(argv)
        else:
            self._call(command, argv)


def _place(data: Source, start: int, count: int) -> int:
    """Where so many commands of a file end. It is read anew for that, which only those pay who have to know."""
    parser = LogParser(Limits())
    at = start
    while count:
        commands = parser.feed(data[at : at + CHUNK])
        at += CHUNK
        for argv in commands[:count]:
            start += _length(argv)
        count -= min(count, len(commands))
    return start


def _length(argv: Argv) -> int:
    """How many bytes a command takes."""
    return len(argv[0]) if isinstance(argv, Annotation) else len(encode_command(argv))
