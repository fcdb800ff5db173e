"""What a value of a million elements costs, beside redis-server: memory, pauses, and freeing it.

    python stress/study.py large

A server of its own is filled through pipelines for each figure; its resident memory is read before and after. Then one
client calls quick commands on the large value one by one, and keeps the slowest. At last a second client asks steadily
for PONG while the value is freed in different ways. Prints a Markdown table; exit status 0, or 2 when a server did not
start or answered an error.
"""

from __future__ import annotations

import argparse
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from probes import proc
from rig.options import clients, positive, seconds
from servers.catalogue import Contestant
from servers.process import Server, free_port
from studies.versus import V1, Failed, comparison, contestants, row, say, show

FEW = 100  # clients that a server is made for
BATCH = 1000  # commands in one write
STEP_SECONDS = 0.001  # between two PINGs


Measured = TypeVar("Measured")


class Type(NamedTuple):
    """A type of value: how it is filled, and the quick commands that are tried on it."""

    name: str
    fill: str
    quick: list[str]


TYPES = [
    Type("set", "SADD k member:{n}", ["SADD k new:{r}", "SREM k member:{r}", "SISMEMBER k member:{r}", "SPOP k"]),
    Type("hash", "HSET k field:{n} {n}", ["HSET k new:{r} 1", "HGET k field:{r}", "HDEL k field:{r}"]),
    Type("list", "RPUSH k element:{n}", ["LPUSH k x", "RPUSH k x", "LPOP k", "RPOP k", "LINDEX k 0"]),
    Type(
        "sorted set",
        "ZADD k {n} member:{n}",
        ["ZADD k {r}.5 new:{r}", "ZRANK k member:{r}", "ZREM k member:{r}", "ZRANGEBYSCORE k {r} {r}", "ZPOPMIN k"],
    ),
    Type("stream", "XADD k {n}-1 f {n}", ["XADD k * f 1", "XRANGE k {r}-1 {r}-1", "XDEL k {r}-1"]),
]

WHOLE = [("SMEMBERS k", "set"), ("DEL k", "set"), ("FLUSHALL", "set"), ("KEYS none*", "keys")]
FREEING = ["UNLINK k", "FLUSHALL ASYNC", "DEL k"]


class Connection:
    """One client, which waits for each answer."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, 120)
        self.replies = self.socket.makefile("rb")

    def send(self, commands: Iterable[str]) -> int:
        """Send commands in one write; return how many they are."""
        raw = [command.split() for command in commands]
        parts = [f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words) for words in raw]
        self.socket.sendall("".join(parts).encode())
        return len(raw)

    def skip(self) -> None:
        """Read one reply, and forget it; raises Failed if it is an error."""
        line = self.replies.readline()
        if line[:1] == b"-" or not line:
            raise Failed(line.decode().strip() or "the server is gone")
        if line[:1] == b"$" and line[1:2] != b"-":
            self.replies.read(int(line[1:]) + 2)
        if line[:1] == b"*":
            for _ in range(int(line[1:])):
                self.skip()

    def seconds(self, command: str) -> float:
        """Run a command; return how long it took."""
        start = time.perf_counter()
        self.send([command])
        self.skip()
        return time.perf_counter() - start

    def figure(self, section: str, name: str) -> int:
        """Return a whole number of a section of INFO, by the name of its field."""
        self.send([f"INFO {section}"])
        size = int(self.replies.readline()[1:])
        lines = self.replies.read(size + 2).decode().splitlines()
        return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))

    def fill(self, command: str, count: int) -> None:
        """Run a command for each number up to C{count}, many at once."""
        for first in range(0, count, BATCH):
            for _ in range(self.send(command.format(n=n + 1) for n in range(first, min(first + BATCH, count)))):
                self.skip()


class Large(NamedTuple):
    """What was measured of a type: bytes for an element, and the milliseconds of quick commands."""

    element: float
    median: float
    p99: float
    slowest: float


class Pauses(NamedTuple):
    """The milliseconds that a command took, and what another client met meanwhile."""

    took: float
    p99: float
    slowest: float


def percentile(values: list[float], share: float) -> float:
    """Return the value that so large a share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def started(contestant: Contestant) -> Server:
    """Return a server of its own, to be entered: memory that was used before would hide what is taken."""
    port = free_port()
    return Server(contestant.command(port, FEW), port)


def measure_type(server: Server, kind: Type, options: argparse.Namespace) -> Large:
    """Fill a value, and call quick commands on it."""
    client = Connection(server.address)
    time.sleep(options.settle)
    before = proc.sample(server.pid).resident
    client.fill(kind.fill, options.elements)
    time.sleep(options.settle)
    element = (proc.sample(server.pid).resident - before) / options.elements
    numbers = random.Random(1)
    took = [
        1e3 * client.seconds(quick.format(r=numbers.randrange(1, options.elements)))
        for _ in range(options.calls)
        for quick in kind.quick
    ]
    return Large(element, percentile(took, 0.5), percentile(took, 0.99), max(took))


def pings(address: tuple[str, int], stop: threading.Event) -> Iterator[float]:
    """Ask for PONG steadily; yield the milliseconds of each answer."""
    client = Connection(address)
    while not stop.is_set():
        yield 1e3 * client.seconds("PING")
        time.sleep(STEP_SECONDS)


def measure_freeing(server: Server, command: str, options: argparse.Namespace) -> Pauses:
    """Free a large set while another client asks for PONG."""
    client = Connection(server.address)
    client.fill(TYPES[0].fill, options.elements)
    seen: list[float] = []
    stop = threading.Event()
    other = threading.Thread(target=lambda: seen.extend(pings(server.address, stop)))
    other.start()
    time.sleep(options.settle / 2)
    took = 1e3 * client.seconds(command)
    time.sleep(2 * options.settle)
    stop.set()
    other.join()
    return Pauses(took, percentile(seen, 0.99), max(seen))


def measure_whole(server: Server, command: str, what: str, options: argparse.Namespace) -> float:
    """Return the milliseconds of a command that has to do with all elements, or all keys."""
    client = Connection(server.address)
    client.fill("SET key:{n} 1" if what == "keys" else TYPES[0].fill, options.elements)
    return 1e3 * client.seconds(command)


def table(options: argparse.Namespace) -> list[str]:
    """Measure everything, server beside server; return the table."""
    found = [each for each in contestants(options.python, options.pypy) if each.name != V1]

    def each(measure: Callable[..., Measured], *given: Any) -> list[Measured]:
        say(str(getattr(given[0], "name", given[0])))
        measured = []
        for contestant in found:
            with started(contestant) as server:
                measured.append(measure(server, *given))
        return measured

    count = options.elements
    lines = [row([f"{count:,} elements", *(one.title for one in found)]), row(["---", *["--:"] * len(found)])]
    for kind in TYPES:
        large = each(measure_type, kind, options)
        beside = (f"{f.element:.0f} ({f.element / large[0].element:.2f})" for f in large)
        lines.append(row([f"{kind.name}, bytes/element (beside redis-server)", *beside]))
        shown = (f"{f.median:.2f}, {f.p99:.2f}, {f.slowest:.1f}" for f in large)
        lines.append(row([f"{kind.name}, quick commands, ms: median, p99, slowest", *shown]))
    for command, what in WHOLE:
        whole = each(measure_whole, command, what, options)
        lines.append(row([f"`{command.split()[0]}` of all, ms", *(f"{ms:.0f}" for ms in whole)]))
    for command in FREEING:
        freed = each(measure_freeing, command, options)
        shown = (f"{f.took:.1f}; {f.p99:.1f}, {f.slowest:.1f}" for f in freed)
        lines.append(row([f"`{command}`, ms; another client's PING meanwhile, ms: p99, slowest", *shown]))
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = comparison("stress/study.py large", __doc__)
    add = made.add_argument
    add("--elements", type=clients, default=1_000_000, metavar="N", help="of a value (1000k)")
    add("--calls", type=positive, default=2000, metavar="N", help="of each quick command (2000)")
    add("--settle", type=seconds, default=1.0, metavar="SECONDS", help="before memory is read (1)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: FEW, table)
