"""The cost of persistence, compared with redis-server: time to load, and writes under each fsync policy.

    python stress/study.py durable --keys 1000000

Loading: a server starts in a folder with a snapshot, or with an append-only file of one command per key. What counts is
the time until it replies, minus that of a start in an empty folder. Writing: redis-benchmark's SET, without an
append-only file and with one, for each --appendfsync. Servers alternate, and ratios are taken within a round. Prints
Markdown tables. Exit status: 0, or 2 when a server did not start or lacks keys.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rig.codec import encode
from rig.options import clients, positive
from servers.catalogue import ServerSpec
from servers.process import HOST, Server, free_port
from studies.common import (
    FIRST_REQUESTS,
    REDIS,
    V1,
    V2,
    BenchmarkTest,
    Failed,
    benchmark,
    compared_servers,
    comparison,
    ratio,
    row,
    say,
    show,
)

COMMANDS_PER_WRITE = 10_000
LOAD_TIMEOUT_S = 300.0
RETRY_INTERVAL_S = 0.002
MAX_LOAD_RATIO = 3.0  # of v2's time to load to redis-server's
POLICIES = ["", "no", "everysec", "always"]
FORMATS = {"a snapshot": [], "an append-only file": ["--appendonly", "yes"]}
MAX_CLIENTS = 64
AOF_NAME = "appendonlydir/appendonly.aof"


def commands(keys: int) -> Iterator[bytes]:
    """Yield the commands that set the keys, thousands at a time."""
    for first in range(0, keys, COMMANDS_PER_WRITE):
        numbers = range(first, min(first + COMMANDS_PER_WRITE, keys))
        yield b"".join([encode(b"SET", b"key:%d" % number, b"value of %d" % number) for number in numbers])


def prepare(folder: Path, keys: int) -> None:
    """Write the same keys in both formats into a folder; redis-server makes the snapshot. Raises Failed."""
    (folder / "appendonlydir").mkdir()
    (folder / f"{AOF_NAME}.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    with open(folder / f"{AOF_NAME}.1.incr.aof", "wb") as file:
        file.writelines(commands(keys))
    port = free_port()
    made = ["redis-server", "--port", str(port), "--bind", HOST, "--dir", str(folder), "--appendonly", "yes"]
    with Server([*made, "--save", ""], port) as server:
        expect(server.address, b"DBSIZE\r\n", b":%d\r\n" % keys)
        expect(server.address, b"SAVE\r\n", b"+OK\r\n")


def expect(address: tuple[str, int], command: bytes, expected: bytes) -> None:
    """Ask a server until it has loaded; raises Failed if the answer is another."""
    deadline = time.monotonic() + LOAD_TIMEOUT_S
    found = b"-LOADING"
    while found.startswith(b"-LOADING") and time.monotonic() < deadline:
        with socket.create_connection(address, LOAD_TIMEOUT_S) as connection:
            connection.sendall(command)
            found = connection.recv(1000)
        time.sleep(RETRY_INTERVAL_S)
    if found != expected:
        raise Failed(f"{command!r} was answered with {found!r} in place of {expected!r}")


def start(each: ServerSpec, words: list[str], keys: int) -> float:
    """Return the seconds from a server's start to the reply that all keys exist. Raises Failed."""
    port = free_port()
    began = time.perf_counter()
    with Server([*each.command(port, MAX_CLIENTS), *words], port) as server:
        expect(server.address, b"DBSIZE\r\n", b":%d\r\n" % keys)
        return time.perf_counter() - began


def load_all(found: list[ServerSpec], keys: int, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Measure loading; return the seconds by server and format."""
    seconds: dict[tuple[str, str], list[float]] = {(each.name, name): [] for each in found for name in FORMATS}
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as empty:
        say(f"writing {keys:,} keys")
        prepare(Path(full), keys)
        for turn in range(rounds):
            say(f"loading, round {turn + 1} of {rounds}")
            for each in found:
                empty_start = start(each, ["--dir", empty], 0)
                for name, words in FORMATS.items():
                    seconds[each.name, name].append(start(each, ["--dir", full, *words], keys) - empty_start)
    return seconds


def write_all(found: list[ServerSpec], options: argparse.Namespace) -> dict[tuple[str, str], list[float]]:
    """Measure writing; return the requests/s by server and policy."""
    rates: dict[tuple[str, str], list[float]] = {(each.name, policy): [] for each in found for policy in POLICIES}
    test = BenchmarkTest("SET")
    with ExitStack() as stack:
        running = {}
        for each in found:
            for policy in POLICIES:
                port, folder = free_port(), stack.enter_context(tempfile.TemporaryDirectory())
                words = ["--dir", folder, "--auto-aof-rewrite-percentage", "0"]
                words += ["--appendonly", "yes", "--appendfsync", policy] if policy else []
                command = [*each.command(port, options.clients), *words]
                running[each.name, policy] = stack.enter_context(Server(command, port))
        numbers = dict.fromkeys(running, FIRST_REQUESTS)
        for turn in range(-1, options.rounds):
            say(f"writing, round {turn + 1} of {options.rounds}" if turn >= 0 else "warm-up")
            for key, server in running.items():
                rate = benchmark(server, test, numbers[key], options.clients).per_second
                if turn < 0:
                    numbers[key] = max(options.clients, int(rate * options.time))
                else:
                    rates[key].append(rate)
    return rates


def tables(options: argparse.Namespace) -> list[str]:
    """Measure loading and writing; return both tables."""
    found = [each for each in compared_servers(options.python, options.pypy) if each.name != V1]
    head = [row(["", *(each.title for each in found)]), row(["---", *["--:"] * len(found)])]
    loading = load_all(found, options.keys, options.rounds)
    lines = list(head)
    for form in FORMATS:
        cells = [
            f"{median(loading[each.name, form]):.2f} ({ratio(loading[each.name, form], loading[REDIS, form]):.2f}x)"
            for each in found
        ]
        lines.append(row([f"{options.keys:,} keys from {form}, s (ratio to redis-server)", *cells]))
    worst = max(ratio(loading[V2, form], loading[REDIS, form]) for form in FORMATS)
    lines += [
        "",
        f"Target for v2 on CPython: at most {MAX_LOAD_RATIO:g}x redis-server's time; measured: {worst:.2f}x.",
        "",
    ]
    writing = write_all(found, options)
    lines += head
    for policy in POLICIES:
        rates = [(writing[each.name, policy], writing[each.name, ""], writing[REDIS, policy]) for each in found]
        cells = [
            f"{median(own):,.0f} ({ratio(own, theirs):.2f}x; {ratio(own, plain):.2f}x)" for own, plain, theirs in rates
        ]
        title = f"--appendfsync {policy}" if policy else "no append-only file"
        lines.append(row([f"SET, {title}, requests/s (ratio to redis-server; to no file)", *cells]))
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = comparison("stress/study.py durable", __doc__)
    add = made.add_argument
    add("--keys", type=positive, default=1_000_000, metavar="N", help="keys to load (1000000)")
    add("--clients", type=clients, default=100, metavar="N", help="writing clients (100)")
    add("--time", type=positive, default=1, metavar="SECONDS", help="duration of a measurement of writing (1)")
    add("--rounds", type=positive, default=5, metavar="N", help="measured rounds (5)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: options.clients, tables)
