"""The latency monitor: the subcommands of LATENCY (https://redis.io/docs/latest/commands/latency/)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tseep.errors import CommandError
from tseep.registry.table import Command, CommandStats, command, iter_commands
from tseep.replies import Reply, Verbatim
from tseep.telemetry.latency import Event

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

_WIDEST_BAR = 60


@command("LATENCY LATEST")
def latency_latest(session: Session, argv: list[bytes]) -> Reply:
    events = session.server.latency.events
    return [[name.encode(), *event.samples[-1], event.worst] for name, event in events.items()]


@command("LATENCY HISTORY")
def latency_history(session: Session, argv: list[bytes]) -> Reply:
    event = _event(session.server, argv[2])
    return [] if event is None else [list(sample) for sample in event.samples]


def _event(server: Server, name: bytes) -> Event | None:
    return server.latency.events.get(name.decode("utf-8", "replace"))


@command("LATENCY RESET")
def latency_reset(session: Session, argv: list[bytes]) -> Reply:
    return session.server.latency.reset([name.decode("utf-8", "replace") for name in argv[2:]])


@command("LATENCY HISTOGRAM")
def latency_histogram(session: Session, argv: list[bytes]) -> Reply:
    commands = session.server.table.commands
    if session.server.config["latency-tracking"] == "no":
        return {}
    chosen = [entry for name in argv[2:] for entry in _family(commands, name.lower())]
    entries = chosen if len(argv) > 2 else iter_commands(commands)
    return {entry.name: _distribution(entry.calls) for entry in entries if entry.calls.count}


def _family(commands: dict[bytes, Command], name: bytes) -> Iterable[Command]:
    """Return the command of a name and its subcommands, or the one subcommand; nothing for an unknown name."""
    first, _, second = name.partition(b"|")
    entry = commands.get(first)
    if entry is None:
        return []
    if not second:
        return [entry, *entry.subcommands.values()]
    return [entry.subcommands[second]] if second in entry.subcommands else []


def _distribution(calls: CommandStats) -> dict[bytes, Reply]:
    """Return the cumulative numbers of calls that lasted at most 1, 2, 4, ... microseconds."""
    histogram: dict[int, int] = {}
    total = 0
    for bucket, count in enumerate(calls.buckets):
        if count:
            total += count
            histogram[max(1, 2**bucket // 1000)] = total
    return {b"calls": total, b"histogram_usec": histogram}


@command("LATENCY GRAPH")
def latency_graph(session: Session, argv: list[bytes]) -> Reply:
    event = _event(session.server, argv[2])
    if event is None:
        raise CommandError(b"ERR No samples available for event '%b'" % argv[2])
    return Verbatim(argv[2] + b"\n" + _draw(event, int(session.server.clock())).encode())


def _draw(event: Event, now: int) -> str:
    """Return a line for each sample: age, latency, and a bar whose length is proportional to the latency."""
    most = max(milliseconds for _, milliseconds in event.samples)
    lines = []
    for second, milliseconds in event.samples:
        bar = "#" * max(1, milliseconds * _WIDEST_BAR // max(most, 1))
        lines.append(f"{now - second:>8} s ago {milliseconds:>8} ms {bar}\n")
    return "".join(lines)


@command("LATENCY DOCTOR")
def latency_doctor(session: Session, argv: list[bytes]) -> Reply:
    monitor = session.server.latency
    if not monitor.threshold and not monitor.events:
        text = "The latency monitor is disabled. Enable it with CONFIG SET latency-monitor-threshold <milliseconds>.\n"
    elif not monitor.events:
        text = f"No latency of {monitor.threshold} ms or more was observed.\n"
    else:
        findings = [_diagnose(name, event) for name, event in monitor.events.items()]
        text = "".join(findings) + "".join([_ADVICE[name] for name in monitor.events if name in _ADVICE])
    return Verbatim(text.encode())


def _diagnose(name: str, event: Event) -> str:
    times = [milliseconds for _, milliseconds in event.samples]
    average = sum(times) / len(times)
    deviation = sum(abs(time - average) for time in times) / len(times)
    return (
        f"{name}: {len(times)} latency spikes (average {average:.0f} ms, mean deviation {deviation:.0f} ms); "
        f"worst ever: {event.worst} ms.\n"
    )


_ADVICE = {
    "command": "SLOWLOG GET lists slow commands. Use commands that do less per call, such as SCAN instead of KEYS.\n",
    "fast-command": "Fast commands are delayed by other causes: a lack of processor time or memory, or Python's\n"
    "garbage collector.\n",
    "expire-cycle": "Many keys expire at the same time: vary their times to live.\n",
}
