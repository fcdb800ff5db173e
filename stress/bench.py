"""The parallel benchmark of the Go study, in the text format of Go's benchmarks.

    python stress/bench.py | tee new.txt && benchstat old.txt new.txt

Like Go's b.RunParallel: a blocking connection per CPU, all in a closed loop at once. An operation is a WRITE and a READ
of 255 bytes under a key of 255 bytes, and both answers are compared. The rounds of the modes alternate, so that other
load of the machine affects both equally. Exit status: 0, 1 when an answer was wrong or missing, 2 when a server did not
start.
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

from rig.codec import read_frame, response_frame, write_frame
from rig.options import duration, leave_signals_to_parent, positive, require, run
from rig.workloads import pair

try:
    from probes import machine
    from servers.process import Server, StartFailed, free_port, tseep_command
except ModuleNotFoundError as missing:
    require("stress", missing)

START_LEAD_NS = 50_000_000  # from the order to start until the start, so that every process has it in time
READ_BYTES = 4096
ANSWER_TIMEOUT_S = 10.0
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386"}


class WrongAnswer(Exception):
    """An answer was not the expected one."""


class Work(NamedTuple):
    """One connection's part of a round; times are monotonic nanoseconds."""

    address: tuple[str, int]
    number: int
    start_ns: int
    end_ns: int


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/bench.py", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--mode", choices=("v1", "v2", "both"), default="both", help="mode of the server (both, in alternation)")
    add("--rounds", type=positive, default=8, metavar="N", help="rounds, a line each, of each mode (8)")
    add("--time", type=duration, default=1.0, metavar="1s", help="duration of a round (1s)")
    add("--python", default=sys.executable, metavar="PATH", help="Python interpreter of the server (this one)")
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
    """Return a result line; C{operations} were done in C{seconds} on C{cpus} connections."""
    each = seconds * 1e9 / operations
    return f"Benchmark{mode.upper()}-{cpus}\t{operations:8d}\t{each:10.0f} ns/op"


def operate(work: Work) -> int:
    """Write and read on one connection from start to end; return the number of operations. Raises WrongAnswer."""
    key, value = pair(os.getpid(), work.number, 0)
    answer = response_frame(value)
    requests = (write_frame(key, value), read_frame(key))
    operations = 0
    with socket.create_connection(work.address, ANSWER_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(max(0, work.start_ns - time.monotonic_ns()) / 1e9)
        while time.monotonic_ns() < work.end_ns:
            for request in requests:
                ask(connection, request, answer)
            operations += 1
    return operations


def ask(connection: socket.socket, request: bytes, expected: bytes) -> None:
    """Send a request and compare its answer. Raises WrongAnswer."""
    connection.sendall(request)
    answer = connection.recv(READ_BYTES)
    while answer and len(answer) < len(expected):
        more = connection.recv(READ_BYTES)
        if not more:
            break
        answer += more
    if answer != expected:
        raise WrongAnswer(f"{answer[:16]!r} for {expected[:16]!r}")


def measured(pool: Pool, address: tuple[str, int], cpus: int, seconds: float) -> int:
    """Run a round on all connections and return the number of operations."""
    start = time.monotonic_ns() + START_LEAD_NS
    end = start + int(seconds * 1e9)
    works = [Work(address, number, start, end) for number in range(cpus)]
    return max(1, sum(pool.map(operate, works, chunksize=1)))


def bench(pool: Pool, options: argparse.Namespace, cpus: int) -> None:
    """Start the servers and print their lines in alternation."""
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
    except (WrongAnswer, OSError) as fault:
        print(f"FAIL\t{fault}")
        return 1
    except StartFailed as failure:
        print(f"stress/bench.py: {failure}", file=sys.stderr)
        return 2
    print(f"PASS\nok  \ttseep\t{time.monotonic() - began:.3f}s")
    return 0


if __name__ == "__main__":
    run(main)
