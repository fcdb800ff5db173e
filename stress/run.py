"""Stress tseep: many clients at once, every answer checked, the server's own costs measured.

    python stress/run.py --clients 8k

starts each mode in a process of its own, connects all clients, and only then lets them work:
each reads a missing key, writes it, and reads it back over the native protocol. Exit status: 0
when every answer was right and in time, 1 when one was not, 2 when the run could not begin.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import NoReturn

import limits
import machine
import proc
from options import address, clients, positive, run, seconds
from server import Server, StartFailed, free_port, tseep_command, versions

try:
    import crew
    import report
    from faults import EXIT
    from progress import Progress
    from result import Result, ServerSide, server_side
    from rich.console import Console
except ModuleNotFoundError as missing:
    if missing.name not in ("hdrh", "rich"):
        raise
    print(f"{missing.name} is missing: pip install 'tseep[stress]'", file=sys.stderr)
    raise SystemExit(2) from None

OPERATIONS = 3  # a turn: READ, WRITE, READ
PER_PROCESS = 1024  # clients from which another load process is worth it
REST_SECONDS = 0.2  # for what a server does after its start, or after it accepted a client


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/run.py", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--clients", type=clients, required=True, metavar="1k|2k|4k|8k|N", help="clients at once")
    add("--mode", choices=("v1", "v2", "both"), default="both", help="default: both, one by one")
    add("--rounds", type=positive, default=1, metavar="N", help="checks by each client (1)")
    add("--timeout", type=seconds, default=30.0, metavar="SECONDS", help="for an answer (30)")
    add("--processes", type=positive, metavar="N", help="load processes (by cores and clients)")
    add("--python", default=sys.executable, metavar="PATH", help="the server's interpreter")
    add("--address", type=address, metavar="HOST:PORT", help="load a server that runs already")
    add("--pid", type=positive, metavar="N", help="with --address: that server's process id")
    add("--seed", type=int, metavar="N", help="for keys and values (drawn, and told in the JSON)")
    add("--json", type=Path, metavar="FILE", help="write all figures there too")
    return made


def processes(number: int, cores: int) -> int:
    """Return how many load processes suit so many clients: one core is left to the server."""
    return max(1, min(cores - 1, number // PER_PROCESS))


def modes(options: argparse.Namespace) -> list[str]:
    """Return the modes to start; none for a server that runs already."""
    if options.address:
        return []
    return ["v1", "v2"] if options.mode == "both" else [options.mode]


def measure(options: argparse.Namespace, mode: str, server: Server | None) -> Result:
    """Run the load once, against a started server or the one at --address."""
    where = server.address if server else options.address
    pid = server.pid if server else options.pid
    plans = crew.spread(
        where,
        limits.sources(options.clients),
        options.processes,
        options.rounds,
        options.timeout,
        options.seed,
    )
    with crew.Crew(plans) as load, Progress() as progress:
        result = drive(options, mode, load, progress, pid)
    fault = server.stop() if server else None
    if fault:
        result.faults.add(EXIT, fault)
    return result


def drive(options: argparse.Namespace, mode: str, load: crew.Crew, progress: Progress, pid: int | None) -> Result:
    """Lead the load through its phases, with a look at the server between them."""
    asked = OPERATIONS * options.rounds * options.clients
    files = proc.settle(pid, sys.maxsize, REST_SECONDS) if pid else 0
    alone = proc.sample(pid) if pid else None
    connecting = load.connect(progress.phase(f"{mode} connect", options.clients))
    idle = ripe(pid, files + options.clients) if pid else None
    before = proc.cores_now()
    operating = load.operate(progress.phase(f"{mode} operate", asked))
    rest = proc.idle_share(before, proc.cores_now())
    worked = look(pid) if pid else None
    faults = load.close()
    side: ServerSide | None = None
    if alone and idle and worked:
        side = server_side(alone, idle, worked, options.clients, operating.latency.number)
    return Result(mode, options.clients, asked, connecting, operating, side, faults, rest)


def ripe(pid: int, files: int) -> proc.Sample | None:
    """Look at the server when it has taken all clients in; None if it is gone."""
    try:
        proc.settle(pid, files)
    except OSError:
        return None
    time.sleep(REST_SECONDS)
    return look(pid)


def look(pid: int) -> proc.Sample | None:
    """Look at the server; None if it is gone, which the load's faults tell."""
    try:
        return proc.sample(pid)
    except (OSError, KeyError):  # a process that has ended but is not reaped has no memory
        return None


def start_and_measure(options: argparse.Namespace, mode: str) -> Result:
    """Start tseep in a mode, run the load, and stop it."""
    port = free_port()
    with Server(tseep_command(options.python, mode, port, options.clients), port) as server:
        return measure(options, mode, server)


def document(options: argparse.Namespace, found: dict[str, str | None], results: list[Result]) -> dict[str, object]:
    """Return the JSON report."""
    rig = {name: metadata.version(name) for name in ("hdrhistogram", "rich")}
    return {
        "date": machine.today(),
        "command": machine.command_line(),
        "machine": machine.described(),
        "server": found,
        "rig": {"python": machine.python(), **rig},
        "clients": options.clients,
        "rounds": options.rounds,
        "timeout_seconds": options.timeout,
        "load_processes": options.processes,
        "seed": options.seed,
        "runs": [result.as_json() for result in results],
    }


def head(options: argparse.Namespace, found: dict[str, str | None]) -> str:
    """Return the line above the table."""
    server = found.get("python") or "the server at {}:{}".format(*options.address)
    times = f"{options.rounds} x 3 operations each"
    return f"{options.clients:,} clients, {times}; {server}; {machine.cores()} cores"


def refuse(lines: list[str]) -> NoReturn:
    """Say why the run can't begin, and end."""
    for line in lines:
        print(f"stress/run.py: {line}", file=sys.stderr)
    raise SystemExit(2)


def prepared(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line, fill in what it leaves open, and hold it against the machine."""
    options = parser().parse_args(argv)
    options.processes = options.processes or processes(options.clients, machine.cores())
    options.processes = min(options.processes, options.clients)
    if options.seed is None:
        options.seed = random.SystemRandom().getrandbits(32)
    need = limits.Need(options.clients, options.processes, modes(options))
    found = limits.complaints(need, limits.have())
    found += mistakes(options)
    if found:
        refuse(found)
    return options


def mistakes(options: argparse.Namespace) -> list[str]:
    """Return what is wrong with the options, that would else be found only after the run."""
    found = []
    if options.pid and not options.address:
        found.append("--pid goes with --address")
    if options.pid and not Path(f"/proc/{options.pid}/task").exists():
        found.append(f"--pid {options.pid}: there is no such process")
    if options.json and not options.json.absolute().parent.is_dir():
        found.append(f"--json {options.json}: there is no such directory")
    return found


def server_versions(options: argparse.Namespace) -> dict[str, str | None]:
    """Return the versions of the server to be started; nothing for one that runs already."""
    if options.address:
        return {}
    try:
        return versions(options.python)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        refuse([f"--python {options.python}: {error}"])


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = prepared(argv)
    found = server_versions(options)
    if options.address:
        results = [measure(options, "-", None)]
    else:
        results = [start_and_measure(options, mode) for mode in modes(options)]
    report.show(results, head(options, found), Console())
    if options.json:
        options.json.write_text(json.dumps(document(options, found, results), indent=2) + "\n")
    return 1 if any(result.faults for result in results) else 0


if __name__ == "__main__":
    try:
        run(main)
    except (StartFailed, crew.LoadDied) as failure:
        refuse([str(failure)])
