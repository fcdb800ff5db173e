"""How long one client, the pages of --metrics and the end wait while thousands of others want the server.

    python stress/study.py waiting --mode v1 --clients 2k,8k

For each number of clients, on a server of its own: a client asks for PONG while all others connect at once and block in
BLPOP; the pages are asked for while all others GET in a closed loop; a script runs past busy-reply-threshold meanwhile,
and somebody waits for BUSY; and SIGTERM comes in the middle of it. Prints a Markdown table in milliseconds; exit
status 0, or 2 when a server did not start or did not answer as it should.
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
from rig.options import points, positive, seconds
from servers import catalogue
from servers.process import HOST, Server, StartFailed, free_port
from studies.large import Connection, percentile, pings
from studies.versus import Failed, row, say

PAGES = ("/health", "/metrics", "/")
PAUSE = 0.05  # between two questions
PATIENCE = 60.0
BLOCK = b"*3\r\n$5\r\nBLPOP\r\n$7\r\nnothing\r\n$1\r\n0\r\n"
SCRIPT = "while true do end"
THRESHOLD = 100  # milliseconds, of busy-reply-threshold


class Waited(NamedTuple):
    """What was waited for, and how long, in milliseconds each time."""

    what: str
    times: list[float]


def crowd(address: tuple[str, int], number: int) -> None:
    """Connect so many clients at once, and let all of them block. To be run in a process of its own, until its end."""
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
            sockets[fd].sendall(BLOCK)
            left -= 1
    time.sleep(2 * PATIENCE)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so. Raises Failed when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"waited {PATIENCE:g} s in vain: {what}")
        time.sleep(PAUSE)


def connecting(server: Server, number: int) -> Waited:
    """Let a crowd come while one client asks for PONG."""
    looking = Connection(server.address)
    stop = threading.Event()
    seen: list[float] = []
    asking = threading.Thread(target=lambda: seen.extend(pings(server.address, stop)))
    asking.start()
    coming = multiprocessing.get_context("spawn").Process(target=crowd, args=(server.address, number), daemon=True)
    coming.start()
    try:
        until(lambda: looking.figure("clients", "blocked_clients") == number, "all clients block")
    finally:
        stop.set()
        asking.join()
        coming.kill()
        coming.join()
    until(lambda: looking.figure("clients", "blocked_clients") == 0, "the server has let all clients go")
    return Waited("PING, while all others connect and block", seen)


@contextmanager
def load(server: Server, number: int) -> Iterator[None]:
    """Inside `with`, so many clients GET as fast as they can."""
    given = {"h": HOST, "p": server.address[1], "c": number, "n": 10**9, "t": "get"}
    words = ["redis-benchmark", "-q", *(str(x) for k, v in given.items() for x in (f"-{k}", v))]
    looking = Connection(server.address)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            until(lambda: looking.figure("clients", "connected_clients") > number, "all clients are connected")
            time.sleep(1)
            yield
        finally:
            running.kill()


def pages(web: int, duration: float) -> list[Waited]:
    """Ask for the pages in turns."""
    found: dict[str, list[float]] = {page: [] for page in PAGES}
    end = time.monotonic() + duration
    while time.monotonic() < end:
        for page, times in found.items():
            start = time.perf_counter()
            with urllib.request.urlopen(f"http://{HOST}:{web}{page}", timeout=PATIENCE) as answer:
                answer.read()
            times.append(1e3 * (time.perf_counter() - start))
            time.sleep(PAUSE)
    return [Waited(f"`{page}`, while all others GET", times) for page, times in found.items()]


def busy(server: Server) -> list[Waited]:
    """Let a script run past the threshold; wait for BUSY again and again, then end it."""
    client, other = Connection(server.address), Connection(server.address)
    client.send([f"CONFIG SET busy-reply-threshold {THRESHOLD}"])
    client.skip()
    client.socket.sendall(b"*3\r\n$4\r\nEVAL\r\n$%d\r\n%b\r\n$1\r\n0\r\n" % (len(SCRIPT), SCRIPT.encode()))
    time.sleep(THRESHOLD / 1000)
    heard = []
    for _ in range(20):
        start = time.perf_counter()
        other.send(["PING"])
        line = other.replies.readline()
        if not line.startswith((b"-BUSY", b"+PONG")):
            raise Failed(f"no BUSY, but {line!r}")
        heard.append(1e3 * (time.perf_counter() - start))
        time.sleep(PAUSE)
    start = time.perf_counter()
    other.send(["SCRIPT KILL"])
    other.skip()
    client.replies.readline()
    killed = 1e3 * (time.perf_counter() - start)
    return [Waited("BUSY, while all others GET", heard), Waited("`SCRIPT KILL`, until the script's end", [killed])]


def ending(server: Server) -> Waited:
    """Tell the server to stop, and wait for its end."""
    start = time.perf_counter()
    fault = server.stop()
    if fault:
        raise Failed(fault)
    return Waited("SIGTERM, until the end", [1e3 * (time.perf_counter() - start)])


def measure(options: argparse.Namespace, number: int) -> list[Waited]:
    """Measure all with so many clients."""
    (contestant,) = catalogue.find([options.mode], options)
    if contestant.missing:
        raise Failed(contestant.missing)
    port, web = free_port(), free_port()
    words = [*contestant.command(port, number + 16), "--metrics", f"tcp:{web}:interface={HOST}"]
    with Server(words, port) as server:
        say(f"{number:,} clients connect")
        found = [connecting(server, number)]
        say(f"{number:,} clients work")
        with load(server, number):
            looking = Connection(server.address)
            before, start = looking.figure("stats", "total_commands_processed"), time.monotonic()
            found += pages(web, options.time)
            rate = (looking.figure("stats", "total_commands_processed") - before) / (time.monotonic() - start)
            say(f"{rate:,.0f} requests/s meanwhile")
            found += busy(server)
            found.append(ending(server))
    return found


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py waiting", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--mode", choices=catalogue.MODES, default="v1", help="of tseep (v1)")
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of the server (this one)")
    add("--clients", type=points, default="2k,8k", metavar="2k,N", help="at once (2k,8k)")
    add("--time", type=seconds, default=6.0, metavar="S", help="for which the pages are asked for (6)")
    add("--workers", type=positive, metavar="N", help="of v3 (one for each core but one)")
    made.set_defaults(pypy=None)
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    lines = [row(["clients", "what waits", "times", "median, ms", "p99", "longest"]), row(["--:", "---", *["--:"] * 4])]
    try:
        for number in options.clients:
            for what, times in measure(options, number):
                figures = [f"{figure:.1f}" for figure in (percentile(times, 0.5), percentile(times, 0.99), max(times))]
                lines.append(row([f"{number:,}", what, str(len(times)), *figures]))
    except (Failed, StartFailed, OSError) as failure:
        say(f"stress/study.py waiting: {failure}")
        return 2
    print(f"{options.mode}; {machine.cpu_model()}, {machine.cores()} cores", end="\n\n")
    print("\n".join(lines))
    return 0
