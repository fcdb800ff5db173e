"""What it costs to keep the data, beside redis-server: loading them, and writing with each policy.

    python stress/study.py durable --keys 1000000

Loading: a server starts on a folder with a snapshot, or with an append-only file of one command a key, and the time
until it answers counts, less that of a start on an empty folder. Writing: redis-benchmark's SET, without an append-only
file and with one, for each --appendfsync. Servers take turns; ratios are taken within a round. Prints Markdown tables;
exit status 0, or 2 when a server did not start or has not what it should.
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

from rig.options import clients, positive
from servers.catalogue import Contestant
from servers.process import HOST, Server, free_port
from studies.versus import (
    FIRST_REQUESTS,
    REDIS,
    V1,
    V2,
    Failed,
    Kind,
    beside,
    comparison,
    contestants,
    measure,
    row,
    say,
    show,
)

BATCH = 10_000
PATIENCE = 300.0
WANTED = 3.0  # times redis-server's time to load
POLICIES = ["", "no", "everysec", "always"]
FORMS = {"a snapshot": [], "an append-only file": ["--appendonly", "yes"]}
SPARE = 64  # clients beside the load's
FILE = "appendonlydir/appendonly.aof"


def commands(keys: int) -> Iterator[bytes]:
    """Yield the commands that make the keys, many at once."""
    for first in range(0, keys, BATCH):
        pairs = ((b"key:%d" % at, b"value of %d" % at) for at in range(first, min(first + BATCH, keys)))
        yield b"".join([b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(k), k, len(v), v) for k, v in pairs])


def prepare(folder: Path, keys: int) -> None:
    """Write both forms of the same keys into a folder; redis-server makes the snapshot. Raises Failed."""
    (folder / "appendonlydir").mkdir()
    (folder / f"{FILE}.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    with open(folder / f"{FILE}.1.incr.aof", "wb") as file:
        file.writelines(commands(keys))
    port = free_port()
    made = ["redis-server", "--port", str(port), "--bind", HOST, "--dir", str(folder), "--appendonly", "yes"]
    with Server([*made, "--save", ""], port) as server:
        answer(server.address, b"DBSIZE\r\n", b":%d\r\n" % keys)
        answer(server.address, b"SAVE\r\n", b"+OK\r\n")


def answer(address: tuple[str, int], command: bytes, expected: bytes) -> None:
    """Ask a server until it has loaded; raises Failed if the answer is another."""
    deadline = time.monotonic() + PATIENCE
    found = b"-LOADING"
    while found.startswith(b"-LOADING") and time.monotonic() < deadline:
        with socket.create_connection(address, PATIENCE) as connection:
            connection.sendall(command)
            found = connection.recv(1000)
        time.sleep(0.002)
    if found != expected:
        raise Failed(f"{command!r} was answered {found!r} and not {expected!r}")


def start(each: Contestant, words: list[str], keys: int) -> float:
    """Return the seconds from a server's start to the answer that all keys are there."""
    port = free_port()
    began = time.perf_counter()
    with Server([*each.command(port, SPARE), *words], port) as server:
        answer(server.address, b"DBSIZE\r\n", b":%d\r\n" % keys)
        return time.perf_counter() - began


def load_all(found: list[Contestant], keys: int, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Measure loading in turns; return the seconds by server and form."""
    seconds: dict[tuple[str, str], list[float]] = {(each.name, form): [] for each in found for form in FORMS}
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as empty:
        say(f"making {keys:,} keys")
        prepare(Path(full), keys)
        for turn in range(rounds):
            say(f"loading, round {turn + 1} of {rounds}")
            for each in found:
                begun = start(each, ["--dir", empty], 0)
                for form, words in FORMS.items():
                    seconds[each.name, form].append(start(each, ["--dir", full, *words], keys) - begun)
    return seconds


def write_all(found: list[Contestant], options: argparse.Namespace) -> dict[tuple[str, str], list[float]]:
    """Measure writing in turns; return the requests/s by server and policy."""
    rates: dict[tuple[str, str], list[float]] = {(each.name, policy): [] for each in found for policy in POLICIES}
    kind = Kind("SET")
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
            say(f"writing, round {turn + 1} of {options.rounds}" if turn >= 0 else "warming up")
            for key, server in running.items():
                rate = measure(server, kind, numbers[key], options.clients).per_second
                if turn < 0:
                    numbers[key] = max(options.clients, int(rate * options.time))
                else:
                    rates[key].append(rate)
    return rates


def compete(options: argparse.Namespace) -> list[str]:
    """Measure all; return the tables."""
    found = [each for each in contestants(options.python, options.pypy) if each.name != V1]
    head = [row(["", *(each.title for each in found)]), row(["---", *["--:"] * len(found)])]
    loading = load_all(found, options.keys, options.rounds)
    lines = list(head)
    for form in FORMS:
        cells = [
            f"{median(loading[each.name, form]):.2f} ({beside(loading[each.name, form], loading[REDIS, form]):.2f})"
            for each in found
        ]
        lines.append(row([f"{options.keys:,} keys from {form}, s (beside redis-server)", *cells]))
    worst = max(beside(loading[V2, form], loading[REDIS, form]) for form in FORMS)
    lines += ["", f"Wanted of v2 on CPython: at most {WANTED:g} times redis-server's time; measured: {worst:.2f}.", ""]
    writing = write_all(found, options)
    lines += head
    for policy in POLICIES:
        rates = [(writing[each.name, policy], writing[each.name, ""], writing[REDIS, policy]) for each in found]
        cells = [
            f"{median(own):,.0f} ({beside(own, theirs):.2f}; {beside(own, plain):.2f})" for own, plain, theirs in rates
        ]
        title = f"--appendfsync {policy}" if policy else "no append-only file"
        lines.append(row([f"SET, {title}, requests/s (beside redis-server; beside no file)", *cells]))
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = comparison("stress/study.py durable", __doc__)
    add = made.add_argument
    add("--keys", type=positive, default=1_000_000, metavar="N", help="keys to load (1000000)")
    add("--clients", type=clients, default=100, metavar="N", help="clients that write (100)")
    add("--time", type=positive, default=1, metavar="SECONDS", help="how long each measurement of writing lasts (1)")
    add("--rounds", type=positive, default=5, metavar="N", help="rounds that count (5)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: options.clients, compete)
