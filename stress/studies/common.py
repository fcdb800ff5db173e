"""The library of the studies: the compared servers, redis-benchmark, Markdown tables, and the command lines."""

from __future__ import annotations

import argparse
import csv
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple, TypeVar

from probes import limits, machine, proc
from servers.catalogue import ServerSpec, find
from servers.process import HOST, Server, StartFailed

REDIS, V2, PYPY, V1 = "redis", "v2", "v2-pypy", "v1"
VALUE_BYTES = 64
KEY_SPACE = 1_000_000  # different numbers in the names of keys, members and fields
FIRST_REQUESTS = 20_000  # of the first measurement, from whose rate the number of the others follows
THREAD_SCAN_S = 1.0  # between two readings of a server's threads, which may end with their connections
BENCHMARK_TIMEOUT_S = 120.0

Found = TypeVar("Found")


class Failed(Exception):
    """redis-benchmark or a server failed; the text has its output."""


class BenchmarkTest(NamedTuple):
    """
    One of redis-benchmark's tests.

    @ivar words: a command that redis-benchmark has no test for.
    @ivar fill: a command that makes the elements which the test removes.
    """

    command: str
    pipeline: int = 1
    words: tuple[str, ...] = ()
    fill: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.command + (f" -P {self.pipeline}" if self.pipeline > 1 else "")


class BenchmarkResult(NamedTuple):
    """One run of redis-benchmark: its rate, CPU microseconds and context switches of the server per request, and the
    share of all cores' time that neither of the two used."""

    per_second: float
    cpu_us: float
    switches: float
    others: float


def say(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr, flush=True)


def where() -> str:
    """Return the time, the processor and the system."""
    system = machine.described()["system"]
    return f"{machine.today()}; {machine.cpu_model()}, {machine.cores()} cores; {system}"


# Servers


def compared_servers(python: str, pypy: str | None) -> list[ServerSpec]:
    """Return the servers to compare, redis-server first. Raises Failed if one of them cannot run here."""
    names = [REDIS, V2, *([PYPY] if pypy else []), V1]
    found = find(names, argparse.Namespace(python=python, pypy=pypy, workers=None))
    for each in found:
        if each.missing:
            raise Failed(each.missing)
    return [each._replace(title=each.title.replace("tseep ", "")) for each in found]


def connected(address: tuple[str, int], number: int, stack: ExitStack) -> list[socket.socket]:
    """Return connections to a server, which the stack closes."""
    return [stack.enter_context(socket.create_connection(address, 30)) for _ in range(number)]


# redis-benchmark


def requests_per_second(output: str, command: str) -> float:
    """Return the rate that `redis-benchmark --csv` printed for a command. Raises Failed."""
    for row in csv.reader(output.splitlines()):
        if len(row) > 1 and row[0].startswith(command):  # "MSET (10 keys)", or a whole command
            return float(row[1])
    raise Failed(f"redis-benchmark printed no {command}: {output.strip()[-300:]}")


def benchmark_command(server: Server, test: BenchmarkTest, number: int, connections: int) -> list[str]:
    """Return the command line of one measurement."""
    given = {"h": HOST, "p": server.address[1], "c": connections, "d": VALUE_BYTES, "n": number}
    given.update(P=test.pipeline, r=KEY_SPACE)
    words = test.words or ("-t", test.command.lower())
    return ["redis-benchmark", "--csv", *(str(x) for k, v in given.items() for x in (f"-{k}", v)), *words]


def fill(server: Server, words: tuple[str, ...], number: int, key_space: int, connections: int) -> None:
    """Send a command C{number} times, with random numbers below C{key_space} for C{__rand_int__}. Raises Failed."""
    given = {"h": HOST, "p": server.address[1], "c": min(50, connections), "P": 100, "n": number, "r": key_space}
    command = ["redis-benchmark", "-q", *(str(x) for k, v in given.items() for x in (f"-{k}", v)), *words]
    filled = subprocess.run(command, capture_output=True, text=True, timeout=BENCHMARK_TIMEOUT_S)
    if filled.returncode:
        raise Failed(f"{' '.join(command)}: {(filled.stderr or filled.stdout).strip()[-300:]}")


def watch_threads(pid: int, running: subprocess.Popen[str]) -> dict[int, proc.Switches]:
    """Wait for a child to end; return the switches of every thread that the process C{pid} had until then, as last
    read."""
    seen: dict[int, proc.Switches] = {}
    deadline = time.monotonic() + BENCHMARK_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            running.wait(THREAD_SCAN_S)
            break
        except subprocess.TimeoutExpired:
            seen.update(proc.thread_switches(pid))
    return {**seen, **proc.thread_switches(pid)}


def benchmark(server: Server, test: BenchmarkTest, number: int, connections: int) -> BenchmarkResult:
    """Run redis-benchmark once against a server. Raises Failed."""
    if test.fill:
        fill(server, test.fill, 2 * number, 1000 * KEY_SPACE, connections)  # twice what the test removes
    before, cores, children = proc.sample(server.pid), proc.cores(), children_cpu()
    command = benchmark_command(server, test, number, connections)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as running:
        try:
            threads = watch_threads(server.pid, running)
        finally:
            running.kill()
        output, errors = running.communicate()
    if running.returncode:
        raise Failed(f"{' '.join(command)}: {(errors or output).strip()[-300:]}")
    usage = proc.usage(before, proc.sample(server.pid)._replace(threads=threads))
    switches = usage.voluntary + usage.involuntary
    own = usage.cpu_seconds + children_cpu() - children
    others = proc.others_share(cores, proc.cores(), own)
    rate = requests_per_second(output, test.command)
    return BenchmarkResult(rate, 1e6 * usage.cpu_seconds / number, switches / number, others)


def children_cpu() -> float:
    """Return the CPU seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# Tables


def row(cells: list[str]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def ratio(values: Iterable[float], others: Iterable[float]) -> float:
    """Return the median of the ratios of two measurements in the same round."""
    return median(one / other for one, other in zip(values, others))


# Command lines


def shortfalls(options: argparse.Namespace, connections: int) -> list[str]:
    """Return which programs and resources a run with that many connections lacks. A PyPy that does not exist is left
    out of the run."""
    lines = [
        f"{program} is not in PATH: `apt-get install redis-server redis-tools`"
        for program in ("redis-server", "redis-benchmark")
        if not shutil.which(program)
    ]
    need = limits.Need(connections, 1, ["v1", "v2"])
    lines += limits.shortfalls(need, limits.have())
    if options.pypy and not shutil.which(options.pypy):
        say(f"{options.pypy} does not exist: PyPy is left out")
        options.pypy = None
    return lines


def attempt(
    name: str, options: argparse.Namespace, connections: int, work: Callable[[argparse.Namespace], Found]
) -> Found | None:
    """Return the result of C{work}, or None if something is missing or fails, which is printed after C{name}."""
    missing = shortfalls(options, connections)
    for text in missing:
        say(f"{name}: {text}")
    if missing:
        return None
    try:
        return work(options)
    except (Failed, StartFailed, OSError, subprocess.SubprocessError) as failure:
        say(f"{name}: {failure}")
        return None


def comparison(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of a study that compares tseep with redis-server, with the options for its interpreters."""
    made = argparse.ArgumentParser(prog=name, description=(doc or "").partition("\n")[0])
    made.add_argument("--python", default=sys.executable, metavar="PATH", help="CPython for tseep (this one)")
    made.add_argument("--pypy", metavar="PATH", help="PyPy for tseep in v2 (without it PyPy is left out)")
    return made


def show(
    parser: argparse.ArgumentParser,
    argv: list[str] | None,
    connections: Callable[[argparse.Namespace], int],
    work: Callable[[argparse.Namespace], list[str]],
) -> int:
    """Parse a command line, print the lines that C{work} returns, and return the exit status."""
    options = parser.parse_args(argv)
    lines = attempt(parser.prog, options, connections(options), work)
    if lines is None:
        return 2
    print("\n".join([f"{where()}.", "", *lines]))
    return 0
