"""Memory of a value of a million elements, and the latency of commands on it, compared with redis-server.

    python stress/study.py large

For each figure a new server is filled through pipelines. Resident memory is read before and after. Then one client runs
quick commands on the value one by one, and the slowest is reported. At last the value is freed in several ways while a
second client sends PING after PING. Prints a Markdown table. Exit status: 0, or 2 when a server did not start or
replied with an error.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from probes import proc
from rig.options import clients, positive, seconds
from servers.process import Server
from studies.client import MAX_CLIENTS, Connection, percentile, pings, started
from studies.common import V1, compared_servers, comparison, row, say, show

Result = TypeVar("Result")


class Type(NamedTuple):
    """A type of value: the command that adds an element, and quick commands on the value."""

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


class Large(NamedTuple):
    """Bytes per element, and milliseconds of the quick commands."""

    element: float
    median: float
    p99: float
    slowest: float


class Pauses(NamedTuple):
    """Milliseconds of a command, and of another client's PINGs during it."""

    command: float
    p99: float
    slowest: float


def measure_type(server: Server, kind: Type, options: argparse.Namespace) -> Large:
    """Fill a value, and run quick commands on it."""
    client = Connection(server.address)
    time.sleep(options.settle)
    before = proc.resident(server.pid)
    client.fill(kind.fill, options.elements)
    time.sleep(options.settle)
    element = (proc.resident(server.pid) - before) / options.elements
    numbers = random.Random(1)
    latencies = [
        1e3 * client.seconds(quick.format(r=numbers.randrange(1, options.elements)))
        for _ in range(options.calls)
        for quick in kind.quick
    ]
    return Large(element, percentile(latencies, 0.5), percentile(latencies, 0.99), max(latencies))


def measure_freeing(server: Server, command: str, options: argparse.Namespace) -> Pauses:
    """Free a large set while another client sends PINGs."""
    client = Connection(server.address)
    client.fill(TYPES[0].fill, options.elements)
    latencies: list[float] = []
    stop = threading.Event()
    other = threading.Thread(target=lambda: latencies.extend(pings(server.address, stop)))
    other.start()
    time.sleep(options.settle / 2)
    milliseconds = 1e3 * client.seconds(command)
    time.sleep(2 * options.settle)
    stop.set()
    other.join()
    return Pauses(milliseconds, percentile(latencies, 0.99), max(latencies))


def measure_whole(server: Server, command: str, what: str, options: argparse.Namespace) -> float:
    """Return the milliseconds of a command that visits all elements of a value, or all keys."""
    client = Connection(server.address)
    client.fill("SET key:{n} 1" if what == "keys" else TYPES[0].fill, options.elements)
    return 1e3 * client.seconds(command)


def table(options: argparse.Namespace) -> list[str]:
    """Measure all figures of all servers; return the table."""
    servers = [each for each in compared_servers(options.python, options.pypy) if each.name != V1]

    def each(measure: Callable[..., Result], *given: Any) -> list[Result]:
        say(str(getattr(given[0], "name", given[0])))
        results = []
        for spec in servers:
            with started(spec) as server:
                results.append(measure(server, *given))
        return results

    count = options.elements
    lines = [row([f"{count:,} elements", *(one.title for one in servers)]), row(["---", *["--:"] * len(servers)])]
    for kind in TYPES:
        large = each(measure_type, kind, options)
        sizes = (f"{f.element:.0f} ({f.element / large[0].element:.2f}x)" for f in large)
        lines.append(row([f"{kind.name}, bytes/element (ratio to redis-server)", *sizes]))
        latencies = (f"{f.median:.2f}, {f.p99:.2f}, {f.slowest:.1f}" for f in large)
        lines.append(row([f"{kind.name}, quick commands, ms: median, p99, maximum", *latencies]))
    for command, what in WHOLE:
        whole = each(measure_whole, command, what, options)
        lines.append(row([f"`{command.split()[0]}` of all, ms", *(f"{ms:.0f}" for ms in whole)]))
    for command in FREEING:
        freed = each(measure_freeing, command, options)
        cells = (f"{f.command:.1f}; {f.p99:.1f}, {f.slowest:.1f}" for f in freed)
        lines.append(row([f"`{command}`, ms; PING of another client during it, ms: p99, maximum", *cells]))
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = comparison("stress/study.py large", __doc__)
    add = made.add_argument
    add("--elements", type=clients, default=1_000_000, metavar="N", help="elements of a value (1000000)")
    add("--calls", type=positive, default=2000, metavar="N", help="calls of each quick command (2000)")
    add("--settle", type=seconds, default=1.0, metavar="SECONDS", help="delay before memory is read (1)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: MAX_CLIENTS, table)
