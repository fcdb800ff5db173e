"""Three sentences that say what came out: who was fastest, what it cost, and what is not certain.

They are made from summaries and differences alone and hold for any outcome: ties are called ties, and errors,
limits and too few runs are always told.
"""

from __future__ import annotations

from collections.abc import Sequence

import words
from measured import CPU, FEW, LOAD, MAIN, MEMORY, P99, RATE, Figure, Measured, Point, point_of

SHOWN = 4  # servers that a sentence names one by one


def sentences(measured: Measured) -> list[str]:
    """Return the three sentences."""
    if not measured.points:
        return ["Nothing was measured: no run came to its end.", unknown_cost(), certainty(measured, None)]
    point = verdict_point(measured)
    first = open_loop(measured, point) if measured.open_loop else closed_loop(measured, point)
    return [first, cost(measured, point), certainty(measured, point)]


def verdict_point(measured: Measured) -> Point:
    """Return the hardest point: most clients, then the highest planned rate."""
    return measured.points[-1]


def where(measured: Measured, point: Point) -> str:
    """Say a point in words: 8,192 connections, 50 of them at work."""
    active = measured.plan["active"]
    return words.plural(point.clients, "connection") + (f", {words.count(active)} of them at work," if active else "")


class Ranking:
    """The servers that have a figure at a point, best first."""

    def __init__(self, measured: Measured, point: Point, figure: Figure, among: Sequence[str] | None = None) -> None:
        self._measured, self._point, self.figure = measured, point, figure
        found = {name: measured.interval(name, point, figure) for name in (among or measured.servers)}
        self.values = {name: each.median for name, each in found.items() if each}
        sign = -1 if figure.more_is_better else 1
        self.names = sorted(self.values, key=lambda name: sign * self.values[name])

    def leaders(self) -> list[str]:
        """Return the best, and those whose difference to it may be chance."""
        best = self.names[0]
        same = self._measured.same
        return [name for name in self.names if name == best or same(self.figure, self._point, best, name)]

    def value(self, name: str) -> str:
        """Say a server's value, and where it can only be more."""
        limited = self._measured.limit(name, self._point) in ("load", "machine")
        least = "at least " if limited and self.figure is RATE else ""
        return least + self.figure.text(self.values[name])

    def listed(self, names: Sequence[str]) -> str:
        """Say servers with their values; of many only the next and the last."""
        return ", ".join(f"{name} {self.value(name)}" for name in few(names))

    def followed(self, names: Sequence[str]) -> str:
        """Say what the others answered, or nothing where there are none."""
        each = [f"{name} {self.value(name)}" for name in few(names)]
        return f"; {words.several(each)}" if each else ""


def few(names: Sequence[str]) -> Sequence[str]:
    """Return the names that a sentence has room for: of many the first and the last."""
    return names if len(names) <= SHOWN else [names[0], names[-1]]


def failed(measured: Measured, name: str, point: Point) -> str:
    """Say that a server had errors at a point, or nothing."""
    errors = sum(measured.errors(name, point).values())
    return f", though with {words.plural(errors, 'error')}" if errors else ""


def closed_loop(measured: Measured, point: Point) -> str:
    """Say who answered the most."""
    rank = Ranking(measured, point, RATE)
    begin = f"With {where(measured, point)} "
    best = rank.names[0]
    if not rank.values[best]:
        return f"{begin}no server answered anything."
    if len(rank.names) == 1:
        text = f"{begin}{best} answered {rank.value(best)} requests a second{soon(measured, best, point)}"
        return f"{text}{failed(measured, best, point)}."
    leaders = rank.leaders()
    text = shared(measured, rank, leaders, point) if len(leaders) > 1 else alone(measured, rank, point)
    return begin + text + elsewhere(measured, leaders, point) + "."


def soon(measured: Measured, name: str, point: Point) -> str:
    """Say within what time 99 of 100 answers of a server came, or nothing where that is not known."""
    p99 = measured.interval(name, point, P99)
    return f", 99 of 100 within {words.time(p99.median)}" if p99 else ""


def alone(measured: Measured, rank: Ranking, point: Point) -> str:
    """Say who is first, by how much, and who follows."""
    best, following, *others = rank.names
    text = f"{best} answered the most requests, {rank.value(best)} a second{failed(measured, best, point)}"
    if not rank.values[following]:
        return f"{text}; {words.several([following, *others])} answered none"
    ratio = words.times(rank.values[best] / rank.values[following])
    return f"{text}, {ratio} as many as {following} ({rank.value(following)}){rank.followed(others)}"


def shared(measured: Measured, rank: Ranking, leaders: list[str], point: Point) -> str:
    """Say that several are first, within chance, and who follows."""
    each = [f"{rank.value(name)}{failed(measured, name, point)}" for name in leaders]
    rest = [name for name in rank.names if name not in leaders]
    verb = "answered the most requests and are too close to call"
    return f"{words.several(leaders)} {verb}, {words.several(each)} a second{rank.followed(rest)}"


def elsewhere(measured: Measured, leaders: list[str], point: Point) -> str:
    """Say that another server was first with the fewest clients, if so."""
    least = measured.points[0]
    if least == point:
        return ""
    rank = Ranking(measured, least, RATE)
    if not rank.names or set(rank.leaders()) & set(leaders):
        return ""
    return f"; with {words.count(least.clients)} it was {rank.names[0]} ({rank.value(rank.names[0])})"


def open_loop(measured: Measured, point: Point) -> str:
    """Say who kept to the plan, and who answered soonest."""
    if measured.plan["pacing"].get("p99_us"):
        return sweep(measured, measured.plan["pacing"]["p99_us"])
    here = [name for name in measured.servers if measured.summary(name, point)]
    kept = [name for name in here if measured.limit(name, point) != "saturated"]
    plan = f"{words.number(point.target or 0)} planned requests a second over {where(measured, point).rstrip(',')}"
    if not kept:
        rank = Ranking(measured, point, RATE)
        return f"None of {plan} could be kept up: {rank.listed(rank.names)} a second." if len(here) > 1 else (
            f"{here[0]} could not keep up with {plan}: it answered {rank.value(here[0])} a second."
        )  # fmt: skip
    behind = [name for name in here if name not in kept]
    late = f"; {words.several(behind)} could not keep up" if behind else ""
    return f"{words.several(kept)} kept up with {plan}{soonest(measured, kept, point)}{late}."


def soonest(measured: Measured, kept: list[str], point: Point) -> str:
    """Say whose answers came soonest."""
    rank = Ranking(measured, point, P99, kept)
    if not rank.names:
        return ""
    errors = failed(measured, rank.names[0], point)
    if len(kept) == 1:
        return f", 99 of 100 answers within {rank.value(rank.names[0])} of their planned time{errors}"
    leaders = rank.leaders()
    rest = [name for name in rank.names if name not in leaders]
    also = f" ({rank.listed(rest)})" if rest else ""
    each = words.several([rank.value(name) for name in leaders])
    return f"; 99 of 100 answers came soonest from {words.several(leaders)}, within {each}{errors}{also}"


def sweep(measured: Measured, p99_us: float) -> str:
    """Say the highest rate of each server that held the p99."""
    held = {name: highest(measured, name, p99_us) for name in measured.servers}
    ranked = sorted((name for name in held if held[name]), key=lambda name: -held[name])
    none = [name for name in measured.servers if not held[name]]
    bound = f"the 99th percentile within {words.time(p99_us)}"
    if not ranked:
        return f"At no rate that was tried was {bound}."
    each = [f"{name} up to {words.number(held[name])}" for name in ranked]
    rest = f"; {words.several(none)} did at no rate that was tried" if none else ""
    return f"Of the planned requests a second, {words.several(each)} were answered with {bound}{rest}."


def highest(measured: Measured, server: str, p99_us: float) -> float:
    """Return the highest planned rate of a server that was reached within the p99; 0 if there is none."""
    found = [(point, measured.interval(server, point, P99)) for point in measured.points]
    return max(
        (point.target or 0.0 for point, p99 in found
         if p99 and p99.median <= p99_us and measured.limit(server, point) != "saturated"),
        default=0.0,
    )  # fmt: skip


def load_cost(measured: Measured, point: Point) -> str:
    """Say whether the load took less CPU for a request than the server that takes least."""
    servers = Ranking(measured, point, CPU)
    load = [each for name in servers.names[:1] if (each := measured.interval(name, point, LOAD))]
    if not load:
        return ""
    least, took = servers.names[0], load[0].median
    more = "less than" if took < servers.values[least] else "no less than"
    return (
        f"It took {words.time(took)} of CPU for a request to {least}, {more} the {servers.value(least)} of that server."
    )


def unknown_cost() -> str:
    """Say that nothing is known of the servers' own figures."""
    return "What that cost the servers is not known, as their own figures could not be read."


def cost(measured: Measured, point: Point) -> str:
    """Say what a request costs of CPU, and a connection of memory."""
    cpu, memory = (Ranking(measured, point, figure) for figure in (CPU, MEMORY))
    parts = [
        *([cheapest(cpu, "a request cost", "CPU")] if cpu.names else []),
        *([cheapest(memory, "an idle connection cost", "memory")] if memory.names else []),
    ]
    if not parts:
        return unknown_cost()
    unknown = [name for name in measured.servers if name not in cpu.names]
    more = f"; of {words.several(unknown)} this is not known" if unknown else ""
    return f"{words.capital(words.several(parts))}{more}."


def cheapest(rank: Ranking, what: str, kind: str) -> str:
    """Say which servers take least."""
    best = rank.names[0]
    if len(rank.names) == 1:
        return f"{what} {best} {rank.value(best)} of {kind}"
    leaders = rank.leaders()
    rest = [name for name in rank.names if name not in leaders]
    also = f" ({rank.listed(rest)})" if rest else ""
    if len(leaders) > 1:
        each = words.several([rank.value(name) for name in leaders])
        return f"{what} {words.several(leaders)} about the same {kind}, {each}{also}"
    return f"{what} {best} the least {kind}, {rank.value(best)}{also}"


def certainty(measured: Measured, point: Point | None) -> str:
    """Say what is wrong or not certain: errors, limits, too few runs, differences that may be chance."""
    troubles = [*errors(measured), *limits(measured)]
    pace = "every plan was kept" if measured.open_loop else "it was the servers that set the pace"
    fine = [] if troubles or point is None else [f"no request failed, and {pace}"]
    return words.capital("; ".join([*troubles, *fine, *([runs(measured, point)] if point else [])])) + "."


def errors(measured: Measured) -> list[str]:
    """Say which servers had errors, of which kinds."""
    names = dict.fromkeys(run["server"] for run in measured.document["runs"])
    each = []
    for name in names:
        found = measured.errors(name)
        if found:
            kinds = ", ".join(f"{words.count(number)} {kind}" for kind, number in found.most_common())
            each.append(f"{name} {words.count(sum(found.values()))} ({kinds})")
    return [f"errors: {words.several(each)}"] if each else []


LIMITS = {
    "load": "the load and not the server set the pace of",
    "machine": "the machine was full and set the pace of",
    "saturated": "more was planned than was done by",
}


def limits(measured: Measured) -> list[str]:
    """Say which figures are not the servers' own limits."""
    said = []
    for kind, text in LIMITS.items():
        each = [limited(measured, name, kind) for name in measured.servers]
        if any(each):
            said.append(f"{text} {words.several([one for one in each if one])}")
    return said


def limited(measured: Measured, name: str, kind: str) -> str:
    """Say where a server was limited in a way; nothing if nowhere."""
    own = [point for point in measured.points if measured.summary(name, point)]
    found = [point for point in own if measured.limit(name, point) == kind]
    if not found:
        return ""
    if len(found) == len(own):
        return f"{name} throughout" if len(own) > 1 else name
    rates = {point.target for point in own}
    places = [words.number(p.target or 0) if len(rates) > 1 else words.count(p.clients) for p in found]
    return f"{name} at {words.several(places)}" + (" a second" if len(rates) > 1 else "")


def runs(measured: Measured, point: Point | None) -> str:
    """Say how many runs there were, and what that allows to say."""
    number = measured.fewest_runs
    each = f"with {words.plural(number, 'run')} of each"
    if number < FEW:
        single = f"{each} it cannot be told how much the figures vary"
        return f"{each} differences are not certain" if len(measured.servers) > 1 else single
    main = {figure.name for figure in MAIN}
    here = [each for each in measured.document["differences"] if each["figure"] in main and point_of(each) == point]
    real = sum(found["real"] is True for found in here)
    if not here:
        return f"{each}, medians and their 95 % intervals are given"
    first = {found["other"] for found in here}
    to = f" to {first.pop()}" if len(first) == 1 else ""
    of = "all" if real == len(here) else f"{real} of {len(here)}"
    return f"{each}, {of} differences{to} in rate, latency, CPU and memory here are larger than chance"
