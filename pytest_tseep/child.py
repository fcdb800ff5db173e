"""A server in a child process, for tests of any kind."""

from __future__ import annotations

import base64
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Union

from pytest_tseep.process import Process, ServerEnded
from pytest_tseep.shared import INJECTED, Change, RecordedCommand, check_mode, check_number, reserved, text_of, url_of

HOST = "127.0.0.1"

TIMEOUT_S = 30.0
"""Timeout for the start and the answers of a child process."""

SHOWN_BYTES = 4000
"""Bytes of standard error in the message of an exception, at most."""

FOREIGN = "the server belongs to the process that started it; a process that this has forked can use its address alone"

Path = Union[str, "os.PathLike[str]"]


class ChildProcess:
    """
    A server in a child process, on a free port of 127.0.0.1. It exits on L{stop}, at the end of a C{with} block, and
    when this process ends for any reason. All methods are thread-safe.

    In a process that a test forks, the address is all that can be used.

    @param mode: C{v1}, C{v2}, or C{v3} with 2 worker processes.
    @param answer_timeout: time to wait for the start and for answers, in seconds.
    @param wait: whether the server listens when the constructor returns; if not, L{wait} and all requests wait for it.
    @param parameters: parameters of CONFIG SET, with underscores for dashes; values are texts, numbers, or booleans for
        C{yes} and C{no}. C{port} is by default a free one.
    @raise ValueError: if the mode or a value is wrong.
    @raise TypeError: if there is no such parameter; the message has the most similar name.
    @raise ServerEnded: with the child's standard error, if it does not start.
    @ivar host: the IP address, C{port}: the port, which a restart keeps.
    """

    def __init__(
        self, mode: str = "v2", *, answer_timeout: float = TIMEOUT_S, wait: bool = True, **parameters: object
    ) -> None:
        self.mode = check_mode(mode)
        self.parameters = {name: _text(name, value) for name, value in parameters.items()}
        self.answer_timeout = answer_timeout
        self.host = [*self.parameters.get("bind", "").split(), HOST][0]
        self._lock = threading.RLock()
        self._port_fd, self.port = _reserve(self.host, int(self.parameters.pop("port", "0")))
        weakref.finalize(self, os.close, self._port_fd)
        self._errors_fd = _unnamed_file()
        weakref.finalize(self, os.close, self._errors_fd)
        self._process = self._new_process()
        if wait:
            self.wait()

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<tseep {self.mode} on {self.host}:{self.port}, {self.status}>"

    @property
    def url(self) -> str:
        """The address as a C{redis://} URL with the password, database 0."""
        return url_of(self.host, self.port, self.parameters.get("requirepass", ""))

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._running().pid

    @property
    def foreign(self) -> bool:
        """Whether this is another process, forked from the one that started the server."""
        return self._process.foreign

    @property
    def status(self) -> str:
        """C{runs}, C{was stopped}, or how the process ended by itself, such as C{was killed by SIGSEGV}."""
        return self._process.status

    def errors(self, begin: int = 0) -> str:
        """
        Return what the process has written to standard error.

        @param begin: offset in bytes.
        """
        return os.pread(self._errors_fd, self.errors_size(), begin).decode(errors="replace")

    def errors_size(self) -> int:
        """Return the size of standard error so far, in bytes."""
        return os.fstat(self._errors_fd).st_size

    # Start and end

    def start(self) -> None:
        """
        Start a server that has been stopped or has ended, on the same port and without data. No effect if it runs.

        @raise ServerEnded: with the child's standard error, if it does not start.
        """
        self._require_own()
        with self._lock:
            if self.status != "runs":
                self._process.kill()  # closes the pipes
                self._process = self._new_process()
            self.wait()

    def _new_process(self) -> Process:
        words = [word for pair in {**self.parameters, "port": str(self.port)}.items() for word in pair]
        return Process([self.mode, *words], self._errors_fd)

    def wait(self) -> None:
        """
        Wait until the server listens. No effect if it has done so or was stopped.

        @raise ServerEnded: with the child's standard error, if it does not start.
        """
        self._require_own()
        with self._lock:
            try:
                self._process.wait_for_start(self.answer_timeout)
            except BaseException as error:
                self._process.kill()
                if isinstance(error, ServerEnded):
                    raise self._with_output(error) from None
                raise

    def stop(self) -> None:
        """
        End the process: by a request, or if it does not exit within 5 s by SIGTERM, and after 5 s more by SIGKILL.
        No effect if it has ended, and in a forked process.
        """
        if not self.foreign:
            self._process.stop()

    def kill(self) -> None:
        """End the process and v3's workers by SIGKILL. No effect if it has ended, and in a forked process."""
        if not self.foreign:
            self._process.kill()

    def restart(self, *, keep_data: bool = False) -> None:
        """
        Stop and start the server, on the same port.

        @param keep_data: whether keys and functions survive.
        """
        with self.stopped(keep_data=keep_data):
            pass

    @contextmanager
    def stopped(self, *, keep_data: bool = False) -> Iterator[None]:
        """
        A context manager in whose block the server is stopped, so that connections are refused. It starts again on the
        same port.

        @param keep_data: whether keys and functions survive.
        """
        data = self.snapshot() if keep_data else None
        self.stop()
        try:
            yield
        finally:
            self.start()
            if data is not None:
                self.restore(data)

    def reset(self, *, keep_connections: bool = False) -> str:
        """
        Bring the server into the state of its start, as L{flush} does, and start it again if it has ended or does not
        answer.

        @return: why it was started again, unless it ended by L{stop} or L{kill}: C{was killed by SIGKILL}; otherwise
            an empty text.
        """
        self._require_own()
        with self._lock:
            reason = self.status
            if reason == "runs":
                try:
                    self.flush(keep_connections=keep_connections)
                    return ""
                except RuntimeError as error:
                    reason = self._end_after(error)
            self.start()
            return "" if reason == "was stopped" else reason

    def _end_after(self, error: RuntimeError) -> str:
        """End the process after a request that failed. Return how it ended, or else the error."""
        ends = self._process.wait_for_end()  # a client's SHUTDOWN may have begun it
        status = self.status
        self.kill()
        return status if ends else f"was killed, as {error}"

    # Requests

    def flush(self, *, keep_connections: bool = False) -> None:
        """
        Bring the server into the state of its start: close connections, end scripts, blocked commands, faults and
        records, reset the clock, the configuration, the statistics and logs, delete keys, scripts, functions and users.

        @param keep_connections: whether connections stay open. MULTI, WATCH, subscriptions, MONITOR, client-side
            caching and blocked commands end.
        @raise ServerEnded: if the process has ended or does not answer.
        """
        self._request("flush", keep_connections=keep_connections)

    def fail(self, command: str | None = None, error: str = INJECTED, times: int | None = None) -> Change:
        """
        Refuse calls of a command with an error, such as C{READONLY You can't write against a read only replica.}

        @param command: such as C{GET} or C{CLIENT KILL}; None for each.
        @param error: the text of the error.
        @param times: number of calls that fail; None for all.
        @raise ValueError: if there is no such command.
        """
        return self._begin("fail", command=command, error=error, times=times)

    def delay(self, command: str | None, seconds: float, times: int | None = None) -> Change:
        """
        Let calls of a command wait before they are executed. Other clients are served meanwhile.

        @param command: such as C{GET}; None for each.
        @param seconds: seconds, whatever the server's clock does.
        @param times: number of calls that wait; None for all.
        @raise ValueError: if there is no such command.
        """
        return self._begin("delay", command=command, seconds=seconds, times=times)

    def drop(self, after: int = 0, times: int | None = 1) -> Change:
        """
        Close the connection of a client in place of executing its command.

        @param after: number of commands, of all clients, that are executed before.
        @param times: number of commands that this happens to; None for all.
        """
        return self._begin("drop", after=after, times=times)

    def refuse(self) -> Change:
        """Refuse new connections. Connections that are open stay open."""
        return self._begin("refuse")

    def loading(self, seconds: float | None = None) -> Change:
        """
        Refuse commands with LOADING, as a server does that loads its data.

        @param seconds: seconds, whatever the server's clock does; None until the end of the change.
        """
        return self._begin("loading", seconds=seconds)

    def advance(self, seconds: float) -> None:
        """
        Move the server's clock forward. Keys have expired and blocked commands have timed out when this returns.
        """
        self._request("advance", seconds=check_number(seconds, "seconds"))

    def set_time(self, seconds: float) -> None:
        """
        Set the server's clock.

        @param seconds: seconds since the epoch.
        """
        self._request("set_time", moment=check_number(seconds, "the time"))

    def freeze(self, at: float | None = None) -> Change:
        """
        Stop the server's clock.

        @param at: where it stops, in seconds since the epoch; by default where it is.
        """
        process = self._running()
        self._request("freeze", at=at if at is None else check_number(at, "the time"))
        return Change(lambda: self._undo(process, "unfreeze"))

    def unfreeze(self) -> None:
        """Let the server's clock run on from where it stopped."""
        self._request("unfreeze")

    @contextmanager
    def record(self) -> Iterator[list[RecordedCommand]]:
        """A context manager that gives a list, which has the clients' commands after the end of the block."""
        number = self._request("record_start")
        commands: list[RecordedCommand] = []
        yield commands  # an exception of the block ends the record at the next flush
        commands += [RecordedCommand(*each) for each in self._request("record_stop", number=number)]

    def last_commands(self, count: int = 20, *, answer_timeout: float | None = None) -> list[RecordedCommand]:
        """
        Return the last commands since the last flush, oldest first; 100 at most.

        @param answer_timeout: time to wait for the answer, in seconds; by default that of the constructor.
        @raise ServerEnded: if the process has ended or does not answer.
        """
        return [RecordedCommand(*each) for each in self._request("last_commands", answer_timeout, count=count)]

    def snapshot(self) -> bytes:
        """Return all keys and functions as an RDB file."""
        return base64.b64decode(self._request("snapshot"))

    def restore(self, snapshot: bytes) -> None:
        """
        Replace all keys and functions by those of L{snapshot} or another RDB file.

        @raise ValueError: if it is damaged.
        """
        self._request("restore", snapshot=base64.b64encode(snapshot).decode())

    def load(self, path: Path) -> None:
        """
        Replace all keys and functions by those of an RDB file.

        @raise OSError: if the file cannot be read.
        @raise ValueError: if it is damaged.
        """
        self._request("load", path=os.path.abspath(path))

    def pids(self) -> list[int]:
        """Return the process IDs of the server and of v3's workers."""
        return list(self._request("pids"))

    def _begin(self, call: str, **arguments: Any) -> Change:
        process = self._running()
        number = self._request(call, **arguments)
        return Change(lambda: self._undo(process, "undo", number=number))

    def _undo(self, process: Process, call: str, **arguments: Any) -> None:
        """End a change of a process, if that runs still: another one does not have the change."""
        if process.foreign:
            return
        with self._lock:
            if self._process is process and process.status == "runs":
                self._request(call, **arguments)

    def _require_own(self) -> None:
        if self.foreign:
            raise RuntimeError(FOREIGN)

    def _running(self) -> Process:
        """
        Return the process.

        @raise ServerEnded: if it does not run.
        """
        self._require_own()
        if self.status != "runs":
            raise self._with_output(ServerEnded(f"{self.status}; start() or restart() starts it again"))
        return self._process

    def _request(self, call: str, answer_timeout: float | None = None, /, **arguments: Any) -> Any:
        """
        Return the result of a call in the child.

        @raise ServerEnded: if the child has ended, or does not answer in time.
        """
        process = self._running()
        try:
            return process.request(call, arguments, answer_timeout or self.answer_timeout)
        except ServerEnded as error:
            raise self._with_output(error) from None

    def _with_output(self, error: ServerEnded) -> ServerEnded:
        """Return the error with the port and the end of standard error."""
        output = self.errors(max(0, self.errors_size() - SHOWN_BYTES))
        return ServerEnded(f"the tseep server on port {self.port} {error}\n{output}".strip())


def _reserve(host: str, port: int) -> tuple[int, int]:
    """
    Keep a port by a socket that does not listen, so that a restart finds it free.

    @param port: 0 for a free one.
    @return: the socket's descriptor, and the port.
    """
    with reserved(host, port) as keeping:
        return os.dup(keeping.fileno()), keeping.getsockname()[1]


def _unnamed_file() -> int:
    """Return the descriptor of a file without a name, to which all writers append."""
    with tempfile.TemporaryFile(mode="a+b", prefix="tseep-") as file:
        return os.dup(file.fileno())


def _text(name: str, value: object) -> str:
    """Return the text of a parameter's value, which can be a path, too."""
    return os.fsdecode(value) if isinstance(value, os.PathLike) else text_of(value, f"the value of {name}")
