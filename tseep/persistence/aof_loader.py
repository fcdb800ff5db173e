"""Loading of append-only files and snapshots."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tseep.algorithms.numeric import integer
from tseep.errors import NO_SUCH_DATABASE, CommandError
from tseep.interfaces import NullConnection
from tseep.persistence.aof_reader import CHUNK, Annotation, open_source, place_after, read_commands
from tseep.protocol.resp import Limits
from tseep.rdb.format import MAGIC, Corrupt, TooFewDatabases
from tseep.rdb.snapshot import Loading
from tseep.system.delay import delay

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv
    from tseep.rdb.reader import Source
    from tseep.registry.table import Command
    from tseep.server.server import Server

PROGRESS_INTERVAL = 2.0
"""Seconds between two log lines on the progress of loading."""


class CannotLoad(Exception):
    """The data on the disk cannot be loaded, and are left unchanged; the text has the reason and the remedy."""


class UnknownCommand(Corrupt):
    """A file has a command that the server does not know."""


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

    Loading is done in pieces, so that clients are answered in between.

    @param merge: whether a key or library that exists already is replaced, instead of an error.
    @ivar keys: number of keys loaded from snapshots.
    @ivar expired: number of keys in snapshots that had expired and were not loaded.
    @ivar started: Unix time in seconds at which the load began.
    @ivar total: bytes of all files to load, which the caller sets; C{loaded}: those that are loaded.
    @ivar used_memory: memory in bytes of the server that wrote the snapshot; 0 if it is unknown.
    """

    def __init__(self, server: Server, merge: bool = False) -> None:
        self.keys = self.expired = 0
        self.started = server.clock()
        self.total = self.loaded = self.used_memory = 0
        self._before = 0  # bytes of the files before the present one
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

    def load_snapshot(self, path: Path) -> Iterator[None]:
        """
        Load an RDB snapshot in pieces.

        @raise CannotLoad: if it is damaged.
        """
        data = open_source(path)
        try:
            yield from self._load(data, path, self._server.keyspace.now)
        except TooFewDatabases as error:
            raise CannotLoad(f"Fatal error loading the DB: {path}: {error}") from error
        except Corrupt as error:
            self._server.host.log(3, f"Internal error in RDB reading: {error}")
            self._server.host.log(3, "Terminating server after rdb file reading failure.")
            remedy = "check it with redis-check-rdb, or restore a backup"
            raise CannotLoad(f"Fatal error loading the DB: {path}: {error}; {remedy}") from error
        self._before += len(data)

    def _load(self, data: Source, path: Path, now: int) -> Generator[None, None, int]:
        config, keyspace = self._server.config, self._server.keyspace
        checks = config["rdbchecksum"] == "yes" and self._server.checks_checksums
        loading = Loading(keyspace, self._load_library, now, checks, self._merge)
        at = 0
        pause = config["loading-process-events-interval-bytes"]
        loading.interval = self._interval
        for at in loading.load(data):
            self.used_memory = integer(loading.about.get(b"used-mem", b"0")) or 0
            delay(config["key-load-delay"])
            if at >= pause:
                pause = at + config["loading-process-events-interval-bytes"]
                self._tell(path, at, len(data))
                yield
            loading.interval = self._interval
        self.keys += loading.keys - loading.expired
        self.expired += loading.expired
        self._log_result(loading)
        return at

    def _log_result(self, loading: Loading) -> None:
        log = self._server.host.log
        for key in loading.empty:
            log(3, f"rdbLoadObject skipping empty key: {key.decode('utf-8', 'backslashreplace')}")
        result = f"Done loading RDB, keys loaded: {loading.keys - loading.expired}, keys expired: {loading.expired}"
        skipped = f", empty keys skipped: {len(loading.empty)}" if loading.empty else ""
        log(3 if skipped else 2, f"{result}{skipped}.")

    @property
    def _interval(self) -> int:
        """Bytes of a snapshot that are loaded in one piece; less than a key if there is a delay after each key."""
        config = self._server.config
        return 0 if config["key-load-delay"] else int(config["loading-process-events-interval-bytes"])

    def _load_library(self, code: bytes) -> None:
        scripting = self._server.scripting
        try:
            with scripting.from_file():
                scripting.functions.load(scripting.interpreter, code, self._merge)
        except CommandError as error:
            raise self._bad_library(error) from error

    def _tell(self, path: Path, at: int, size: int) -> None:
        """Log the progress every L{PROGRESS_INTERVAL} seconds; raise L{CannotLoad} if the server is stopping."""
        self.loaded = self._before + at
        if self._server.stopping:
            raise CannotLoad(f"{path}: loading was interrupted by a shutdown")
        now = self._server.monotonic()
        if now - self._told >= PROGRESS_INTERVAL:
            self._told = now
            self._server.host.log(2, f"Loading {path}: {100 * at // size} %, {at >> 20} of {size >> 20} MiB")

    def load_log(self, path: Path) -> Iterator[None]:
        """
        Load an append-only file, which may begin with an RDB preamble or be one, in pieces.

        @raise TruncatedFile: if it ends in the middle of a command or transaction.
        @raise Corrupt: if it is damaged or one of its commands fails, with the offset.
        """
        data = open_source(path)
        start = 0
        if data[: len(MAGIC)] == MAGIC:
            start = yield from self._load(data, path, 0)
        self._session.select(0)
        yield from self._read(data, start, path)
        self._before += len(data)

    def _read(self, data: Source, start: int, path: Path) -> Iterator[None]:
        """Run the commands after offset C{start}."""
        config = self._server.config
        count = whole = 0
        pause = start + min(CHUNK, config["loading-process-events-interval-bytes"])
        truncated = False
        try:
            for at, commands in read_commands(data, start, config["loading-process-events-interval-bytes"]):
                microseconds = config["key-load-delay"]
                with self._replay():
                    for argv in commands:
                        try:
                            self._run(argv)
                        except Corrupt as error:
                            place = place_after(data, start, whole + (self._passed or count - whole))
                            raise type(error)(f"at byte {place}: {error}") from error
                        count += 1
                        if microseconds:
                            delay(microseconds)
                        if self._transaction is None:
                            whole = count
                self._tell(path, at, len(data))
                if at >= pause:
                    pause = at + min(CHUNK, config["loading-process-events-interval-bytes"])
                    yield
        except EOFError:
            truncated = True
        if truncated or whole != count:
            self._transaction = None
            raise TruncatedFile(place_after(data, start, whole))

    @contextmanager
    def _replay(self) -> Iterator[None]:
        """Context of the commands of a file: the time is 0, and a shutdown interrupts scripts."""
        keyspace = self._server.keyspace
        keyspace.now = 0
        try:
            with self._server.scripting.from_file():
                yield
        finally:
            keyspace.tick()

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
            raise UnknownCommand(f"Unknown command {repr(argv[0][:64])[1:]}")
        if not command.name.count(b"|"):
            self._run([argv[0].upper(), *argv[1:]])
        elif self._transaction is not None:
            self._transaction.append(argv)
        else:
            self._call(command, argv)
