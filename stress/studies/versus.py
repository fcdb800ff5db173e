"""tseep compared with redis-server under redis-benchmark.

    python stress/study.py versus --pypy /path/to/pypy3

A machine's speed changes from hour to hour, so only measurements of the same minutes can be compared: all servers are
started once, every test runs on each of them before the next test, and ratios are taken within a round. Prints a
Markdown table. Exit status: 0, or 2 when a server did not start or redis-benchmark failed.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from probes import limits, machine, proc
from rig.codec import encode
from rig.options import clients, positive, seconds
from servers.catalogue import ServerSpec
from servers.process import Server, StartFailed, free_port
from studies.common import (
    FIRST_REQUESTS,
    KEY_SPACE,
    PYPY,
    REDIS,
    V1,
    V2,
    VALUE_BYTES,
    BenchmarkResult,
    BenchmarkTest,
    Failed,
    attempt,
    benchmark,
    compared_servers,
    connected,
    row,
    say,
    where,
)

PIPELINE = 16
IDLE_SETTLE_S = 3.0  # redis-server frees the buffers of idle clients in the background
PING, PONG = encode("PING"), b"+PONG\r\n"
KIB = 1024
IDLE_TARGET_KIB = 2.0

BASIC_TESTS = [BenchmarkTest(c, p) for p in (1, PIPELINE) for c in ("SET", "GET")]  # SET makes GET's key
TYPE_TESTS = [
    *(BenchmarkTest(command) for command in ("INCR", "MSET", "LPUSH")),
    BenchmarkTest("RPOP", fill=("RPUSH", "mylist", "x" * VALUE_BYTES)),
    BenchmarkTest("SADD"),
    BenchmarkTest("SPOP", fill=("SADD", "myset", "element:__rand_int__")),
    BenchmarkTest("HSET"),
    BenchmarkTest("ZADD"),
    BenchmarkTest("XADD", words=("XADD", "mystream", "*", "field", "x" * VALUE_BYTES)),
]

Rounds = dict[tuple[str, BenchmarkTest], list[BenchmarkResult]]


class Idle(NamedTuple):
    """Resident bytes per idle client: before its first request, and after a PING."""

    silent: float
    after_ping: float


class Target(NamedTuple):
    """A target: C{least} is the lowest ratio of C{name}'s rate to C{base}'s."""

    name: str
    base: str
    pipelined: bool
    least: float


TARGETS = [
    Target(V2, REDIS, False, 1.0),
    Target(V2, REDIS, True, 0.55),
    Target(PYPY, REDIS, False, 1.2),
    Target(PYPY, REDIS, True, 1.0),
    Target(V2, V1, False, 3.0),
]
TYPE_TARGETS = [Target(V2, REDIS, False, 0.7)]


# Throughput


def measure_all(servers: dict[str, Server], options: argparse.Namespace) -> Rounds:
    """Run every test on every server: once to find the number of requests, once to warm up, and in the rounds that
    count."""
    numbers = {(name, test): FIRST_REQUESTS for name in servers for test in options.tests}
    done: Rounds = {key: [] for key in numbers}
    for turn in range(-2, options.rounds):
        say(f"round {turn + 1} of {options.rounds}" if turn >= 0 else "warm-up")
        for test in options.tests:
            for name, server in servers.items():
                key = (name, test)
                result = benchmark(server, test, numbers[key], options.clients)
                if turn < 0:
                    numbers[key] = max(options.clients, int(result.per_second * options.time))
                else:
                    done[key].append(result)
    return done


# Idle memory


def ping(connection: socket.socket) -> None:
    """Send a PING and read its reply. Raises Failed."""
    connection.sendall(PING)
    if connection.recv(64) != PONG:
        raise Failed("a PING was not answered with PONG")


def idle(spec: ServerSpec, number: int) -> Idle:
    """Start a new server and return its memory per idle client. Raises Failed."""
    port = free_port()
    with Server(spec.command(port, number), port) as server, ExitStack() as stack:
        files = proc.settle(server.pid, sys.maxsize)
        alone = proc.resident(server.pid)
        connections = connected(server.address, number, stack)
        proc.settle(server.pid, files + number)
        time.sleep(IDLE_SETTLE_S)
        silent = proc.resident(server.pid)
        for connection in connections:
            ping(connection)
        time.sleep(IDLE_SETTLE_S)
        after_ping = proc.resident(server.pid)
    return Idle((silent - alone) / number, (after_ping - alone) / number)


def idle_all(specs: list[ServerSpec], number: int) -> dict[str, Idle]:
    """Measure the idle memory of each server that the machine's limits allow."""
    measured = {}
    for spec in specs:
        missing = limits.shortfalls(limits.Need(number, 1, [spec.mode]), limits.have())
        for line in missing:
            say(f"{spec.title}: no idle memory: {line}")
        if missing:
            continue
        say(f"{spec.title}: {number} idle clients")
        try:
            measured[spec.name] = idle(spec, number)
        except (Failed, StartFailed, OSError) as failure:  # the measured rates remain valid
            say(f"{spec.title}: no idle memory: {failure}")
    return measured


# Report


class Findings(NamedTuple):
    """All results of a study: the servers, the tests, the rounds and the idle memory."""

    servers: list[ServerSpec]
    tests: list[BenchmarkTest]
    rounds: Rounds
    idles: dict[str, Idle]

    def ratios(self, name: str, base: str, test: BenchmarkTest) -> list[float]:
        """Return the ratio of one server's rate to another's for each round."""
        pairs = zip(self.rounds[name, test], self.rounds[base, test])
        return [one.per_second / other.per_second for one, other in pairs]

    def middle(self, name: str, test: BenchmarkTest, field: str) -> float:
        """Return the median of a field over the rounds."""
        return float(median(getattr(result, field) for result in self.rounds[name, test]))


def rates(findings: Findings, test: BenchmarkTest) -> list[str]:
    """Return the cells of rates, each with its ratio to redis-server's."""
    cells = [f"{test.title}, requests/s (ratio to redis-server)"]
    for spec in findings.servers:
        rate = findings.middle(spec.name, test, "per_second")
        ratio = median(findings.ratios(spec.name, REDIS, test))
        cells.append(f"{rate:,.0f} ({ratio:.2f}x)")
    return cells


def costs(findings: Findings, test: BenchmarkTest, field: str, title: str) -> list[str]:
    """Return the cells of one of the server's costs."""
    values = [findings.middle(spec.name, test, field) for spec in findings.servers]
    return [f"{test.title}, {title}", *(f"{value:.3g}" for value in values)]


def memory(findings: Findings, number: int, field: str, title: str) -> list[str]:
    """Return the cells of idle memory."""
    found = [findings.idles.get(spec.name) for spec in findings.servers]
    cells = [f"{getattr(i, field) / KIB:.2f}" if i else "-" for i in found]
    return [f"{number:,} idle clients, {title}, KiB/client", *cells]


def table(findings: Findings, idle_clients: int) -> list[str]:
    """Return the table: a row for each figure, a column for each server."""
    titles = ["", *(spec.title for spec in findings.servers)]
    lines = [row(titles), row(["---", *["--:"] * len(findings.servers)])]
    lines += [row(rates(findings, test)) for test in findings.tests]
    for field, title in (("cpu_us", "server CPU us/request"), ("switches", "context switches/request")):
        lines += [row(costs(findings, test, field, title)) for test in findings.tests]
    if findings.idles:
        lines.append(row(memory(findings, idle_clients, "silent", "before the first request")))
        lines.append(row(memory(findings, idle_clients, "after_ping", "after a PING")))
    return lines


def spread(values: list[float]) -> str:
    """Return median, lowest and highest ratio."""
    return f"{median(values):.2f}x ({min(values):.2f}x to {max(values):.2f}x)"


def targets(findings: Findings) -> list[str]:
    """Return the table of targets with the measured ratios."""
    titles = {spec.name: spec.title for spec in findings.servers}
    lines = [row(["ratio", "target", "median (lowest to highest)"]), row(["---", "--:", "--:"])]
    for target in TARGETS if findings.tests is BASIC_TESTS else TYPE_TARGETS:
        if target.name not in titles:
            continue
        for test in findings.tests:
            if (test.pipeline > 1) == target.pipelined:
                name = f"{titles[target.name]} / {titles[target.base]}, {test.title}"
                measured = spread(findings.ratios(target.name, target.base, test))
                lines.append(row([name, f">= {target.least:g}x", measured]))
    if V2 in findings.idles:
        each = f"{findings.idles[V2].silent / KIB:.2f}"
        lines.append(row(["v2, KiB per idle client", f"<= {IDLE_TARGET_KIB:g}", each]))
    return lines


def markdown(findings: Findings, options: argparse.Namespace) -> str:
    """Return the report with both tables."""
    how = (
        f"{where()}. Medians of {options.rounds} rounds of {options.time:g} s: "
        f"`redis-benchmark -c {options.clients} -d {VALUE_BYTES} -r {KEY_SPACE}`, in parentheses the median of the "
        "ratios to redis-server in the same round."
    )
    lines = [how, "", *table(findings, options.idle), "", *targets(findings)]
    others = [result.others for rounds in findings.rounds.values() for result in rounds]
    lines += ["", f"Other programs and the host used {median(others):.0%} of the cores' time."]
    if not options.pypy:
        lines += ["", "PyPy was not measured (option `--pypy PATH`)."]
    return "\n".join(lines)


def document(findings: Findings, options: argparse.Namespace) -> dict[str, object]:
    """Return the JSON report: every round, requests/s, CPU in us, memory in bytes."""
    rounds = [
        {"server": name, "test": test.title, "rounds": [result._asdict() for result in results]}
        for (name, test), results in findings.rounds.items()
    ]
    return {
        "date": machine.today(),
        "command": machine.command_line(),
        "machine": machine.described(),
        "clients": options.clients,
        "idle_clients": options.idle,
        "servers": {spec.name: spec.title for spec in findings.servers},
        "measured": rounds,
        "idle": {name: each._asdict() for name, each in findings.idles.items()},
    }


# Command line


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py versus", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="CPython for v1 and v2 (this one)")
    add("--pypy", metavar="PATH", help="PyPy for v2 (without it PyPy is left out)")
    add("--rounds", type=positive, default=5, metavar="N", help="measured rounds (5)")
    add("--time", type=seconds, default=3.0, metavar="SECONDS", help="duration of a measurement (3)")
    add("--clients", type=clients, default=1000, metavar="N", help="connections of redis-benchmark (1000)")
    add("--idle", type=clients, default=8192, metavar="N", help="idle clients for memory (8k)")
    add(
        "--types",
        action="store_const",
        dest="tests",
        const=TYPE_TESTS,
        default=BASIC_TESTS,
        help="measure INCR, MSET and the data types, in place of SET, GET and idle memory",
    )
    add("--json", type=Path, metavar="FILE", help="file for all figures as JSON")
    return made


def measure(options: argparse.Namespace) -> Findings:
    """Start all servers, run the tests on them, and measure their idle memory one by one. Raises Failed."""
    specs = compared_servers(options.python, options.pypy)
    if options.tests is TYPE_TESTS:
        specs = [each for each in specs if each.name != V1]  # its costs do not depend on the types
    with ExitStack() as running:
        servers = {}
        for spec in specs:
            port = free_port()
            command = spec.command(port, options.clients)
            servers[spec.name] = running.enter_context(Server(command, port))
        rounds = measure_all(servers, options)
    return Findings(specs, options.tests, rounds, {} if options.tests is TYPE_TESTS else idle_all(specs, options.idle))


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    findings = attempt("stress/study.py versus", options, options.clients, measure)
    if findings is None:
        return 2
    print(markdown(findings, options))
    if options.json:
        options.json.write_text(json.dumps(document(findings, options), indent=2) + os.linesep)
    return 0
