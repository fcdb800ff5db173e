"""The effect of one client that hardly reads on the others, compared with redis-server.

    python stress/study.py slow --gets 1000000

A client sends GETs of a kilobyte as far as the server accepts them, and reads one byte per second. Another sends PING
after PING, before and during that. Prints a Markdown table of its percentiles and of the server's memory. Exit status:
0, or 2 when a server did not start or replied with an error.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from typing import NamedTuple

from probes import proc
from rig.codec import encode
from rig.options import positive, seconds
from servers.process import Server
from studies.client import MAX_CLIENTS, Connection, percentile, pings, started
from studies.common import compared_servers, comparison, row, say, show

VALUE_BYTES = 1000
GETS_PER_WRITE = 100
GETS = encode("GET", "a") * GETS_PER_WRITE
READ_INTERVAL_S = 1.0
RETRY_INTERVAL_S = 0.001  # while the socket is full


class Effect(NamedTuple):
    """Median and p99 of PING in milliseconds, alone and beside the slow client; the GETs that the server accepted; the
    growth of its memory in bytes."""

    alone: tuple[float, float]
    beside_slow: tuple[float, float]
    accepted: int
    growth: int


def ping_latency(server: Server, duration: float) -> tuple[float, float]:
    """Return the median and the p99 of PING in milliseconds."""
    stop = threading.Event()
    threading.Timer(duration, stop.set).start()
    latencies = list(pings(server.address, stop))
    return percentile(latencies, 0.5), percentile(latencies, 0.99)


def read_slowly(slow: socket.socket, gets: int, stop: threading.Event, accepted: list[int]) -> None:
    """Send as many GETs as the server accepts, and read one byte per second; append the number of GETs to
    C{accepted}."""
    left, part, read_at = gets // GETS_PER_WRITE, b"", time.monotonic()
    while not stop.wait(RETRY_INTERVAL_S):
        try:
            while left:
                part = part or GETS
                part = part[slow.send(part) :]
                left -= not part
        except BlockingIOError:
            pass
        if time.monotonic() - read_at > READ_INTERVAL_S:
            read_at = time.monotonic()
            slow.recv(1)
    accepted.append(gets - left * GETS_PER_WRITE)


def measure(server: Server, options: argparse.Namespace) -> Effect:
    """Measure PING without the slow client and with it."""
    client = Connection(server.address)
    client.send([f"SET a {'x' * VALUE_BYTES}"])
    client.skip()
    ping_latency(server, options.time / 4)
    alone, memory = ping_latency(server, options.time), proc.resident(server.pid)
    stop, accepted = threading.Event(), list[int]()
    with socket.create_connection(server.address) as slow:
        slow.setblocking(False)
        reader = threading.Thread(target=read_slowly, args=(slow, options.gets, stop, accepted))
        reader.start()
        beside_slow = ping_latency(server, options.time)
        growth = proc.resident(server.pid) - memory
        stop.set()
        reader.join()
    return Effect(alone, beside_slow, accepted[0], growth)


def table(options: argparse.Namespace) -> list[str]:
    head = ["", "PING alone, ms: median, p99", "beside the slow client", "ratio of p99", "GETs accepted"]
    lines = [row([*head, "memory growth, MiB"])]
    lines.append(row(["---", *["--:"] * 5]))
    for each in compared_servers(options.python, options.pypy):
        say(each.title)
        with started(each) as server:
            effect = measure(server, options)
        latencies = ["{:.2f}, {:.2f}".format(*pair) for pair in (effect.alone, effect.beside_slow)]
        ratio = effect.beside_slow[1] / effect.alone[1]
        cells = [*latencies, f"{ratio:.2f}x", f"{effect.accepted:,}", f"{effect.growth / 2**20:.1f}"]
        lines.append(row([each.title, *cells]))
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = comparison("stress/study.py slow", __doc__)
    add = made.add_argument
    add(
        "--gets",
        type=positive,
        default=1_000_000,
        metavar="N",
        help="GETs to send if the server accepts them (1000000)",
    )
    add(
        "--time",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="duration of each of the two PING measurements (10)",
    )
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: MAX_CLIENTS, table)
