"""What one client that hardly reads costs the others, beside redis-server.

    python stress/study.py slow --gets 1000000

A client queues GETs of a kilobyte as far as the server takes them, and reads one byte a second. Another asks steadily
for PONG, before and meanwhile. Prints a Markdown table of the others' percentiles and of the server's memory; exit
status 0, or 2 when a server did not start or answered an error.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from typing import NamedTuple

from probes import proc
from rig.options import positive, seconds
from servers.process import Server
from studies.large import FEW, Connection, percentile, pings, started
from studies.versus import comparison, contestants, row, say, show

VALUE = 1000
BATCH = 100
GET = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n" * BATCH
READ_SECONDS = 1.0
TRY_SECONDS = 0.001  # between two tries to send more


class Seen(NamedTuple):
    """The milliseconds of PING, median and p99, before and meanwhile; how many GETs were taken; bytes grown by."""

    before: tuple[float, float]
    meanwhile: tuple[float, float]
    taken: int
    grown: int


def ask(server: Server, duration: float) -> tuple[float, float]:
    """Return the median and the p99 of PING's milliseconds."""
    stop = threading.Event()
    threading.Timer(duration, stop.set).start()
    took = list(pings(server.address, stop))
    return percentile(took, 0.5), percentile(took, 0.99)


def hardly_read(slow: socket.socket, gets: int, stop: threading.Event, taken: list[int]) -> None:
    """Send as many GETs as are taken, and read one byte a second."""
    left, part, read_at = gets // BATCH, b"", time.monotonic()
    while not stop.wait(TRY_SECONDS):
        try:
            while left:
                part = part or GET
                part = part[slow.send(part) :]
                left -= not part
        except BlockingIOError:
            pass
        if time.monotonic() - read_at > READ_SECONDS:
            read_at = time.monotonic()
            slow.recv(1)
    taken.append(gets - left * BATCH)


def measure(server: Server, options: argparse.Namespace) -> Seen:
    """Measure a server without the slow client and with it."""
    client = Connection(server.address)
    client.send([f"SET a {'x' * VALUE}"])
    client.skip()
    ask(server, options.time / 4)
    before, memory = ask(server, options.time), proc.sample(server.pid).resident
    stop, taken = threading.Event(), list[int]()
    with socket.create_connection(server.address) as slow:
        slow.setblocking(False)
        slowly = threading.Thread(target=hardly_read, args=(slow, options.gets, stop, taken))
        slowly.start()
        meanwhile = ask(server, options.time)
        grown = proc.sample(server.pid).resident - memory
        stop.set()
        slowly.join()
    return Seen(before, meanwhile, taken[0], grown)


def compete(options: argparse.Namespace) -> list[str]:
    """Measure all servers; return the table."""
    lines = [row(["", "PING alone, ms: median, p99", "meanwhile", "p99 / alone", "GETs taken", "memory grown by, MiB"])]
    lines.append(row(["---", *["--:"] * 5]))
    for each in contestants(options.python, options.pypy):
        say(each.title)
        with started(each) as server:
            seen = measure(server, options)
        shown = ["{:.2f}, {:.2f}".format(*pair) for pair in (seen.before, seen.meanwhile)]
        ratio = seen.meanwhile[1] / seen.before[1]
        lines.append(row([each.title, *shown, f"{ratio:.2f}", f"{seen.taken:,}", f"{seen.grown / 2**20:.1f}"]))
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = comparison("stress/study.py slow", __doc__)
    add = made.add_argument
    add(
        "--gets",
        type=positive,
        default=1_000_000,
        metavar="N",
        help="that it would like to send (1000000)",
    )
    add("--time", type=seconds, default=10.0, metavar="SECONDS", help="for which the other client asks, twice (10)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: FEW, compete)
