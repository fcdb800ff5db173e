"""This tree compared with an earlier commit: both are built, and measured with redis-benchmark in the same rounds.

    python stress/study.py baseline 547a968 --types

The commit is checked out into a worktree. It and this tree, with its uncommitted changes, are installed into an
environment each. Every round starts and measures a new server of each, in alternating order: two processes of the same
code differ by more than two measurements of one process, through their memory layout and hash seeds. Prints the ratio
of the rates, round by round, as its median with the 95 % interval (report/intervals.py). A test is not slower if the
interval includes 1, or the median is at least 0.98. Exit status: 0 when no test is slower, 1 when one is, 2 when
something could not be built or started.
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

from probes.machine import REPOSITORY
from report import intervals
from rig.options import clients, positive, seconds
from servers.process import Server, free_port, tseep_command
from studies.common import (
    FIRST_REQUESTS,
    KEY_SPACE,
    VALUE_BYTES,
    BenchmarkResult,
    BenchmarkTest,
    Failed,
    attempt,
    benchmark,
    fill,
    row,
    say,
    where,
)
from studies.versus import BASIC_TESTS, TYPE_TESTS, Rounds

FILL_REQUESTS = 300_000  # SETs of random keys into each new server
WARMUP_DIVISOR = 10  # of a measurement's requests, for the warm-up
MIN_RATE_RATIO = 0.98  # a test with a higher median is not slower, whatever the interval
BASE, TREE = "base", "tree"


def call(*words: object) -> str:
    """Run a command and return its output. Raises Failed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=REPOSITORY)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder inside C{with}. Raises Failed if there is no such commit."""
    call("git", "worktree", "add", "--detach", folder, commit)
    try:
        yield folder
    finally:
        call("git", "worktree", "remove", "--force", folder)


def built(tree: Path, folder: Path, python: str) -> str:
    """Install a tree into a new environment, and return the path of its interpreter. Raises Failed."""
    call(python, "-m", "venv", folder)
    call(folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", tree)
    return str(folder / "bin" / "python")


def positive_rounds(text: str) -> int:
    """Parse a number of rounds that has an interval."""
    number = positive(text)
    if number < intervals.FEWEST_RUNS:
        raise argparse.ArgumentTypeError(f"{number} rounds have no interval: {intervals.FEWEST_RUNS} or more do")
    return number


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py baseline", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("commit", metavar="COMMIT", help="commit to compare with")
    add("--mode", choices=("v1", "v2", "v3"), default="v2", help="mode of both servers (v2)")
    add("--python", default=sys.executable, metavar="PATH", help="Python interpreter of both servers (this one)")
    add("--rounds", type=positive_rounds, default=11, metavar="N", help="measured rounds (11)")
    add("--time", type=seconds, default=1.5, metavar="SECONDS", help="duration of a measurement (1.5)")
    add("--clients", type=clients, default=1000, metavar="N", help="connections of redis-benchmark (1000)")
    add(
        "--types",
        action="store_const",
        dest="tests",
        const=[*BASIC_TESTS, *TYPE_TESTS],
        default=BASIC_TESTS,
        help="measure INCR, MSET and the data types as well",
    )
    made.set_defaults(pypy=None)
    return made


def both_built(commit: str, python: str, folder: Path) -> dict[str, str]:
    """Build the commit and this tree in a folder, and return the interpreter of each. Raises Failed."""
    with worktree(commit, folder / "worktree") as base:
        say(f"building {commit}")
        first = built(base, folder / BASE, python)
    say("building this tree")
    return {BASE: first, TREE: built(REPOSITORY, folder / TREE, python)}


def measured(options: argparse.Namespace) -> Rounds:
    """Build both, and measure new servers of each in every round. Raises Failed."""
    rounds: Rounds = {(side, test): [] for side in (BASE, TREE) for test in options.tests}
    with tempfile.TemporaryDirectory(prefix="tseep-baseline-") as name:
        folder = Path(name)
        pythons = both_built(options.commit, options.python, folder)
        say("warm-up")
        first = one_round(pythons, folder, options, {})
        numbers = {key: int(each.per_second * options.time) for key, each in first.items()}
        for turn in range(options.rounds):
            say(f"round {turn + 1} of {options.rounds}")
            order = dict(list(pythons.items())[:: -1 if turn % 2 else 1])
            for key, each in one_round(order, folder, options, numbers).items():
                rounds[key].append(each)
    return rounds


def one_round(
    pythons: dict[str, str], folder: Path, options: argparse.Namespace, numbers: dict[tuple[str, BenchmarkTest], int]
) -> dict[tuple[str, BenchmarkTest], BenchmarkResult]:
    """Start a server of each side, fill it, and run every test on one after the other. C{numbers} has the requests of
    each test; it is empty in the round that finds them out."""
    done = {}
    with ExitStack() as running:
        servers = {}
        for side, python in pythons.items():
            port = free_port()
            command = tseep_command(python, options.mode, port, options.clients)
            servers[side] = running.enter_context(Server(command, port, cwd=folder))
            fill(
                servers[side], ("SET", "key:__rand_int__", "x" * VALUE_BYTES), FILL_REQUESTS, KEY_SPACE, options.clients
            )
        for test in options.tests:
            for side, server in servers.items():
                number = max(options.clients, numbers.get((side, test), FIRST_REQUESTS))
                benchmark(server, test, max(options.clients, number // WARMUP_DIVISOR), options.clients)
                done[side, test] = benchmark(server, test, number, options.clients)
    return done


def is_slower(found: dict[str, Any]) -> bool:
    """Return whether both the interval and the median of a ratio show a loss."""
    return not (found["low"] <= 1 <= found["high"] or found["median"] >= MIN_RATE_RATIO)


def ratios(rounds: Rounds, test: BenchmarkTest, field: str) -> dict[str, Any]:
    """Return the interval of the ratio of this tree's figure to the base's, round by round."""
    pairs = zip(rounds[TREE, test], rounds[BASE, test])
    return intervals.interval([getattr(one, field) / getattr(other, field) for one, other in pairs])


def report(rounds: Rounds, options: argparse.Namespace) -> tuple[list[str], bool]:
    """Return the table, and whether any test is slower."""
    lines = [
        row(["test", f"{options.commit}, requests/s", "this tree, requests/s", "ratio", "server CPU/request", ""]),
        row(["---", "--:", "--:", "--:", "--:", "---"]),
    ]
    lost = False
    for test in options.tests:
        rates = [intervals.interval([each.per_second for each in rounds[side, test]]) for side in (BASE, TREE)]
        rate, cpu = ratios(rounds, test, "per_second"), ratios(rounds, test, "cpu_us")
        slower = is_slower(rate)
        lost = lost or slower
        cells = [f"{each['median']:,.0f}" for each in rates]
        cells += [f"{each['median']:.2f}x ({each['low']:.2f}x to {each['high']:.2f}x)" for each in (rate, cpu)]
        lines.append(row([test.title, *cells, "SLOWER" if slower else "not slower"]))
    return lines, lost


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    rounds = attempt("stress/study.py baseline", options, options.clients, measured)
    if rounds is None:
        return 2
    lines, lost = report(rounds, options)
    tree = call("git", "describe", "--always", "--dirty")
    how = f"{options.mode}, {tree} compared with {options.commit}"
    what = f"medians of {options.rounds} rounds of {options.time:g} s"
    print("\n".join([f"{where()}. {how}; {what}, ratios round by round with their 95 % intervals.", "", *lines]))
    return 1 if lost else 0
