"""A server in a child process: started on a free port, and always stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from probes import limits, machine
from probes.machine import REPOSITORY

if TYPE_CHECKING:
    from typing_extensions import Self

HOST = "127.0.0.1"
START_TIMEOUT_S = 20.0
CONNECT_INTERVAL_S = 0.002
STOP_TIMEOUT_S = 30.0  # thousands of threads end within seconds
SPARE_CLIENTS = 16  # above the load's, for the check that the server listens and for its loop lag


class StartFailed(Exception):
    """The server did not listen in time, or exited; the text has its output."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def tseep_command(python: str, mode: str, port: int, clients: int, workers: int | None = None) -> list[str]:
    """Return the command line of tseep in a mode, for that many clients; in v3 with C{workers} workers, or by default
    as many as limits.workers() returns."""
    listen = f"tcp:{port}:interface={HOST}"
    most = str(clients + SPARE_CLIENTS)
    words = [python, "-m", "tseep", "--mode", mode, "--listen", listen, "--maxclients", most]
    if mode == "v3":
        number = workers or limits.workers(clients + SPARE_CLIENTS, limits.raise_files(), machine.cores())
        words += ["--workers", str(number)]
    return words


class Server:
    """
    A server as a child process with the working directory C{cwd}, running inside C{with}. A tseep without --dir gets a
    folder of its own.

    @ivar started: the command line that was started, with that folder.
    """

    def __init__(self, command: list[str], port: int, cwd: Path = REPOSITORY) -> None:
        self.command = command
        self.cwd = cwd
        self.address = (HOST, port)

    def __enter__(self) -> Self:
        self._output: IO[bytes] = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory(prefix="tseep-")
        own = "tseep" in self.command and "--dir" not in self.command
        self.started = [*self.command, "--dir", self._folder.name] if own else self.command
        # In a new session Ctrl-C is sent to the rig alone, which then stops the server.
        self._child = subprocess.Popen(
            self.started,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until_listening()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._output.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        return self._child.pid

    def kill(self) -> None:
        """Send SIGKILL, and wait for the exit."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> str | None:
        """Send SIGTERM and wait. Return what was wrong with the server's exit, or None."""
        if self._child.poll() is not None:
            return f"exited during the run with status {self._child.returncode}; {self._tail()}"
        self._child.send_signal(signal.SIGTERM)
        try:
            status = self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"still running {STOP_TIMEOUT_S:g} s after SIGTERM"
        return f"status {status} after SIGTERM; {self._tail()}" if status else None

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                raise StartFailed(f"{' '.join(self.command)}: {self._tail()}")
            try:
                socket.create_connection(self.address, 1).close()
                return
            except OSError:
                time.sleep(CONNECT_INTERVAL_S)
        raise StartFailed(f"{' '.join(self.command)}: not listening in {START_TIMEOUT_S:g} s")

    def _tail(self) -> str:
        """Return the last lines of the server's output."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - 2000))
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return "output: " + ("\n    ".join(["", *lines[-8:]]) if lines else "nothing")
