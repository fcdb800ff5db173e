"""The dataset size that maxmemory is compared with, against the growth of resident memory.

    python stress/study.py memory

For each kind of data a new tseep, with a --maxmemory that is never reached, is filled through pipelines. What it counts
(used_memory) is compared with the growth of its resident memory. Prints a Markdown table. Exit status: 0, 1
when the two differ too much, or 2 when a server did not start or replied with an error.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

from probes import proc
from rig.options import positive, seconds
from servers.catalogue import ServerSpec
from servers.process import Server, free_port
from studies.client import MAX_CLIENTS, Connection
from studies.common import V2, attempt, compared_servers, row, say, where

MAX_DEVIATION = 0.15  # of the counted bytes from the growth
UNLIMITED = ["--maxmemory", "1000gb"]
USED_FIELD = "used_memory"


class Data(NamedTuple):
    """A kind of data: the command for each number, and how many numbers to use, as a share of --keys, so that small and
    large elements are filled in similar times."""

    name: str
    command: str
    share: float


DATA = [
    Data("strings of 10 bytes", "SET key:{n} value:{n}", 1),
    Data("strings of 100 bytes", f"SET key:{{n}} {'x' * 100}", 1),
    Data("strings of 1,000 bytes", f"SET key:{{n}} {'x' * 1000}", 0.3),
    Data("strings of 10,000 bytes", f"SET key:{{n}} {'x' * 10_000}", 0.05),
    Data("strings with an expiry", "SET key:{n} value:{n} EX 100000", 1),
    Data("counters", "INCRBY key:{n} {n}", 1),
    Data("bitmaps of 100 bytes", "SETBIT key:{n} 799 1", 1),
    Data("small hashes, 5 fields", "HSET key:{n} f1 {n} f2 {n} f3 {n} f4 {n} f5 {n}", 0.3),
    Data("one large hash", "HSET k field:{n} value:{n}", 1),
    Data("small sets, 5 members", "SADD key:{n} a{n} b{n} c{n} d{n} e{n}", 0.3),
    Data("one large set", "SADD k member:{n}", 1),
    Data("small lists, 5 elements", "RPUSH key:{n} a{n} b{n} c{n} d{n} e{n}", 0.3),
    Data("one large list", "RPUSH k element:{n}", 2),
    Data("small sorted sets, 5 members", "ZADD key:{n} 1 a{n} 2 b{n} 3 c{n} 4 d{n} 5 e{n}", 0.2),
    Data("one large sorted set", "ZADD k {n} member:{n}", 0.5),
    Data("small streams, 1 entry", "XADD key:{n} {n}-1 field value:{n}", 0.2),
    Data("one large stream", "XADD k {n}-1 field value:{n}", 0.5),
]


def measure(each: ServerSpec, data: Data, options: argparse.Namespace) -> tuple[int, int]:
    """Return the bytes that the server counts for the data, and the growth of its resident memory."""
    port = free_port()
    with Server([*each.command(port, MAX_CLIENTS), *UNLIMITED], port) as server:
        connection = Connection(server.address)
        connection.fill("SET warm:{n} up", 1000)
        connection.fill("DEL warm:{n}", 1000)
        time.sleep(options.settle)
        before, counted = proc.resident(server.pid), connection.info("memory", USED_FIELD)
        connection.fill(data.command, int(options.keys * data.share))
        time.sleep(options.settle)
        return connection.info("memory", USED_FIELD) - counted, proc.resident(server.pid) - before


def table(options: argparse.Namespace) -> tuple[list[str], bool]:
    """Measure all data; return the table, and whether every deviation is within the bound."""
    (server,) = [one for one in compared_servers(options.python, None) if one.name == V2]
    lines = [
        row([server.title, "counted, MiB", "resident growth, MiB", "counted / growth"]),
        row(["---", *["--:"] * 3]),
    ]
    good = True
    for data in (each for each in DATA if options.only in each.name):
        say(data.name)
        counted, grown = measure(server, data, options)
        ratio = counted / max(1, grown)
        good = good and abs(ratio - 1) <= MAX_DEVIATION
        lines.append(row([data.name, f"{counted / 2**20:.1f}", f"{grown / 2**20:.1f}", f"{ratio:.2f}x"]))
    return [*lines, "", f"Target: a deviation of at most {MAX_DEVIATION:.0%}."], good


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py memory", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="Python interpreter of the server (this one)")
    add(
        "--keys",
        type=positive,
        default=300_000,
        metavar="N",
        help="keys or elements; fewer where they are large (300000)",
    )
    add("--settle", type=seconds, default=0.3, metavar="SECONDS", help="delay before memory is read (0.3)")
    add("--only", default="", metavar="TEXT", help="measure only data with TEXT in their name")
    made.set_defaults(pypy=None)
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    found = attempt("stress/study.py memory", options, MAX_CLIENTS, table)
    if found is None:
        return 2
    lines, good = found
    print("\n".join([f"{where()}.", "", *lines]))
    return 0 if good else 1
