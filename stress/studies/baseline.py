"""This tree beside an earlier commit: both are built, and measured with redis-benchmark in the same rounds.

    python stress/study.py baseline 547a968 --types

The commit is checked out into a worktree. It and this tree, as it lies there, are installed into an environment each.
In every round a new server of each is started and measured, with another one first in the next round: two processes
of the same code differ by more than two measurements of one process, by where their memory lies and how their
dictionaries hash. Prints the ratio of the rates, round by round, as its median with the 95 % interval of that
(report/intervals.py). A test is not slower when the interval includes 1, or the median is at least 0.98. Exit status:
0 when none is slower, 1 when one is, 2 when something could not be built or started.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from report import intervals
from rig.options import clients, positive, seconds
from servers.process import REPOSITORY, Server, free_port, tseep_command
from studies.versus import (
    FIRST_REQUESTS,
    KINDS,
    RANDOM,
    TYPES,
    VALUE,
    Failed,
    Kind,
    Measured,
    Rounds,
    attempt,
    fill,
    measure,
    row,
    say,
    where,
)

FILL = 300_000  # SETs of random keys into each new server
WARM = 10  # part of a measurement that each test is given before, of no account
LEAST = 0.98  # a median from which on a difference is no loss, whatever its interval
BASE, TREE = "base", "tree"


def call(*words: object) -> str:
    """Run a command to its end and return what it printed; raises Failed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=REPOSITORY)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder, inside `with`; raises Failed if there is no such commit."""
    call("git", "worktree", "add", "--detach", folder, commit)
    try:
        yield folder
    finally:
        call("git", "worktree", "remove", "--force", folder)


def built(tree: Path, folder: Path, python: str) -> str:
    """Install a tree into an environment of its own, and return the environment's interpreter; raises Failed."""
    call(python, "-m", "venv", folder)
    call(folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", tree)
    return str(folder / "bin" / "python")


def positive_rounds(text: str) -> int:
    """Read a number of rounds of which there is an interval."""
    number = positive(text)
    if number < intervals.FEWEST_RUNS:
        raise argparse.ArgumentTypeError(f"{number} rounds have no interval: {intervals.FEWEST_RUNS} or more do")
    return number


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py baseline", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("commit", metavar="COMMIT", help="what to compare with, as git names it")
    add("--mode", choices=("v1", "v2", "v3"), default="v2", help="of both servers (v2)")
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of both servers (this one)")
    add("--rounds", type=positive_rounds, default=11, metavar="N", help="rounds that count (11)")
    add("--time", type=seconds, default=1.5, metavar="SECONDS", help="of a measurement (1.5)")
    add("--clients", type=clients, default=1000, metavar="N", help="connections (1000)")
    add(
        "--types",
        action="store_const",
        dest="kinds",
        const=[*KINDS, *TYPES],
        default=KINDS,
        help="measure INCR, MSET and the data types, too",
    )
    made.set_defaults(pypy=None)
    return made


def both_built(commit: str, python: str, folder: Path) -> dict[str, str]:
    """Build the commit and this tree in a folder, and return the interpreter of each; raises Failed."""
    with worktree(commit, folder / "worktree") as base:
        say(f"building {commit}")
        first = built(base, folder / BASE, python)
    say("building this tree")
    return {BASE: first, TREE: built(REPOSITORY, folder / TREE, python)}


def measured(options: argparse.Namespace) -> Rounds:
    """Build both, and measure new servers of each in every round."""
    rounds: Rounds = {(side, kind): [] for side in (BASE, TREE) for kind in options.kinds}
    with tempfile.TemporaryDirectory(prefix="tseep-baseline-") as name:
        folder = Path(name)
        pythons = both_built(options.commit, options.python, folder)
        say("warming up")
        first = one_round(pythons, folder, options, {})
        numbers = {key: int(each.per_second * options.time) for key, each in first.items()}
        for turn in range(options.rounds):
            say(f"round {turn + 1} of {options.rounds}")
            order = dict(list(pythons.items())[:: -1 if turn % 2 else 1])
            for key, each in one_round(order, folder, options, numbers).items():
                rounds[key].append(each)
    return rounds


def one_round(
    pythons: dict[str, str], folder: Path, options: argparse.Namespace, numbers: dict[tuple[str, Kind], int]
) -> dict[tuple[str, Kind], Measured]:
    """Start a server of each side, fill it, and measure every test on one after the other; `numbers` are the requests
    of each, or none in the round that finds out how many suit."""
    done = {}
    with ExitStack() as running:
        servers = {}
        for side, python in pythons.items():
            port = free_port()
            command = tseep_command(python, options.mode, port, options.clients)
            servers[side] = running.enter_context(Server(command, port, cwd=folder))
            fill(servers[side], ("SET", "key:__rand_int__", "x" * VALUE), FILL, RANDOM, options.clients)
        for kind in options.kinds:
            for side, server in servers.items():
                number = max(options.clients, numbers.get((side, kind), FIRST_REQUESTS))
                measure(server, kind, max(options.clients, number // WARM), options.clients)
                done[side, kind] = measure(server, kind, number, options.clients)
    return done


def is_slower(found: dict[str, Any]) -> bool:
    """Tell whether a ratio's interval and median both say that something was lost."""
    return not (found["low"] <= 1 <= found["high"] or found["median"] >= LEAST)


def ratios(rounds: Rounds, kind: Kind, field: str) -> dict[str, Any]:
    """Return the interval of this tree's figure by the base's, round by round."""
    pairs = zip(rounds[TREE, kind], rounds[BASE, kind])
    return intervals.interval([getattr(one, field) / getattr(other, field) for one, other in pairs])


def report(rounds: Rounds, options: argparse.Namespace) -> tuple[list[str], bool]:
    """Return the table, and whether any test is slower."""
    lines = [
        row(["test", f"{options.commit}, requests/s", "this tree, requests/s", "ratio", "server CPU/request", ""]),
        row(["---", "--:", "--:", "--:", "--:", "---"]),
    ]
    lost = False
    for kind in options.kinds:
        rates = [intervals.interval([each.per_second for each in rounds[side, kind]]) for side in (BASE, TREE)]
        rate, cpu = ratios(rounds, kind, "per_second"), ratios(rounds, kind, "cpu_us")
        slower = is_slower(rate)
        lost = lost or slower
        cells = [f"{each['median']:,.0f}" for each in rates]
        cells += [f"{each['median']:.2f} ({each['low']:.2f} to {each['high']:.2f})" for each in (rate, cpu)]
        lines.append(row([kind.title, *cells, "SLOWER" if slower else "not slower"]))
    return lines, lost


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    rounds = attempt("stress/study.py baseline", options, options.clients, measured)
    if rounds is None:
        return 2
    lines, lost = report(rounds, options)
    tree = call("git", "describe", "--always", "--dirty")
    how = f"{options.mode}, {tree} beside {options.commit}; medians of {options.rounds} rounds of {options.time:g} s"
    print("\n".join([f"{where()}. {how}, ratios round by round with their 95 % intervals.", "", *lines]))
    return 1 if lost else 0
