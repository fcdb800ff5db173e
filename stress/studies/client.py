"""A blocking client for the studies, and what they measure with it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator

from rig.codec import encode, skip_reply
from servers.catalogue import ServerSpec
from servers.process import Server, free_port
from studies.common import Failed

MAX_CLIENTS = 100  # of a server started for a study
COMMANDS_PER_WRITE = 1000
PING_INTERVAL_S = 0.001


class Connection:
    """One client, which waits for each reply."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, 120)
        self.replies = self.socket.makefile("rb")

    def send(self, commands: Iterable[str]) -> int:
        """Send commands, words separated by spaces, in one write; return their number."""
        encoded = [encode(*command.split()) for command in commands]
        self.socket.sendall(b"".join(encoded))
        return len(encoded)

    def skip(self) -> None:
        """Read one reply. Raises Failed if it is an error, and at EOF."""
        line = skip_reply(self.replies)
        if line[:1] == b"-" or not line:
            raise Failed(line.decode() or "the server closed the connection")

    def seconds(self, command: str) -> float:
        """Run a command; return its duration in seconds."""
        start = time.perf_counter()
        self.send([command])
        self.skip()
        return time.perf_counter() - start

    def info(self, section: str, name: str) -> int:
        """Return a field of a section of INFO, which is a whole number."""
        self.send([f"INFO {section}"])
        size = int(self.replies.readline()[1:])
        lines = self.replies.read(size + 2).decode().splitlines()
        return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))

    def fill(self, command: str, count: int) -> None:
        """Run a command with each number from 1 to C{count} for C{{n}}, in pipelines."""
        for first in range(0, count, COMMANDS_PER_WRITE):
            last = min(first + COMMANDS_PER_WRITE, count)
            for _ in range(self.send(command.format(n=n + 1) for n in range(first, last))):
                self.skip()


def started(spec: ServerSpec) -> Server:
    """Return a new server, to be entered with C{with}: memory that an older one has freed would hide what is
    allocated."""
    port = free_port()
    return Server(spec.command(port, MAX_CLIENTS), port)


def pings(address: tuple[str, int], stop: threading.Event) -> Iterator[float]:
    """Send PING after PING; yield the milliseconds of each."""
    client = Connection(address)
    while not stop.is_set():
        yield 1e3 * client.seconds("PING")
        time.sleep(PING_INTERVAL_S)


def percentile(values: list[float], share: float) -> float:
    """Return the percentile of C{values} at a share from 0 to 1."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
