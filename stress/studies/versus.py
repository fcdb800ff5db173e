"""tseep beside redis-server, measured with redis-benchmark in one run, in turns.

    python stress/study.py versus --pypy /path/to/pypy3

A machine's speed changes from hour to hour, so only what was measured side by side can be
compared: all servers are started once, each measurement goes round all of them before the next,
and ratios are taken within a round. Prints a Markdown table; exit status 0, or 2 when a server
did not start or redis-benchmark failed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

from probes import limits, machine, proc
from rig.options import clients, positive, seconds
from servers.catalogue import Contestant, find
from servers.process import HOST, Server, StartFailed, free_port

VALUE = 64  # bytes
PIPELINE = 16
FIRST_REQUESTS = 20_000  # of the very first measurement, which tells how many suit
LOOK_SECONDS = 1.0  # between looks at a server's threads, which may end with their connections
MOST_SECONDS = 120.0  # for one call of redis-benchmark
RESTED_SECONDS = 3.0  # redis-server gives idle clients' buffers back in the background
PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"
KIB = 1024
REDIS, V2, PYPY, V1 = "redis", "v2", "v2-pypy", "v1"


Found = TypeVar("Found")


class Failed(Exception):
    """redis-benchmark or a server did not do its part."""


class Kind(NamedTuple):
    """One of redis-benchmark's tests, with or without pipelining; `words` is a command that it has no
    test for, and `fill` one that makes what the test takes away."""

    command: str
    pipeline: int = 1
    words: tuple[str, ...] = ()
    fill: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name in the report."""
        return self.command + (f" -P {self.pipeline}" if self.pipeline > 1 else "")


KINDS = [Kind(c, p) for p in (1, PIPELINE) for c in ("SET", "GET")]  # SET makes GET's key
TYPES = [
    *(Kind(command) for command in ("INCR", "MSET", "LPUSH")),
    Kind("RPOP", fill=("RPUSH", "mylist", "x" * VALUE)),
    Kind("SADD"),
    Kind("SPOP", fill=("SADD", "myset", "element:__rand_int__")),
    Kind("HSET"),
    Kind("ZADD"),
    Kind("XADD", words=("XADD", "mystream", "*", "field", "x" * VALUE)),
]
RANDOM = 1_000_000  # different numbers in the names of keys, members and fields


class Measured(NamedTuple):
    """One call of redis-benchmark; CPU and switches are the server's. `others` is the share of
    all cores' time that went to neither of the two."""

    per_second: float
    cpu_us: float
    switches: float
    others: float


class Idle(NamedTuple):
    """Resident bytes for each idle client: of clients that never spoke, and of clients that
    have sent one PING."""

    silent: float
    after_ping: float


class Target(NamedTuple):
    """What is striven for: `wanted` is a lower bound of `name`'s rate as a multiple of
    `beside`'s."""

    name: str
    beside: str
    pipelined: bool
    wanted: float


TARGETS = [
    Target(V2, REDIS, False, 1.0),
    Target(V2, REDIS, True, 0.55),
    Target(PYPY, REDIS, False, 1.2),
    Target(PYPY, REDIS, True, 1.0),
    Target(V2, V1, False, 3.0),
]
TYPE_TARGETS = [Target(V2, REDIS, False, 0.7)]
IDLE_TARGET_KIB = 2.0

Rounds = dict[tuple[str, Kind], list[Measured]]


def say(text: str) -> None:
    """Tell how far the run is, on standard error."""
    print(text, file=sys.stderr, flush=True)


# Who is measured


def contestants(python: str, pypy: str | None) -> list[Contestant]:
    """Return who takes part, redis-server first; raises Failed when one cannot run here."""
    names = [REDIS, V2, *([PYPY] if pypy else []), V1]
    found = find(names, argparse.Namespace(python=python, pypy=pypy, workers=None))
    for each in found:
        if each.missing:
            raise Failed(each.missing)
    return [each._replace(title=each.title.replace("tseep ", "")) for each in found]


# Throughput


def requests_per_second(output: str, command: str) -> float:
    """Return the rate that `redis-benchmark --csv` printed for a command; raises Failed."""
    for row in csv.reader(output.splitlines()):
        if len(row) > 1 and row[0].startswith(command):  # "MSET (10 keys)", or a whole command
            return float(row[1])
    raise Failed(f"redis-benchmark printed no {command}: {output.strip()[-300:]}")


def benchmark(server: Server, kind: Kind, number: int, connections: int) -> list[str]:
    """Return the command line of one measurement."""
    given = {"h": HOST, "p": server.address[1], "c": connections, "d": VALUE, "n": number}
    given.update(P=kind.pipeline, r=RANDOM)
    words = kind.words or ("-t", kind.command.lower())
    return ["redis-benchmark", "--csv", *(str(x) for k, v in given.items() for x in (f"-{k}", v)), *words]


def fill(server: Server, words: tuple[str, ...], number: int, random: int, connections: int) -> None:
    """Give a command so many times, with so many different numbers in the place of `__rand_int__`; raises Failed."""
    given = {"h": HOST, "p": server.address[1], "c": min(50, connections), "P": 100, "n": number, "r": random}
    command = ["redis-benchmark", "-q", *(str(x) for k, v in given.items() for x in (f"-{k}", v)), *words]
    filled = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
    if filled.returncode:
        raise Failed(f"{' '.join(command)}: {(filled.stderr or filled.stdout).strip()[-300:]}")


def watch(pid: int, running: subprocess.Popen[str]) -> dict[int, proc.Switches]:
    """Wait for a child to end; return the switches of all threads that the process `pid` had
    meanwhile, each as last seen."""
    seen: dict[int, proc.Switches] = {}
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        try:
            running.wait(LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            seen.update(proc.threads(pid))
    return {**seen, **proc.threads(pid)}


def measure(server: Server, kind: Kind, number: int, connections: int) -> Measured:
    """Run redis-benchmark once against a server."""
    if kind.fill:
        fill(server, kind.fill, 2 * number, 1000 * RANDOM, connections)  # as much as it takes, and as much again
    before, cores, children = proc.sample(server.pid), proc.cores_now(), children_cpu()
    command = benchmark(server, kind, number, connections)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as running:
        try:
            seen = watch(server.pid, running)
        finally:
            running.kill()
        output, errors = running.communicate()
    if running.returncode:
        raise Failed(f"{' '.join(command)}: {(errors or output).strip()[-300:]}")
    after = proc.sample(server.pid)._replace(threads=seen)
    used = proc.use(before, after)
    switches = used.voluntary + used.involuntary
    own = used.cpu_seconds + children_cpu() - children
    others = proc.others_share(cores, proc.cores_now(), own)
    rate = requests_per_second(output, kind.command)
    return Measured(rate, 1e6 * used.cpu_seconds / number, switches / number, others)


def children_cpu() -> float:
    """Return the CPU seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_all(servers: dict[str, Server], options: argparse.Namespace) -> Rounds:
    """Measure all servers in turns: a first call to learn how fast each is, a round to warm up,
    and the rounds that count."""
    numbers = {(name, kind): FIRST_REQUESTS for name in servers for kind in options.kinds}
    done: Rounds = {key: [] for key in numbers}
    for turn in range(-2, options.rounds):
        say(f"round {turn + 1} of {options.rounds}" if turn >= 0 else "warming up")
        for kind in options.kinds:
            for name, server in servers.items():
                key = (name, kind)
                measured = measure(server, kind, numbers[key], options.clients)
                if turn < 0:
                    numbers[key] = max(options.clients, int(measured.per_second * options.time))
                else:
                    done[key].append(measured)
    return done


# Idle memory


def connected(address: tuple[str, int], number: int, stack: ExitStack) -> list[socket.socket]:
    """Return connections to a server, which the stack closes."""
    return [stack.enter_context(socket.create_connection(address, 30)) for _ in range(number)]


def ping(connection: socket.socket) -> None:
    """Send a PING and read its PONG; raises Failed."""
    connection.sendall(PING)
    if connection.recv(64) != PONG:
        raise Failed("a PING was not answered with PONG")


def idle(contestant: Contestant, number: int) -> Idle:
    """Start a server of its own and return the memory for each of so many idle clients."""
    port = free_port()
    with Server(contestant.command(port, number), port) as server, ExitStack() as stack:
        files = proc.settle(server.pid, sys.maxsize)
        alone = proc.sample(server.pid).resident
        connections = connected(server.address, number, stack)
        proc.settle(server.pid, files + number)
        time.sleep(RESTED_SECONDS)
        silent = proc.sample(server.pid).resident
        for connection in connections:
            ping(connection)
        time.sleep(RESTED_SECONDS)
        spoken = proc.sample(server.pid).resident
    return Idle((silent - alone) / number, (spoken - alone) / number)


def idle_all(found: list[Contestant], number: int) -> dict[str, Idle]:
    """Measure idle memory wherever the machine's limits allow it."""
    measured = {}
    for contestant in found:
        need = limits.Need(number, 1, [contestant.mode])
        complaints = limits.complaints(need, limits.have())
        for line in complaints:
            say(f"{contestant.title}: no idle memory: {line}")
        if complaints:
            continue
        say(f"{contestant.title}: {number} idle clients")
        try:
            measured[contestant.name] = idle(contestant, number)
        except (Failed, StartFailed, OSError) as failure:  # the rates measured before stand
            say(f"{contestant.title}: no idle memory: {failure}")
    return measured


# Report


class Findings(NamedTuple):
    """Everything measured."""

    found: list[Contestant]
    kinds: list[Kind]
    rounds: Rounds
    idles: dict[str, Idle]

    def ratios(self, name: str, beside: str, kind: Kind) -> list[float]:
        """Return the rate of one server as a multiple of another's, round by round."""
        pairs = zip(self.rounds[name, kind], self.rounds[beside, kind])
        return [one.per_second / other.per_second for one, other in pairs]

    def middle(self, name: str, kind: Kind, field: str) -> float:
        """Return the median of a measured field over the rounds."""
        return float(median(getattr(measured, field) for measured in self.rounds[name, kind]))


def row(cells: list[str]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def rates(findings: Findings, kind: Kind) -> list[str]:
    """Return the cells of requests/s, each with its ratio to redis-server."""
    cells = [f"{kind.title}, requests/s (beside redis-server)"]
    for contestant in findings.found:
        rate = findings.middle(contestant.name, kind, "per_second")
        ratio = median(findings.ratios(contestant.name, REDIS, kind))
        cells.append(f"{rate:,.0f} ({ratio:.2f})")
    return cells


def costs(findings: Findings, kind: Kind, field: str, title: str) -> list[str]:
    """Return the cells of one of the server's costs."""
    values = [findings.middle(c.name, kind, field) for c in findings.found]
    return [f"{kind.title}, {title}", *(f"{value:.3g}" for value in values)]


def memory(findings: Findings, number: int, field: str, title: str) -> list[str]:
    """Return the cells of idle memory."""
    found = [findings.idles.get(contestant.name) for contestant in findings.found]
    cells = [f"{getattr(i, field) / KIB:.2f}" if i else "-" for i in found]
    return [f"{number:,} idle clients, {title}, KiB each", *cells]


def table(findings: Findings, idle_clients: int) -> list[str]:
    """Return the side-by-side table."""
    titles = ["", *(contestant.title for contestant in findings.found)]
    lines = [row(titles), row(["---", *["--:"] * len(findings.found)])]
    lines += [row(rates(findings, kind)) for kind in findings.kinds]
    for field, title in (("cpu_us", "server CPU us/request"), ("switches", "switches/request")):
        lines += [row(costs(findings, kind, field, title)) for kind in findings.kinds]
    if findings.idles:
        lines.append(row(memory(findings, idle_clients, "silent", "never spoke")))
        lines.append(row(memory(findings, idle_clients, "after_ping", "after a PING")))
    return lines


def spread(values: list[float]) -> str:
    """Return median, lowest and highest."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def targets(findings: Findings) -> list[str]:
    """Return the table of targets, what was measured beside what is wanted."""
    titles = {contestant.name: contestant.title for contestant in findings.found}
    lines = [row(["target", "wanted", "median (lowest to highest)"]), row(["---", "--:", "--:"])]
    for target in TARGETS if findings.kinds is KINDS else TYPE_TARGETS:
        if target.name not in titles:
            continue
        for kind in findings.kinds:
            if (kind.pipeline > 1) == target.pipelined:
                name = f"{titles[target.name]} / {titles[target.beside]}, {kind.title}"
                measured = spread(findings.ratios(target.name, target.beside, kind))
                lines.append(row([name, f">= {target.wanted:g}", measured]))
    if V2 in findings.idles:
        each = f"{findings.idles[V2].silent / KIB:.2f}"
        lines.append(row(["v2, KiB for an idle client", f"<= {IDLE_TARGET_KIB:g}", each]))
    return lines


def where() -> str:
    """Return the time, and what machine this is."""
    system = machine.described()["system"]
    return f"{machine.today()}; {machine.cpu_model()}, {machine.cores()} cores; {system}"


def markdown(findings: Findings, options: argparse.Namespace) -> str:
    """Return the report."""
    how = (
        f"{where()}. Medians of {options.rounds} rounds "
        f"of {options.time:g} s, in turns: `redis-benchmark -c {options.clients} -d {VALUE} -r {RANDOM}`, "
        "in brackets the median of the ratios to redis-server in the same round."
    )
    lines = [
        how,
        "",
        *table(findings, options.idle),
        "",
        *targets(findings),
    ]
    others = [measured.others for rounds in findings.rounds.values() for measured in rounds]
    lines += ["", f"Meanwhile other programs and the host took {median(others):.0%} of the cores' time."]
    if not options.pypy:
        lines += ["", "No PyPy was given (`--pypy PATH`), so none was measured."]
    return "\n".join(lines)


def document(findings: Findings, options: argparse.Namespace) -> dict[str, object]:
    """Return the JSON report: every round, rates a second, CPU in us, memory in bytes."""
    rounds = [
        {"server": name, "test": kind.title, "rounds": [m._asdict() for m in measured]}
        for (name, kind), measured in findings.rounds.items()
    ]
    return {
        "date": machine.today(),
        "command": machine.command_line(),
        "machine": machine.described(),
        "clients": options.clients,
        "idle_clients": options.idle,
        "servers": {contestant.name: contestant.title for contestant in findings.found},
        "measured": rounds,
        "idle": {name: each._asdict() for name, each in findings.idles.items()},
    }


# Command line


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py versus", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="CPython for v1 and v2")
    add("--pypy", metavar="PATH", help="PyPy for v2 (left out when not given)")
    add("--rounds", type=positive, default=5, metavar="N", help="rounds that count (5)")
    add("--time", type=seconds, default=3.0, metavar="SECONDS", help="of a measurement (3)")
    add("--clients", type=clients, default=1000, metavar="N", help="connections (1000)")
    add("--idle", type=clients, default=8192, metavar="N", help="idle clients (8k)")
    add(
        "--types",
        action="store_const",
        dest="kinds",
        const=TYPES,
        default=KINDS,
        help="measure INCR, MSET and the data types, in place of SET, GET and idle memory",
    )
    add("--json", type=Path, metavar="FILE", help="write all figures there too")
    return made


def compete(options: argparse.Namespace) -> Findings:
    """Start all servers, measure them in turns, and then their idle memory one by one."""
    found = contestants(options.python, options.pypy)
    if options.kinds is TYPES:
        found = [each for each in found if each.name != V1]  # whose costs are not those of the types
    with ExitStack() as running:
        servers = {}
        for contestant in found:
            port = free_port()
            command = contestant.command(port, options.clients)
            servers[contestant.name] = running.enter_context(Server(command, port))
        rounds = measure_all(servers, options)
    return Findings(found, options.kinds, rounds, {} if options.kinds is TYPES else idle_all(found, options.idle))


def lacking(options: argparse.Namespace, connections: int) -> list[str]:
    """Return what a run with so many connections cannot do without and does not have."""
    lines = [
        f"{program} is not in PATH: `apt-get install redis-server redis-tools`"
        for program in ("redis-server", "redis-benchmark")
        if not shutil.which(program)
    ]
    need = limits.Need(connections, 1, ["v1", "v2"])
    lines += limits.complaints(need, limits.have())
    if options.pypy and not shutil.which(options.pypy):
        say(f"{options.pypy} is not there: PyPy is left out")
        options.pypy = None
    return lines


def attempt(
    name: str, options: argparse.Namespace, connections: int, work: Callable[[argparse.Namespace], Found]
) -> Found | None:
    """Do the work of a command line, and return what it found; None when something is lacking or
    failed, which is said."""
    missing = lacking(options, connections)
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
    """Return the beginning of a command line that compares tseep with redis-server."""
    made = argparse.ArgumentParser(prog=name, description=(doc or "").partition("\n")[0])
    made.add_argument("--python", default=sys.executable, metavar="PATH", help="CPython for tseep")
    made.add_argument("--pypy", metavar="PATH", help="PyPy for tseep's v2 (left out when not given)")
    return made


def show(
    parser: argparse.ArgumentParser,
    argv: list[str] | None,
    connections: Callable[[argparse.Namespace], int],
    work: Callable[[argparse.Namespace], list[str]],
) -> int:
    """Do the work of a command line, print the lines that it returns, and return the exit status."""
    options = parser.parse_args(argv)
    lines = attempt(parser.prog, options, connections(options), work)
    if lines is None:
        return 2
    print("\n".join([f"{where()}.", "", *lines]))
    return 0


def beside(values: Iterable[float], others: Iterable[float]) -> float:
    """Return the median of the ratios of neighbours in the same round."""
    return median(one / other for one, other in zip(values, others))


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    findings = attempt("stress/study.py versus", options, options.clients, compete)
    if findings is None:
        return 2
    print(markdown(findings, options))
    if options.json:
        options.json.write_text(json.dumps(document(findings, options), indent=2) + os.linesep)
    return 0
