"""A server in a child process: started on a free port, and stopped in any case."""

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

if TYPE_CHECKING:
    from typing_extensions import Self

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
START_SECONDS = 20.0
TRY_SECONDS = 0.002  # between two tries to connect
STOP_SECONDS = 30.0  # thousands of threads take seconds to end
SPARE_CLIENTS = 16  # above the load's, for the look whether the server listens


class StartFailed(Exception):
    """The server did not come to listen; the text says what it printed."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def tseep_command(python: str, mode: str, port: int, clients: int, workers: int | None = None) -> list[str]:
    """Return the command that starts tseep in a mode, ready for so many clients; v3 with so many workers, or
    with as many as suit them."""
    listen = f"tcp:{port}:interface={HOST}"
    most = str(clients + SPARE_CLIENTS)
    words = [python, "-m", "tseep", "--mode", mode, "--listen", listen, "--maxclients", most]
    if mode == "v3":
        number = workers or limits.workers(clients + SPARE_CLIENTS, limits.raise_files(), machine.cores())
        words += ["--workers", str(number)]
    return words


class Server:
    """A server child, run in the folder `cwd`: listening inside `with`, and gone after it, whatever happens inside.

    A tseep that is not told where to keep its data gets a folder of its own, since it shares none."""

    def __init__(self, command: list[str], port: int, cwd: Path = REPOSITORY) -> None:
        self.command = command
        self.cwd = cwd
        self.address = (HOST, port)

    def __enter__(self) -> Self:
        self._output: IO[bytes] = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory(prefix="tseep-")
        own = "tseep" in self.command and "--dir" not in self.command
        # A session of its own: Ctrl-C goes to the rig alone, which then stops the server.
        self._child = subprocess.Popen(
            [*self.command, "--dir", self._folder.name] if own else self.command,
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
        """The process id."""
        return self._child.pid

    def kill(self) -> None:
        """Send SIGKILL, and wait for its end."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> str | None:
        """Send SIGTERM and wait. Return what was wrong with the server's end, or None."""
        if self._child.poll() is not None:
            return f"ended by itself with status {self._child.returncode}; {self._tail()}"
        self._child.send_signal(signal.SIGTERM)
        try:
            status = self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return f"still there {STOP_SECONDS:g} s after SIGTERM"
        return f"status {status} after SIGTERM; {self._tail()}" if status else None

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                raise StartFailed(f"{' '.join(self.command)}: {self._tail()}")
            try:
                socket.create_connection(self.address, 1).close()
                return
            except OSError:
                time.sleep(TRY_SECONDS)
        raise StartFailed(f"{' '.join(self.command)}: not listening in {START_SECONDS:g} s")

    def _tail(self) -> str:
        """Return the last lines of what the server printed."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - 2000))
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return "it printed: " + ("\n    ".join(["", *lines[-8:]]) if lines else "nothing")
