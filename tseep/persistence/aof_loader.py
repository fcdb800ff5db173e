"""Loading of append-only files and snapshots."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tseep.errors import NO_SUCH_DATABASE, CommandError
from tseep.interfaces import NullConnection
from tseep.persistence.aof_reader import Annotation, open_source, place_after, read_commands
from tseep.protocol.resp import Limits
from tseep.rdb.format import MAGIC, Corrupt, TooFewDatabases
from tseep.rdb.snapshot import Loading

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv
    from tseep.rdb.reader import Source
    from tseep.registry.table import Command
    from tseep.server.server import Server

PROGRESS_INTERVAL = 2.0
"""Seconds between two log lines on the progress of loading."""


class CannotLoad(Exception):
    """The data on the disk cannot be loaded, and are left unchanged; the text has the reason and the remedy."""


class TruncatedFile(Exception):
    """
    A file ends in the middle of a command or a transaction.

    @ivar good: the offset after the last complete command or transaction.
    """

    def __init__(self, good: int) -> None:
        super().__init__(f"the file ends in the middle of a command; it is complete up to byte {good}")
        self.good = good


class Loader:
    """
    Loads files into an empty server; or into another, where existing keys and functions are replaced.

    The commands of append-only files run in a session of their own, with the clock at 0, so that no key expires during
    loading: the file has a DEL for every key that did expire.

    @param merge: whether a key or library that exists already is replaced, instead of an error.
    @ivar keys: number of keys in the snapshots.
    @ivar expired: number of those that had expired and were not loaded.
    """

    def __init__(self, server: Server, merge: bool = False) -> None:
        self.keys = self.expired = 0
        self._server = server
        self._merge = merge
        self._session = server.script_session(NullConnection())
        self._session.authenticate(server.users.unrestricted())
        self._session.limits = Limits(sys.maxsize, sys.maxsize)
        self._transaction: list[Argv] | None = None
        self._passed = 0  # how many commands of the transaction that is executed have run
        self._told = server.monotonic()
        plain = {name: command for name, command in server.table.commands.items() if not command.subcommands}
        self._commands = {**plain, **{name.upper(): command for name, command in plain.items()}}

    def load_snapshot(self, path: Path) -> None:
        """
        Load an RDB snapshot.

        @raise CannotLoad: if it is damaged.
        """
        data = open_source(path)
        try:
            with self._server.scripting.from_file():
                self._load(data, path, self._server.keyspace.now)
        except TooFewDatabases as error:
            raise CannotLoad(f"{path}: {error}") from error
        except Corrupt as error:
            raise CannotLoad(f"{path}: {error}; check it with redis-check-rdb, or restore a backup") from error

    def _load(self, data: Source, path: Path, now: int) -> int:
        loading = Loading(
            self._server.keyspace, self._load_library, lambda at: self._tell(path, at, len(data)), now, self._merge
        )
        end = loading.load(data)
        self.keys += loading.keys
        self.expired += loading.expired
        return end

    def _load_library(self, code: bytes) -> None:
        scripting = self._server.scripting
        try:
            scripting.functions.load(scripting.interpreter, code, self._merge)
        except CommandError as error:
            raise self._bad_library(error) from error

    def _tell(self, path: Path, at: int, size: int) -> None:
        """Log the progress every L{PROGRESS_INTERVAL} seconds; raise L{CannotLoad} if the server is stopping."""
        if self._server.stopping:
            raise CannotLoad(f"{path}: loading was interrupted by a shutdown")
        now = self._server.monotonic()
        if now - self._told >= PROGRESS_INTERVAL:
            self._told = now
            self._server.host.log(2, f"Loading {path}: {100 * at // size} %, {at >> 20} of {size >> 20} MiB")

    def load_log(self, path: Path) -> None:
        """
        Load an append-only file, which may begin with an RDB preamble or be one.

        @raise TruncatedFile: if it ends in the middle of a command or transaction.
        @raise Corrupt: if it is damaged or one of its commands fails, with the offset.
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
        count = whole = 0
        truncated = False
        try:
            for at, commands in read_commands(data, start):
                for argv in commands:
                    try:
                        self._run(argv)
                    except Corrupt as error:
                        place = place_after(data, start, whole + (self._passed or count - whole))
                        raise type(error)(f"at byte {place}: {error}") from error
                    count += 1
                    if self._transaction is None:
                        whole = count
                self._tell(path, at, len(data))
        except EOFError:
            truncated = True
        if truncated or whole != count:
            self._transaction = None
            raise TruncatedFile(place_after(data, start, whole))

    def _run(self, argv: Argv) -> None:
        command = self._commands.get(argv[0])
        if command is None:
            self._run_unusual(argv)
        elif command.name == b"multi":
            if self._transaction is not None:
                raise Corrupt("MULTI in a transaction")
            self._transaction = []
        elif command.name == b"exec":
            self._execute()
        elif self._transaction is not None:
            self._transaction.append(argv)
        elif command.run is not None and command.takes(len(argv)):
            self._call(command, argv)
        else:
            raise Corrupt(f"wrong number of arguments for {argv[0]!r}: {len(argv) - 1}")

    def _execute(self) -> None:
        queue, self._transaction = self._transaction, None
        if queue is None:
            raise Corrupt("EXEC without MULTI")
        for argv in queue:
            self._passed += 1
            self._run(argv)
        self._passed = 0

    def _call(self, command: Command, argv: Argv) -> None:
        """Run a command. It must succeed, as only commands that succeeded were recorded."""
        assert command.run is not None
        try:
            command.run(self._session, argv)
        except CommandError as error:
            if command.name.startswith(b"function|"):
                raise self._bad_library(error) from error
            shown = " ".join(repr(word[:64])[1:] for word in argv[:3])
            if error.message == NO_SUCH_DATABASE.encode():
                number = len(self._server.keyspace.databases)
                raise TooFewDatabases(f"{shown} needs more databases than {number}; see --databases") from error
            raise Corrupt(f"{shown} failed: {error}") from error

    def _bad_library(self, error: CommandError) -> Exception:
        """The exception for a library of functions that cannot be loaded."""
        if self._server.stopping:
            return CannotLoad("loading the functions was interrupted by a shutdown")
        return Corrupt(f"a library of functions cannot be loaded: {error.message.decode('utf-8', 'replace')}")

    def _run_unusual(self, argv: Argv) -> None:
        """Handle a subcommand, a name in mixed case, or an annotation; raise L{Corrupt} for an unknown command."""
        if isinstance(argv, Annotation):
            if self._transaction is not None:
                self._transaction.append(argv)
            return
        command = self._server.table.find(argv)
        if command is None or command.run is None:
            raise Corrupt(f"unknown command {argv[0][:64]!r}")
        if not command.name.count(b"|"):
            self._run([argv[0].upper(), *argv[1:]])
        elif self._transaction is not None:
            self._transaction.append(argv)
        else:
            self._call(command, argv)
