"""Latency of one client, of the pages of --metrics and of the shutdown under the load of thousands of other clients.

    python stress/study.py waiting --mode v1 --clients 2k,8k

For each number of clients, on a new server: a client sends PING after PING while all others connect at once and block
in BLPOP; the pages are fetched while all others GET in a closed loop; a script runs longer than busy-reply-threshold
during that, and a client waits for BUSY; at last SIGTERM is sent under the same load. Prints a Markdown table in
milliseconds. Exit status: 0, or 2 when a server did not start or gave a wrong reply.
"""

from __future__ import annotations

import argparse
import multiprocessing
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from probes import machine
from rig.codec import encode
from rig.options import points, positive, seconds
from servers import catalogue
from servers.process import HOST, Server, StartFailed, free_port
from studies.client import Connection, percentile, pings
from studies.common import Failed, row, say

PAGES = ("/health", "/metrics", "/")
REQUEST_INTERVAL_S = 0.05
TIMEOUT_S = 60.0
SPARE_CLIENTS = 16
BUSY_REPLIES = 20
BLPOP = encode("BLPOP", "nothing", 0)
SCRIPT = "while true do end"
BUSY_THRESHOLD_MS = 100


class Latencies(NamedTuple):
    """An operation, and the milliseconds of each sample of it."""

    operation: str
    times: list[float]


def connect_and_block(address: tuple[str, int], number: int) -> None:
    """Connect that many clients at once, and block each in BLPOP. Runs in a process of its own until that is killed."""
    sockets = {}
    poll = select.epoll()
    for _ in range(number):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(address)
        sockets[client.fileno()] = client
        poll.register(client, select.EPOLLOUT)
    left = number
    while left:
        for fd, _ in poll.poll():
            poll.unregister(fd)
            sockets[fd].sendall(BLPOP)
            left -= 1
    time.sleep(2 * TIMEOUT_S)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds. Raises Failed after TIMEOUT_S."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"timeout after {TIMEOUT_S:g} s: {what}")
        time.sleep(REQUEST_INTERVAL_S)


def connecting(server: Server, number: int) -> Latencies:
    """Connect all clients while one of them sends PINGs."""
    observer = Connection(server.address)
    stop = threading.Event()
    latencies: list[float] = []
    pinging = threading.Thread(target=lambda: latencies.extend(pings(server.address, stop)))
    pinging.start()
    others = multiprocessing.get_context("spawn").Process(
        target=connect_and_block, args=(server.address, number), daemon=True
    )
    others.start()
    try:
        until(lambda: observer.info("clients", "blocked_clients") == number, "all clients are blocked")
    finally:
        stop.set()
        pinging.join()
        others.kill()
        others.join()
    until(lambda: observer.info("clients", "blocked_clients") == 0, "the server has closed all clients")
    return Latencies("PING, while all others connect and block", latencies)


@contextmanager
def load(server: Server, number: int) -> Iterator[None]:
    """Run a closed loop of GETs on that many connections inside C{with}."""
    given = {"h": HOST, "p": server.address[1], "c": number, "n": 10**9, "t": "get"}
    words = ["redis-benchmark", "-q", *(str(x) for k, v in given.items() for x in (f"-{k}", v))]
    observer = Connection(server.address)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            until(lambda: observer.info("clients", "connected_clients") > number, "all clients are connected")
            time.sleep(1)
            yield
        finally:
            running.kill()


def pages(web: int, duration: float) -> list[Latencies]:
    """Fetch the pages in alternation for that many seconds."""
    found: dict[str, list[float]] = {page: [] for page in PAGES}
    end = time.monotonic() + duration
    while time.monotonic() < end:
        for page, times in found.items():
            start = time.perf_counter()
            with urllib.request.urlopen(f"http://{HOST}:{web}{page}", timeout=TIMEOUT_S) as answer:
                answer.read()
            times.append(1e3 * (time.perf_counter() - start))
            time.sleep(REQUEST_INTERVAL_S)
    return [Latencies(f"`{page}`, while all others GET", times) for page, times in found.items()]


def busy(server: Server) -> list[Latencies]:
    """Run a script past the threshold; wait for BUSY several times, then kill the script. Raises Failed."""
    client, other = Connection(server.address), Connection(server.address)
    client.send([f"CONFIG SET busy-reply-threshold {BUSY_THRESHOLD_MS}"])
    client.skip()
    client.socket.sendall(encode("EVAL", SCRIPT, 0))
    time.sleep(BUSY_THRESHOLD_MS / 1000)
    latencies = []
    for _ in range(BUSY_REPLIES):
        start = time.perf_counter()
        other.send(["PING"])
        line = other.replies.readline()
        if not line.startswith((b"-BUSY", b"+PONG")):
            raise Failed(f"{line!r} in place of BUSY")
        latencies.append(1e3 * (time.perf_counter() - start))
        time.sleep(REQUEST_INTERVAL_S)
    start = time.perf_counter()
    other.send(["SCRIPT KILL"])
    other.skip()
    client.replies.readline()
    killed = 1e3 * (time.perf_counter() - start)
    return [
        Latencies("BUSY, while all others GET", latencies),
        Latencies("`SCRIPT KILL`, until the script has ended", [killed]),
    ]


def shutdown(server: Server) -> Latencies:
    """Send SIGTERM, and wait until the server has exited. Raises Failed."""
    start = time.perf_counter()
    fault = server.stop()
    if fault:
        raise Failed(fault)
    return Latencies("SIGTERM, until the exit", [1e3 * (time.perf_counter() - start)])


def measure(options: argparse.Namespace, number: int) -> list[Latencies]:
    """Measure everything with that many clients. Raises Failed."""
    (spec,) = catalogue.find([options.mode], options)
    if spec.missing:
        raise Failed(spec.missing)
    port, web = free_port(), free_port()
    words = [*spec.command(port, number + SPARE_CLIENTS), "--metrics", f"tcp:{web}:interface={HOST}"]
    with Server(words, port) as server:
        say(f"{number:,} clients connect")
        found = [connecting(server, number)]
        say(f"{number:,} clients send requests")
        with load(server, number):
            observer = Connection(server.address)
            before, start = observer.info("stats", "total_commands_processed"), time.monotonic()
            found += pages(web, options.time)
            rate = (observer.info("stats", "total_commands_processed") - before) / (time.monotonic() - start)
            say(f"{rate:,.0f} requests/s under this load")
            found += busy(server)
            found.append(shutdown(server))
    return found


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py waiting", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--mode", choices=catalogue.MODES, default="v1", help="mode of tseep (v1)")
    add("--python", default=sys.executable, metavar="PATH", help="Python interpreter of the server (this one)")
    add("--clients", type=points, default="2k,8k", metavar="2k,N", help="numbers of clients (2k,8k)")
    add("--time", type=seconds, default=6.0, metavar="S", help="duration of the page measurement (6)")
    add("--workers", type=positive, metavar="N", help="workers of v3 (one for each core but one)")
    made.set_defaults(pypy=None)
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    lines = [
        row(["clients", "operation", "samples", "median, ms", "p99", "maximum"]),
        row(["--:", "---", *["--:"] * 4]),
    ]
    try:
        for number in options.clients:
            for operation, times in measure(options, number):
                figures = [f"{figure:.1f}" for figure in (percentile(times, 0.5), percentile(times, 0.99), max(times))]
                lines.append(row([f"{number:,}", operation, str(len(times)), *figures]))
    except (Failed, StartFailed, OSError) as failure:
        say(f"stress/study.py waiting: {failure}")
        return 2
    print(f"{options.mode}; {machine.cpu_model()}, {machine.cores()} cores", end="\n\n")
    print("\n".join(lines))
    return 0
