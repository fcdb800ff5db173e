"""The command line of stress/run.py, and the setting of the runs that it describes."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from probes import limits, machine
from rig import pacing, workloads
from rig.options import (
    address,
    duration,
    names,
    part,
    pause,
    pipeline,
    points,
    positive,
    rates,
    seconds,
    share,
    value_sizes,
)
from rig.result import RunSpec
from rig.workloads import Workload
from servers import catalogue
from servers.catalogue import ServerSpec

MODES = {
    **{mode: [mode] for mode in catalogue.MODES},
    "both": ["v1", "v2"],
    "all": list(catalogue.MODES),
    "none": [],
}
DEFAULT_WARMUP_S = 2.0  # where a duration ends the runs
DEFAULT_DURATION_S = 10.0
REPORT_REPEATS = 5  # with fewer, differences that are called real are often chance


class Setting(NamedTuple):
    """
    The common properties of all runs.

    @ivar servers: empty if the server runs already, at C{address}.
    @ivar pid: the process id of a server that runs already.
    @ivar rates: requests per second of each open loop; None for a closed loop.
    @ivar sweep: the p99 in seconds for which to find the highest rate.
    @ivar clients: numbers of clients.
    @ivar active: returns how many of a number of clients work.
    @ivar rounds: None where a duration ends the runs.
    @ivar duration: None where rounds end them.
    """

    servers: list[ServerSpec]
    address: tuple[str, int] | None
    pid: int | None
    workload: Workload
    arrivals: str
    rates: list[float | None]
    sweep: float | None
    clients: list[int]
    active: Callable[[int], int]
    repeats: int
    rounds: int | None
    warmup: float
    duration: float | None
    timeout: float
    processes: int | None
    seed: int

    def load_processes(self, clients: int) -> int:
        """Return the number of load processes for a number of clients."""
        default = limits.load_processes(clients, limits.raise_files(), machine.cores())
        return min(clients, self.processes or default)

    def names(self) -> list[str]:
        """Return the servers' names, in the order of the command line."""
        return [each.name for each in self.servers] or ["{}:{}".format(*self.address or ())]

    def specs(self) -> Iterator[RunSpec]:
        """Yield the runs: for each number of clients and each rate, repeat by repeat, all servers, starting with
        another one in each repeat."""
        for clients in self.clients:
            for rate in self.rates:
                for repeat in range(self.repeats):
                    found = self.names()
                    first = repeat % len(found)
                    for name in found[first:] + found[:first]:
                        yield self.spec(name, clients, repeat + 1, rate)

    def spec(self, server: str, clients: int, repeat: int, rate: float | None) -> RunSpec:
        active = self.active(clients)
        asked = None if self.rounds is None else workloads.asked(self.workload, self.rounds, active)
        return RunSpec(server, clients, active, repeat, rate, asked)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="stress/run.py",
        description="Put many clients on servers at once, check every answer, and measure the servers' own costs.",
        epilog="stress/run.py compare A.json B.json compares two documents written with --json, and "
        "stress/run.py page RUN.json FOLDER draws one as a web page. Each has a --help.",
    )
    servers = made.add_argument_group("servers")
    add = servers.add_argument
    add(
        "--mode",
        choices=MODES,
        help="modes of tseep: one, both (v1 and v2), all or none (both; with --against or --address none)",
    )
    add("--against", type=names, default=[], metavar="A,B", help=f"other servers: {', '.join(catalogue.names())}")
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of servers written in Python (this one)")
    add("--pypy", metavar="PATH", help="PyPy interpreter; v2 is measured on it, too")
    add(
        "--workers",
        type=positive,
        metavar="N",
        help="workers of v3 (one for each core but one, more if the file limit requires it)",
    )
    add("--address", type=address, metavar="HOST:PORT", help="address of a server that runs already")
    add("--pid", type=positive, metavar="N", help="process id of the server at --address")
    _workload(made.add_argument_group("workload"))
    _pacing(made.add_argument_group("pacing"))
    _output(made.add_argument_group("output"))
    return made


def _workload(group: Any) -> None:
    add = group.add_argument
    add("--clients", type=points, required=True, metavar="1k,8k,N", help="numbers of clients, a run for each")
    add(
        "--workload",
        choices=workloads.NAMES,
        default=workloads.SEED,
        help="kind of load (seed, the check of the Go study)",
    )
    add("--protocol", choices=("native", "resp"), help="protocol (native for seed if all servers speak it, else resp)")
    add("--pipeline", type=pipeline, default=1, metavar="N", help="requests per write (1)")
    add("--sets", type=share, default=0.1, metavar="0.1", help="share of SETs in a mix, 0 to 1 (0.1)")
    add(
        "--values",
        type=value_sizes,
        default="64",
        metavar="64",
        help="size of values in bytes: 64, 32-1024 or, with weights, 64:9,1024:1 (64)",
    )
    add("--keys", type=positive, default=10_000, metavar="N", help="number of keys in a mix (10000)")
    add(
        "--choice",
        choices=workloads.CHOICES,
        default=workloads.UNIFORM,
        help="distribution of the requests over the keys (uniform)",
    )
    add("--active", type=part, metavar="N|N%", help="clients that send requests (1%% for the idle workload, else all)")
    add("--seed", type=int, metavar="N", help="random seed of keys and values (a random one, which the JSON contains)")


def _pacing(group: Any) -> None:
    add = group.add_argument
    add(
        "--rate",
        type=rates,
        metavar="10k,20k",
        help="requests per second of an open loop, a run for each (closed loop)",
    )
    add(
        "--poisson",
        action="store_true",
        help="with --rate or --sweep: random intervals (Poisson) in place of constant ones",
    )
    add("--sweep", type=duration, metavar="5ms", help="find the highest rate with a p99 within this time")
    add("--rounds", type=positive, metavar="N", help="rounds of each client: checks for seed, else writes (1 for seed)")
    add("--duration", type=seconds, metavar="S", help=f"measured seconds ({DEFAULT_DURATION_S:g}, without --rounds)")
    add("--warmup", type=pause, metavar="S", help=f"seconds before the measured ones ({DEFAULT_WARMUP_S:g})")
    add(
        "--repeats",
        type=positive,
        metavar="N",
        help=f"runs of each server, in alternation (1; with --report {REPORT_REPEATS})",
    )
    add("--timeout", type=seconds, default=30.0, metavar="S", help="seconds until an answer is late (30)")
    add("--processes", type=positive, metavar="N", help="load processes (chosen by cores and clients)")


def _output(group: Any) -> None:
    add = group.add_argument
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="file for the document with all figures, see stress/report/schema.json",
    )
    add("--csv", type=Path, metavar="FILE", help="file for a table, a line for each run")
    add("--benchstat", type=Path, metavar="FILE", help="file in Go's benchmark format")
    add("--hlog", type=Path, metavar="DIR", help="folder for HdrHistogram logs")
    add("--report", type=Path, metavar="DIR", help="folder for a page with charts")


class Refused(Exception):
    """The run cannot start; the arguments are the reasons, a line each."""


def setting(options: argparse.Namespace) -> Setting:
    """Return the setting of a command line, with defaults for what it leaves open. Raises Refused, also where a limit
    of the machine is too low."""
    wrong = mistakes(options)
    if wrong:
        raise Refused(*wrong)
    servers = _servers(options)
    timed = options.duration or options.rate or options.sweep or (options.workload != "seed" and not options.rounds)
    made = Setting(
        servers=servers,
        address=options.address,
        pid=options.pid,
        workload=Workload(
            options.workload,
            _protocol(options, servers),
            options.pipeline,
            options.sets,
            options.values,
            options.keys,
            options.choice,
        ),
        arrivals=pacing.POISSON if options.poisson else pacing.CONSTANT,
        rates=options.rate or [None],
        sweep=options.sweep,
        clients=options.clients,
        active=options.active or _default_active(options.workload),
        repeats=options.repeats or (REPORT_REPEATS if options.report else 1),
        rounds=None if timed else options.rounds or 1,
        warmup=(DEFAULT_WARMUP_S if options.warmup is None else options.warmup) if timed else 0.0,
        duration=(options.duration or DEFAULT_DURATION_S) if timed else None,
        timeout=options.timeout,
        processes=options.processes,
        seed=random.SystemRandom().getrandbits(32) if options.seed is None else options.seed,
    )
    missing = shortfalls(made)
    if missing:
        raise Refused(*missing)
    return made


def _default_active(workload: str) -> Callable[[int], int]:
    return part("1%") if workload == workloads.IDLE else part("100%")


def _servers(options: argparse.Namespace) -> list[ServerSpec]:
    """Return the servers to start; none with --address. Raises Refused."""
    if options.address:
        return []
    mode = options.mode or ("none" if options.against else "both")
    requested = MODES[mode] + (["v2-pypy"] if options.pypy else []) + options.against
    try:
        found = catalogue.find(list(dict.fromkeys(requested)), options)
    except catalogue.Unknown as unknown:
        raise Refused(f"--against: {unknown}") from None
    missing = [f"{each.name}: {each.missing}" for each in found if each.missing]
    if missing or not found:
        raise Refused(*missing or ["nothing to measure: give --mode or --against"])
    return found


def _protocol(options: argparse.Namespace, servers: list[ServerSpec]) -> str:
    """Return the protocol. Raises Refused if a server does not speak it."""
    resp_only = [each.name for each in servers if not each.native]
    if options.protocol == "native" and resp_only:
        raise Refused(f"--protocol native: {', '.join(resp_only)} speak only resp")
    native = options.workload == workloads.SEED and not resp_only
    return options.protocol or ("native" if native else "resp")


def mistakes(options: argparse.Namespace) -> list[str]:
    """Return what is wrong with the options."""
    found = []
    if options.pid and not options.address:
        found.append("--pid requires --address")
    if options.pid and not psutil.pid_exists(options.pid):
        found.append(f"--pid {options.pid}: there is no such process")
    if options.address and (options.mode or options.against or options.pypy):
        found.append("--address is of a server that runs already: leave out --mode, --against and --pypy")
    if options.rounds and (options.duration or options.warmup or options.rate or options.sweep):
        found.append("--rounds ends the run: leave out --duration, --warmup, --rate and --sweep")
    if options.warmup and not options.duration and options.workload == "seed" and not (options.rate or options.sweep):
        found.append("--warmup requires --duration")
    if options.poisson and not (options.rate or options.sweep):
        found.append("--poisson requires --rate or --sweep")
    if options.sweep and options.rate:
        found.append("--sweep finds the rate: leave out --rate")
    if options.protocol == "native" and max(options.values.high) > 255:
        found.append("--values: the native protocol has values of 255 bytes at most, give --protocol resp")
    if options.report and not all(map(find_spec, ("jinja2", "jsonschema", "matplotlib"))):
        found.append("--report needs jinja2 and matplotlib: pip install 'tseep[report]'")
    for name in ("json", "csv", "benchstat", "hlog", "report"):
        path = getattr(options, name)
        if path and not path.absolute().parent.is_dir():
            found.append(f"--{name} {path}: there is no such directory")
    return found


def shortfalls(made: Setting) -> list[str]:
    """Return which limits of the machine and the servers are too low for the runs."""
    modes = [each.mode for each in made.servers]
    have, found = limits.have(), []
    for clients in made.clients:
        need = limits.Need(clients, made.load_processes(clients), modes)
        found += limits.shortfalls(need, have)
    for each in made.servers:
        if each.most and max(made.clients) > each.most:
            found.append(f"{each.name} supports {each.most:,} clients at most: use fewer, or leave it out")
    return list(dict.fromkeys(found))


def described(made: Setting) -> dict[str, Any]:
    """Return the plan in the form of schema.json."""
    workload, open_loop = made.workload, made.rates != [None] or made.sweep is not None
    what: dict[str, Any] = {"name": workload.name, "protocol": workload.protocol, "pipeline": workload.pipeline}
    if workload.shares_keys:
        what.update(sets=workload.sets, values=workload.values.text, keys=workload.keys, choice=workload.choice)
    pace: dict[str, Any] = {"loop": "open" if open_loop else "closed"}
    if open_loop:
        pace["arrivals"] = made.arrivals
        pace["rates"] = [rate for rate in made.rates if rate]
        pace["p99_us"] = made.sweep and made.sweep * 1e6
    active = made.active(max(made.clients))
    return {
        "workload": what,
        "pacing": pace,
        "clients": made.clients,
        "active": None if active == max(made.clients) else active,
        "repeats": made.repeats,
        "warmup_seconds": made.warmup,
        "duration_seconds": made.duration,
        "rounds": made.rounds,
        "timeout_seconds": made.timeout,
        "load_processes": made.load_processes(max(made.clients)),
        "seed": made.seed,
    }
