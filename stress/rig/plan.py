"""The command line of a run, and what it asks for."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

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
from rig.result import Point
from rig.workloads import Workload
from servers import catalogue
from servers.catalogue import Contestant

MODES = {
    **{mode: [mode] for mode in catalogue.MODES},
    "both": ["v1", "v2"],
    "all": list(catalogue.MODES),
    "none": [],
}
WARMUP = 2.0  # seconds, where a duration decides
DURATION = 10.0
REPEATS = 5  # from so many on a difference that is called real mostly is


class Setting(NamedTuple):
    """All runs' common part. `servers` is empty when one that runs already is to be loaded, at `address`."""

    servers: list[Contestant]
    address: tuple[str, int] | None
    pid: int | None
    workload: Workload
    arrivals: str
    rates: list[float | None]  # None: a closed loop
    sweep: float | None  # seconds that the p99 may take, for which the highest rate is wanted
    clients: list[int]
    active: Any  # tells how many of so many clients work
    repeats: int
    rounds: int | None
    warmup: float
    duration: float | None
    timeout: float
    processes: int | None
    seed: int

    def load_processes(self, clients: int) -> int:
        """Return how many load processes there are for so many clients."""
        suited = limits.load_processes(clients, limits.raise_files(), machine.cores())
        return min(clients, self.processes or suited)

    def names(self) -> list[str]:
        """Return the servers' names, in the order of the command line."""
        return [each.name for each in self.servers] or ["{}:{}".format(*self.address or ())]

    def points(self) -> Iterator[Point]:
        """Yield what is to be measured: for each number of clients and each rate all servers in turn, repeat by
        repeat, each time another one first."""
        for clients in self.clients:
            for rate in self.rates:
                for repeat in range(self.repeats):
                    found = self.names()
                    first = repeat % len(found)
                    for name in found[first:] + found[:first]:
                        yield self.point(name, clients, repeat + 1, rate)

    def point(self, server: str, clients: int, repeat: int, rate: float | None) -> Point:
        """Return one run."""
        active = self.active(clients)
        asked = None if self.rounds is None else workloads.asked(self.workload, self.rounds, active)
        return Point(server, clients, active, repeat, rate, asked)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        prog="stress/run.py",
        description="Many clients at once, every answer checked, the servers' own costs measured.",
        epilog="Of results of --json, stress/run.py compare A.json B.json shows two beside each other, and "
        "stress/run.py page RUN.json FOLDER draws one. Each has a --help.",
    )
    servers = made.add_argument_group("servers")
    add = servers.add_argument
    add("--mode", choices=MODES, help="of tseep (both; with --against or --address none): v1 and v2, all three, none")
    add("--against", type=names, default=[], metavar="A,B", help=f"others: {', '.join(catalogue.names())}")
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of the servers in Python (this one)")
    add("--pypy", metavar="PATH", help="a PyPy: measures v2 on it too")
    add("--workers", type=positive, metavar="N", help="of v3 (one for each core but one, more where files need it)")
    add("--address", type=address, metavar="HOST:PORT", help="load a server that runs already")
    add("--pid", type=positive, metavar="N", help="with --address: that server's process id")
    _workload(made.add_argument_group("workload"))
    _pacing(made.add_argument_group("pacing"))
    _output(made.add_argument_group("output"))
    return made


def _workload(group: Any) -> None:
    add = group.add_argument
    add("--clients", type=points, required=True, metavar="1k,8k,N", help="clients at once, a run for each number")
    add("--workload", choices=workloads.NAMES, default=workloads.SEED, help="(seed)")
    add("--protocol", choices=("native", "resp"), help="(native for seed where all servers speak it, else resp)")
    add("--pipeline", type=pipeline, default=1, metavar="N", help="requests sent in one go (1)")
    add("--sets", type=share, default=0.1, metavar="0.1", help="share of SETs in a mix (0.1)")
    add("--values", type=value_sizes, default="64", metavar="64", help="bytes: 64, 32-1024 or 64:9,1024:1 (64)")
    add("--keys", type=positive, default=10_000, metavar="N", help="different keys in a mix (10000)")
    add("--choice", choices=workloads.CHOICES, default=workloads.UNIFORM, help="of keys (uniform)")
    add("--active", type=part, metavar="N|N%", help="of the clients, so many work (idle: 1%%; else all)")
    add("--seed", type=int, metavar="N", help="for keys and values (drawn, and told in the JSON)")


def _pacing(group: Any) -> None:
    add = group.add_argument
    add("--rate", type=rates, metavar="10k,20k", help="open loop: so many requests a second, a run for each (closed)")
    add("--poisson", action="store_true", help="with --rate: at random times")
    add("--sweep", type=duration, metavar="5ms", help="find the highest rate at which the p99 is below this")
    add("--rounds", type=positive, metavar="N", help="checks, or requests, by each client (1 for the seed's)")
    add("--duration", type=seconds, metavar="S", help=f"seconds that count ({DURATION:g}, without --rounds)")
    add("--warmup", type=pause, metavar="S", help=f"seconds before that do not count ({WARMUP:g})")
    add("--repeats", type=positive, metavar="N", help=f"runs of each, in turns (1; with --report {REPEATS})")
    add("--timeout", type=seconds, default=30.0, metavar="S", help="for an answer (30)")
    add("--processes", type=positive, metavar="N", help="load processes (by cores and clients)")


def _output(group: Any) -> None:
    add = group.add_argument
    add("--json", type=Path, metavar="FILE", help="all figures, as stress/report/schema.json says")
    add("--csv", type=Path, metavar="FILE", help="a line for each run")
    add("--benchstat", type=Path, metavar="FILE", help="Go's benchmark format")
    add("--hlog", type=Path, metavar="DIR", help="HdrHistogram logs")
    add("--report", type=Path, metavar="DIR", help="a page with charts")


class Refused(Exception):
    """The run can't begin; the arguments say why, a line each."""


def setting(options: argparse.Namespace) -> Setting:
    """Fill in what the command line leaves open, and hold it against the machine. Raises Refused."""
    found = mistakes(options)
    if found:
        raise Refused(*found)
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
        active=options.active or _all_or_few(options.workload),
        repeats=options.repeats or (REPEATS if options.report else 1),
        rounds=None if timed else options.rounds or 1,
        warmup=(WARMUP if options.warmup is None else options.warmup) if timed else 0.0,
        duration=(options.duration or DURATION) if timed else None,
        timeout=options.timeout,
        processes=options.processes,
        seed=random.SystemRandom().getrandbits(32) if options.seed is None else options.seed,
    )
    found = complaints(made)
    if found:
        raise Refused(*found)
    return made


def _all_or_few(workload: str) -> Any:
    return part("1%") if workload == workloads.IDLE else part("100%")


def _servers(options: argparse.Namespace) -> list[Contestant]:
    """Return the servers to be started; none for one that runs already. Raises Refused."""
    if options.address:
        return []
    mode = options.mode or ("none" if options.against else "both")
    wanted = MODES[mode] + (["v2-pypy"] if options.pypy else []) + options.against
    try:
        found = catalogue.find(list(dict.fromkeys(wanted)), options)
    except catalogue.Unknown as unknown:
        raise Refused(f"--against: {unknown}") from None
    missing = [f"{each.name}: {each.missing}" for each in found if each.missing]
    if missing or not found:
        raise Refused(*missing or ["nothing to measure: give --mode or --against"])
    return found


def _protocol(options: argparse.Namespace, servers: list[Contestant]) -> str:
    """Return the protocol. Raises Refused where a server does not speak it."""
    alone = [each.name for each in servers if not each.native]
    if options.protocol == "native" and alone:
        raise Refused(f"--protocol native: {', '.join(alone)} speak only resp")
    native = options.workload == workloads.SEED and not alone
    return options.protocol or ("native" if native else "resp")


def mistakes(options: argparse.Namespace) -> list[str]:
    """Return what is wrong with the options, that would else be found only after the run."""
    found = []
    if options.pid and not options.address:
        found.append("--pid goes with --address")
    if options.pid and not Path(f"/proc/{options.pid}/task").exists():
        found.append(f"--pid {options.pid}: there is no such process")
    if options.address and (options.mode or options.against or options.pypy):
        found.append("--address is a server that runs already: leave out --mode, --against and --pypy")
    if options.rounds and (options.duration or options.warmup or options.rate or options.sweep):
        found.append("--rounds counts, so that --duration, --warmup, --rate and --sweep do not go with it")
    if options.warmup and not options.duration and options.workload == "seed" and not (options.rate or options.sweep):
        found.append("--warmup goes with --duration")
    if options.poisson and not (options.rate or options.sweep):
        found.append("--poisson goes with --rate or --sweep")
    if options.sweep and options.rate:
        found.append("--sweep finds the rate: leave out --rate")
    if options.protocol == "native" and max(options.values.high) > 255:
        found.append("--values: the native protocol has values of 255 bytes at most, give --protocol resp")
    if options.report and not all(map(find_spec, ("jinja2", "jsonschema", "matplotlib"))):
        found.append("--report draws with jinja2 and matplotlib: pip install 'tseep[report]'")
    for name in ("json", "csv", "benchstat", "hlog", "report"):
        path = getattr(options, name)
        if path and not path.absolute().parent.is_dir():
            found.append(f"--{name} {path}: there is no such directory")
    return found


def complaints(made: Setting) -> list[str]:
    """Return what of this machine stands against the runs."""
    modes = [each.mode for each in made.servers]
    have, found = limits.have(), []
    for clients in made.clients:
        need = limits.Need(clients, made.load_processes(clients), modes)
        found += limits.complaints(need, have)
    for each in made.servers:
        if each.most and max(made.clients) > each.most:
            found.append(f"{each.name} can have {each.most:,} clients at most: take fewer, or leave it out")
    return list(dict.fromkeys(found))


def described(made: Setting) -> dict[str, Any]:
    """Return the plan in schema.json's form."""
    workload, one = made.workload, made.rates != [None] or made.sweep is not None
    told: dict[str, Any] = {"name": workload.name, "protocol": workload.protocol, "pipeline": workload.pipeline}
    if workload.shares_keys:
        told.update(sets=workload.sets, values=workload.values.text, keys=workload.keys, choice=workload.choice)
    pace: dict[str, Any] = {"loop": "open" if one else "closed"}
    if one:
        pace["arrivals"] = made.arrivals
        pace["rates"] = [rate for rate in made.rates if rate]
        pace["p99_us"] = made.sweep and made.sweep * 1e6
    active = made.active(max(made.clients))
    return {
        "workload": told,
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
