"""A server on the reactor of the tests, for Twisted's trial."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from pytest_tseep.shared import INJECTED, Change, RecordedCommand, check_mode, reserved, url_of
from tseep.configuration.parameters import PARAMETERS, Config
from tseep.daemon.endpoints import tcp_endpoints, unix_endpoints
from tseep.daemon.service import TseepService
from tseep.errors import CommandError
from tseep.modes.evented import EventedMode
from tseep.modes.threaded import ThreadedMode
from tseep.modes.workers.owner import WorkersMode
from tseep.net.ports import CannotStart
from tseep.persistence.aof_loader import CannotLoad, Loader
from tseep.persistence.snapshots import snapshot_of
from tseep.testing import names
from tseep.testing.faults import Rule
from tseep.testing.isolation import reset
from tseep.testing.server import HOST, ServerUnderTest

MODES = {mode.name: mode for mode in (ThreadedMode, EventedMode, WorkersMode)}

DEFAULTS = {"bind": HOST, "port": "0", "workers": "2"}
"""Parameters that differ from the server's own defaults. Port 0 stands for a free one."""

SETTLE_TIMEOUT_S = 10.0
"""Time to wait for v3's workers, which forward data and close sockets, in seconds."""

KILL_INTERVAL_S = 0.02
"""Seconds between two attempts to kill v1's running script."""

_Result = TypeVar("_Result")


class InProcess:
    """
    A server on the reactor of the tests. It listens when the constructor returns.

    The limits of encodings, such as C{hash-max-listpack-entries}, are the process's: those of the server that was
    configured last hold for all.

    Stop it with L{stop}, which leaves a clean reactor: C{self.addCleanup(server.stop)}, or C{async with InProcess()}.

    Faults, records and L{freeze} can be used as context managers: they end with the block, at the latest with L{flush}.

    @param mode: C{v1}, C{v2}, or C{v3} with 2 worker processes.
    @param reactor: by default Twisted's global reactor.
    @param parameters: parameters of CONFIG SET, with underscores for dashes; C{port} is by default a free one.
    @raise ValueError: if a value is wrong.
    @raise TypeError: if there is no such parameter.
    @raise OSError: if the port is in use.
    @ivar host: the IP address, C{port}: the port.
    @ivar stopped: whether L{stop} or a client's SHUTDOWN has begun to stop the server.
    """

    def __init__(self, mode: str = "v2", *, reactor: Any = None, **parameters: object) -> None:
        if reactor is None:
            from twisted.internet import reactor
        check_mode(mode)
        texts = names.texts_of(parameters, (parameter.name for parameter in PARAMETERS))
        self.stopped = False
        self._ended: Deferred[None] = Deferred()
        self._start(reactor, mode, {**DEFAULTS, **texts})
        config = self._server.config
        self.host: str = config["bind"][0]
        self.port: int = config["port"]
        self._password = config["requirepass"]
        self._first = config.copy_values()
        self._records = 0
        self._reactor = reactor
        self._closing: list[Any] = []

    def _start(self, reactor: Any, mode: str, texts: dict[str, str]) -> None:
        config = _config(texts)
        with reserved(HOST, config["port"]) as port:
            config.set("port", str(port.getsockname()[1]))
            self._server = server = ServerUnderTest(config, reactor)
            server.own_host.shut_down_server = self.stop
            self._mode = MODES[mode](reactor, server)
            keeps = "dir" in texts  # without it, never load files of the current directory
            endpoints = [*tcp_endpoints(config), *unix_endpoints(config)]
            self._service = TseepService(reactor, server, self._mode, endpoints, keeps=keeps)
            try:
                self._service.privilegedStartService()
                self._service.startService()
            except CannotStart as error:  # a SystemExit, which would end the tests
                raise OSError(str(error)) from None

    @property
    def url(self) -> str:
        """The address as a C{redis://} URL with the password, database 0."""
        return url_of(self.host, self.port, self._password)

    async def __aenter__(self) -> InProcess:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    def stop(self) -> Deferred[None]:
        """Close all connections and the port. The Deferred fires when that is done; so do those of further calls."""
        done = self.wait_stopped()
        if not self.stopped:
            self.stopped = True
            self._server.own_host.cancel_calls()
            self._server.close_placeholder()
            self.interrupt()
            self._service.stopService().addCallback(self._ended.callback)
        return done

    def wait_stopped(self) -> Deferred[None]:
        """Return a Deferred that fires when the server has stopped, by L{stop} or a client's SHUTDOWN."""
        done: Deferred[None] = Deferred()
        self._ended.addCallback(lambda _: done.callback(None))
        return done

    def pids(self) -> list[int]:
        """Return the process IDs of the server and of its workers."""
        return [os.getpid(), *[worker.pid for worker in self._server.workers if worker.pid]]

    # Isolation

    def interrupt(self) -> None:
        """Kill the running script, if there is one. Thread-safe."""
        running = self._server.scripting.running
        if running is not None:
            running.kill()

    def flush(self, keep_connections: bool = False) -> None:
        """
        Bring the server into the state of its start: close connections, kill the running script, end faults and
        records, reset the clock, the configuration, the statistics and logs, delete keys, scripts, functions and users.

        @param keep_connections: whether connections stay open, except those of removed users. MULTI, WATCH,
            subscriptions, MONITOR and client-side caching end; blocking commands get their reply on timeout, commands
            that a fault or CLIENT PAUSE holds an error.
        """
        self._require_running()
        if self._server.stopping:  # by a client's SHUTDOWN, after whose reply the process ends
            raise RuntimeError("the server shuts down")
        if not keep_connections:
            self._service.accept_waiting()
        self._closing = [] if keep_connections else [each.connection for each in self._server.sessions.values()]
        lock = getattr(self._mode, "lock", None)
        while lock is not None and not self._take_idle(lock):
            self.interrupt()
        try:
            reset(self._server, self._first, keep_connections)
            if self._server.uncommitted:
                self._server.persistence.commit()
        finally:
            if lock is not None:
                lock.release()
        if lock is None:
            self._mode.commit()

    async def flush_and_wait(self, keep_connections: bool = False) -> None:
        """
        L{flush}, after v3's workers have forwarded what they have received, and until the clients' sockets are closed.
        """
        workers: Any = self._server.workers
        for _ in range(2 if workers else 0):  # the second time, for data of connections that the first has accepted
            for worker in workers:
                worker.ping()
            await self._wait_until(lambda: not any(worker.alive and worker.missed_pings for worker in workers))
        self.flush(keep_connections)
        # v2 closes sockets in the next turn, v3's workers soon, v1 has closed them
        await self._wait_until(lambda: all(getattr(each, "lost", True) for each in self._closing))

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is met, at most L{SETTLE_TIMEOUT_S}."""
        deadline = self._reactor.seconds() + SETTLE_TIMEOUT_S
        while not condition() and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, 0)

    def _take_idle(self, lock: Any) -> bool:
        """Acquire v1's lock, if no script runs; a busy one releases it at times. Return whether that succeeded."""
        if not lock.acquire(timeout=KILL_INTERVAL_S):
            return False
        if self._server.scripting.running is None:
            return True
        lock.release()
        time.sleep(KILL_INTERVAL_S)
        return False

    def _call(self, function: Callable[[], _Result]) -> _Result:
        """Call a function that changes the server, with the lock of the mode if it has one."""
        self._require_running()
        results: list[_Result] = []
        self._mode.call(lambda: results.append(function()))
        return results[0]

    def _require_running(self) -> None:
        if self.stopped:
            raise RuntimeError("the server is stopped")

    # Faults

    def fail(self, command: str | None = None, error: str = INJECTED, times: int | None = None) -> Change:
        """
        Refuse calls of a command with an error, as READONLY, MOVED, OOM, BUSY or LOADING do.

        @param command: such as C{GET} or C{CLIENT KILL}, or C{CLIENT} with all its subcommands; None for each.
        @param error: the text of the error, such as C{OOM command not allowed}.
        @param times: number of calls that fail; None for all.
        @raise ValueError: if there is no such command.
        """
        found = self._names_of(command)
        return self._add(Rule(found, times=_times(times), error=names.check_error(error)))

    def delay(self, command: str | None, seconds: float, times: int | None = None) -> Change:
        """
        Let calls of a command wait before they are executed. Other clients are served meanwhile.

        @param command: as for L{fail}.
        @param seconds: real seconds, whatever the server's clock does.
        @param times: number of calls that wait; None for all.
        @raise ValueError: if there is no such command.
        """
        return self._add(Rule(self._names_of(command), times=_times(times), seconds=names.check_seconds(seconds)))

    def drop(self, after: int = 0, times: int | None = 1) -> Change:
        """
        Close the connection of a client that sends a command, in place of executing it.

        @param after: number of commands, of all clients, that are executed before.
        @param times: number of commands that this happens to; None for all.
        """
        skip = names.check_count(after, "after", 0)
        assert skip is not None
        return self._add(Rule(skip=skip, times=_times(times), drops=True))

    def refuse(self) -> Change:
        """Refuse new connections: the server does not listen. Connections that are open stay open."""
        server = self._server
        return self._begin(lambda: server.faults.enter(server.refuses))

    def loading(self, seconds: float | None = None) -> Change:
        """
        Refuse commands with LOADING, as a server does that loads its data.

        @param seconds: how many real seconds; None until the fault is undone.
        """
        if seconds is not None:
            names.check_seconds(seconds)
        server = self._server
        return self._begin(lambda: server.faults.enter(server.loads, seconds))

    def undo(self, number: int) -> None:
        """End a fault by its number. No effect if it has ended, or the server is stopped."""
        names.check_count(number, "number", 0)
        if not self.stopped:
            self._call(lambda: self._undo(number))

    def _undo(self, number: int) -> None:
        server = self._server
        try:
            server.faults.undo(number)
        except CommandError as error:
            raise RuntimeError(f"the server cannot listen on port {server.port} again: {error}") from error
        server.run_deferred()
        server.deliver()

    def _add(self, rule: Rule) -> Change:
        return self._begin(lambda: self._server.faults.add(rule))

    def _begin(self, function: Callable[[], int]) -> Change:
        number = self._call(function)
        return Change(lambda: self.undo(number), number)

    def _names_of(self, command: str | None) -> frozenset[bytes] | None:
        return names.names_of(command, self._server.table.commands)

    # Time

    def advance(self, seconds: float) -> None:
        """
        Move the server's clock forward: expiry, idle times, dates, IDs of streams. Clients whose blocking commands time
        out by then are answered.
        """
        self._move(lambda clock: clock.advance(seconds))

    def set_time(self, moment: float) -> None:
        """
        Set the server's wall clock to a Unix time in seconds. Timeouts and idle times follow it forward, never back.
        """
        self._move(lambda clock: clock.set(moment))

    def freeze(self, at: float | None = None) -> Change:
        """
        Stop the server's clock: nothing expires, and no blocking command times out, until it is moved.

        @param at: the Unix time in seconds to set it to; None for the present time.
        """
        self._move(lambda clock: clock.freeze(at))
        return Change(self._run_on)

    def _run_on(self) -> None:
        if not self.stopped:
            self.unfreeze()

    def unfreeze(self) -> None:
        """Let the server's clock run on from where it stands."""
        self._move(lambda clock: clock.unfreeze())

    def _move(self, move: Callable[[Any], None]) -> None:
        server = self._server
        self._call(lambda: server.move_clock(lambda: move(server.test_clock)))

    # Records

    @contextmanager
    def record(self) -> Iterator[list[RecordedCommand]]:
        """
        A context manager that gives a list, which has the clients' commands after the end of the block.
        """
        commands: list[RecordedCommand] = []
        number = self.record_start()
        yield commands  # an exception of the block ends the record at the next flush
        commands += self.record_stop(number)

    def record_start(self) -> int:
        """Begin to record commands. Return the number of the record."""
        self._records += 1
        number = self._records
        self._call(lambda: self._server.recorder.start(number))
        return number

    def record_stop(self, number: int) -> list[RecordedCommand]:
        """
        End a record. Return its commands, in the order of their execution.

        @raise ValueError: if there is no such record.
        """
        return self._call(lambda: self._server.recorder.stop(number))

    def last_commands(self, count: int = 20) -> list[RecordedCommand]:
        """Return the last commands since the start or the last L{flush}; 100 at most."""
        names.check_count(count, "count", 0)
        return self._call(lambda: self._server.recorder.last(count))

    # Seeds

    def snapshot(self) -> bytes:
        """Return all keys and functions as an RDB file."""
        return self._call(lambda: b"".join(snapshot_of(self._server)))

    def restore(self, snapshot: bytes) -> None:
        """
        Replace all keys and functions by those of L{snapshot} or another RDB file.

        @raise ValueError: if it is damaged; the server is empty then.
        """
        with tempfile.NamedTemporaryFile(suffix=".rdb") as file:
            file.write(snapshot)
            file.flush()
            self.load(file.name)

    def load(self, path: str | os.PathLike[str]) -> None:
        """
        Replace all keys and functions by those of an RDB file.

        @raise OSError: if the file cannot be read.
        @raise ValueError: if it is damaged; the server is empty then.
        """
        with open(path, "rb"):  # a missing file leaves the server as it is
            pass
        self._call(lambda: self._load(Path(path)))

    def _load(self, path: Path) -> None:
        server = self._server
        try:
            _empty(server)
            for _ in Loader(server).load_snapshot(path):
                pass  # no client is served in between
        except CannotLoad as error:
            _empty(server)
            raise ValueError(str(error)) from None
        server.persistence.log.scheduled = server.persistence.log.on  # the append-only file has other data
        server.eviction.measure()
        server.blocking.note_all(server.keyspace.databases)
        server.run_deferred()
        server.deliver()


def _config(texts: dict[str, str]) -> Config:
    config = Config()
    for name, text in texts.items():
        try:
            config.set(name.replace("_", "-"), text)
        except ValueError as error:
            raise ValueError(f"{name} cannot be {text!r}: {error}") from None
    return config


def _times(times: int | None) -> int | None:
    return names.check_count(times, "times", 1, optional=True)


def _empty(server: ServerUnderTest) -> None:
    server.keyspace.flush()
    server.scripting.functions.clear()
