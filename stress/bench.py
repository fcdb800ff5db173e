"""The seed's parallel benchmark, in the text format of Go's benchmarks.

    python stress/bench.py | tee new.txt && benchstat old.txt new.txt

Like Go's b.RunParallel: a blocking connection for each CPU, all at work at once in a closed
loop; one operation is a WRITE and a READ of 255 bytes under a key of 255, and both answers are
compared. Rounds of the modes take turns, so that what else the machine does meets both alike.
Exit status: 0, 1 when an answer was wrong or did not come, 2 when a server did not start.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import socket
import sys
import time
from contextlib import ExitStack
from multiprocessing.pool import Pool
from typing import NamedTuple

from probes import machine
from rig.codec import read_frame, response_frame, write_frame
from rig.options import duration, leave_signals_to_parent, positive, run
from rig.workloads import pair
from servers.process import Server, StartFailed, free_port, tseep_command

AHEAD_NS = 50_000_000  # the start is set so far ahead that every process can be there in time
ANSWER_SECONDS = 10.0
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386"}


class Wrong(Exception):
    """An answer was not the one expected."""


class Work(NamedTuple):
    """One connection's part of a round; times are monotonic nanoseconds."""

    address: tuple[str, int]
    number: int
    start_ns: int
    end_ns: int


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/bench.py", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--mode", choices=("v1", "v2", "both"), default="both", help="default: both, in turn")
    add("--rounds", type=positive, default=8, metavar="N", help="lines for each mode (8)")
    add("--time", type=duration, default=1.0, metavar="1s", help="of a round (1s)")
    add("--python", default=sys.executable, metavar="PATH", help="the server's interpreter")
    return made


def header() -> list[str]:
    """Return the configuration lines, as `go test -bench` prints them."""
    architecture = platform.machine()
    return [
        f"goos: {platform.system().lower()}",
        f"goarch: {ARCHITECTURES.get(architecture, architecture)}",
        "pkg: tseep",
        f"cpu: {machine.cpu_model()}",
    ]


def line(mode: str, cpus: int, operations: int, seconds: float) -> str:
    """Return one result line."""
    each = seconds * 1e9 / operations
    return f"Benchmark{mode.upper()}-{cpus}\t{operations:8d}\t{each:10.0f} ns/op"


def operate(work: Work) -> int:
    """Write and read from start to end on one connection; return the number of operations."""
    key, value = pair(os.getpid(), work.number, 0)
    answer = response_frame(value)
    requests = (write_frame(key, value), read_frame(key))
    operations = 0
    with socket.create_connection(work.address, ANSWER_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(max(0, work.start_ns - time.monotonic_ns()) / 1e9)
        while time.monotonic_ns() < work.end_ns:
            for request in requests:
                ask(connection, request, answer)
            operations += 1
    return operations


def ask(connection: socket.socket, request: bytes, expected: bytes) -> None:
    """Send a request and compare its answer; raises Wrong."""
    connection.sendall(request)
    answer = connection.recv(4096)
    while answer and len(answer) < len(expected):
        more = connection.recv(4096)
        if not more:
            break
        answer += more
    if answer != expected:
        raise Wrong(f"{answer[:16]!r} for {expected[:16]!r}")


def measured(pool: Pool, address: tuple[str, int], cpus: int, seconds: float) -> int:
    """Run one round on all connections and return the operations done."""
    start = time.monotonic_ns() + AHEAD_NS
    end = start + int(seconds * 1e9)
    works = [Work(address, number, start, end) for number in range(cpus)]
    return max(1, sum(pool.map(operate, works, chunksize=1)))


def bench(pool: Pool, options: argparse.Namespace, cpus: int) -> None:
    """Start the servers and print their lines in turn."""
    modes = ["v1", "v2"] if options.mode == "both" else [options.mode]
    with ExitStack() as running:
        servers = {}
        for mode in modes:
            port = free_port()
            command = tseep_command(options.python, mode, port, cpus)
            servers[mode] = running.enter_context(Server(command, port))
        for _ in range(options.rounds):
            for mode, server in servers.items():
                operations = measured(pool, server.address, cpus, options.time)
                print(line(mode, cpus, operations, options.time), flush=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options, cpus, began = parser().parse_args(argv), machine.cores(), time.monotonic()
    print("\n".join(header()), flush=True)
    try:
        with multiprocessing.get_context("fork").Pool(cpus, leave_signals_to_parent) as pool:
            bench(pool, options, cpus)
    except (Wrong, OSError) as fault:
        print(f"FAIL\t{fault}")
        return 1
    except StartFailed as failure:
        print(f"stress/bench.py: {failure}", file=sys.stderr)
        return 2
    print(f"PASS\nok  \ttseep\t{time.monotonic() - began:.3f}s")
    return 0


if __name__ == "__main__":
    run(main)
