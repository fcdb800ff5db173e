"""Servers as child processes: tseep, and redis-server as the reference."""

from __future__ import annotations

import atexit
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Callable

from .client import PATIENCE, Client
from .oracles import REDIS_7_0, Oracle, find_program

ROOT = Path(__file__).resolve().parent.parent.parent

MODES = ["v1", "v2", "v3"]

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_running: set[Process] = set()


class Process:
    """
    A child process whose output is kept. It is killed when the tests end in any way.

    @param argv: the command.
    @param env: additions to the environment.
    @param cwd: its working directory; an empty temporary one by default.
    @param files: its limit on open files; 0 for the tests' own.
    @param largest_file: limit on the size of files that it writes, in bytes; 0 for none.
    @param descriptor: a descriptor that it inherits as number 3, as from systemd; 0 for none.
    @ivar lines: its output so far, of both streams.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: dict[str, str] | None = None,
        files: int = 0,
        cwd: Path | str | None = None,
        largest_file: int = 0,
        descriptor: int = 0,
    ) -> None:
        self.argv = list(argv)
        self._own = tempfile.TemporaryDirectory(prefix="tseep-") if cwd is None else None
        self.lines: list[str] = []
        self._changed = Condition()
        self._child = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._own.name if self._own else cwd,
            env=_environment(env or {}),
            preexec_fn=lambda: _prepare(files, largest_file, descriptor),
            pass_fds=[3] if descriptor else [],
        )
        _running.add(self)
        self._ended = False
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def output(self) -> str:
        """All of its output so far."""
        return "\n".join(self.lines)

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._child.poll() is None

    @property
    def memory(self) -> int:
        """Its resident memory in bytes (VmRSS)."""
        return self._status("VmRSS") * 1024

    @property
    def most_memory(self) -> int:
        """Its peak resident memory in bytes (VmHWM)."""
        return self._status("VmHWM") * 1024

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it writes a line that matches the regular expression."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            found.extend(match for line in self.lines if (match := re.search(pattern, line)))
            return bool(found) or self._ended

        with self._changed:
            in_time = self._changed.wait_for(look, PATIENCE)
        if not found:
            why = "ended" if in_time else "is silent"
            raise AssertionError(f"{self.argv} {why} without a line like {pattern!r}; it wrote:\n{self.output}")
        return found[0]

    def send_signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self) -> int:
        """Wait for its exit and all of its output; return the exit status."""
        try:
            status = self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv} does not exit; it wrote:\n{self.output}") from None
        self._reader.join(PATIENCE)
        _running.discard(self)
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the exit; return the exit status."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kill the process if it still runs, and delete its temporary files."""
        if self in _running:
            self._child.kill()
            self.wait()
        self._child.stdout.close()  # type: ignore[union-attr]
        if self._own:
            self._own.cleanup()

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
        assert match is not None, f"no {name} in /proc/{self.pid}/status"
        return int(match[1])

    def _read(self) -> None:
        for line in self._child.stdout:  # type: ignore[union-attr]
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _environment(added: dict[str, str]) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TSEEP_")}
    return {**env, "PYTHONUNBUFFERED": "1", **added}


def _prepare(files: int, largest_file: int, descriptor: int) -> None:
    """In the child: die with the parent, and apply the limits and the descriptor of L{Process}."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    if descriptor:
        os.dup2(descriptor, 3)


@atexit.register
def kill_all() -> None:
    """Kill every child that still runs."""
    for process in list(_running):
        process.kill()


class _Listening(Process):
    """A process that clients can connect to."""

    address: str | tuple[str, int]

    def connect(self) -> Client:
        """A new client connected to it."""
        return Client(self.address)

    def flush(self) -> None:
        """Delete all keys (FLUSHALL)."""
        with self.connect() as client:
            assert client("FLUSHALL") == "OK"


class Tseep(_Listening):
    """
    A running tseep, ready for clients.

    @param options: more command-line options.
    @param unix: listen on a Unix socket instead of a port.
    @param endpoint: the endpoint to listen on, instead of a free port.
    @param module: the module to run with C{python -m}.
    """

    def __init__(
        self, mode: str, *options: str, unix: bool = False, endpoint: str = "", module: str = "tseep", **how: Any
    ) -> None:
        self.mode = mode
        self._folder = tempfile.TemporaryDirectory(prefix="tseep-") if unix else None
        endpoint = endpoint or (f"unix:{self._folder.name}/socket" if self._folder else "tcp:0:interface=127.0.0.1")
        argv = [sys.executable, "-m", module, "--mode", mode, "--listen", endpoint, *options]
        super().__init__(argv, **how)
        self.address = self._find_address()

    def _find_address(self) -> str | tuple[str, int]:
        ready = self.wait_for(r"is ready: mode \S+ on (\S+?):(\d+)[;,]")
        return ready[1] if ready[1].startswith("/") else (ready[1], int(ready[2]))

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        return int(self.address[1])

    def kill(self) -> None:
        super().kill()
        if self._folder:
            self._folder.cleanup()


class Redis(_Listening):
    """
    A running redis-server, ready for clients, without persistence by default.

    @param options: more command-line options.
    @param config: its configuration file.
    @param oracle: its version.
    """

    def __init__(self, *options: str, config: Path | None = None, oracle: Oracle = REDIS_7_0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tseep-oracle-")
        self.address = f"{self._folder.name}/socket"
        kept = [str(config)] if config is not None else ["--save", "", "--appendonly", "no"]
        argv = [find_program("redis-server", oracle), *kept, "--port", "0", "--unixsocket", self.address]
        super().__init__([*argv, *options], cwd=self._folder.name)
        self.wait_for("eady to accept connections|now ready to accept connections at")

    def kill(self) -> None:
        super().kill()
        self._folder.cleanup()


def until(condition: Callable[[], Any], what: str) -> Any:
    """Poll C{condition} until it is true; return its value. Raises after L{PATIENCE} seconds, with C{what}."""
    import time

    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out waiting until {what}")
        time.sleep(0.005)


def until_connected(client: Client, number: int) -> None:
    """
    Wait until C{number} clients are connected, including C{client}: a server can notice a disconnect late.
    """
    until(lambda: client("CLIENT", "LIST").count(b"\n") == number, f"CLIENT LIST has {number}")
