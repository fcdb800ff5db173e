"""Three sentences that say what came out: who was fastest, what it cost, and what is not certain.

They are made from summaries and differences alone and hold for any outcome: ties are called ties, and errors,
limits and too few runs are always told.
"""

from __future__ import annotations

from collections.abc import Sequence

from report import units
from report.lookup import CPU, FEWEST_RUNS, LOAD, MAIN_FIGURES, MEMORY, P99, RATE, Figure, Measured, Point, point_of
from rig.result import KEPT_PLAN_SHARE

MAX_NAMED_SERVERS = 4  # servers that a sentence names one by one


def sentences(measured: Measured) -> list[str]:
    """Return the three sentences."""
    if not measured.points:
        none = (
            f"No rate that was tried {within(measured)}"
            if measured.whole["runs"]
            else "Nothing was measured: no run ended"
        )
        return [f"{none}.", unknown_cost(), certainty(measured, None)]
    point = verdict_point(measured)
    planned = measured.open_loop and not measured.bound
    first = open_loop(measured, point) if planned else closed_loop(measured, point)
    return [first, cost(measured, point), certainty(measured, point)]


def verdict_point(measured: Measured) -> Point:
    """Return the hardest point: most clients, then the highest planned rate."""
    return measured.points[-1]


def where(measured: Measured, point: Point) -> str:
    """Say a point in words: 8,192 connections, 50 of them at work."""
    active = measured.plan["active"]
    return units.plural(point.clients, "connection") + (f", {units.count(active)} of them at work," if active else "")


def within(measured: Measured) -> str:
    """Say what a sweep looked for."""
    return f"had 99 of 100 answers within {units.time(measured.bound or 0.0)}"


def unanswered(measured: Measured, point: Point) -> str:
    """Say which servers a sweep has no answer for, or nothing."""
    none = [each["name"] for each in measured.whole["servers"] if not measured.summary(each["name"], point)]
    return f"; no rate that was tried {within(measured)} from {units.several(none)}" if measured.bound and none else ""


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
        """Say a server's value."""
        return self.figure.text(self.values[name])

    def bound(self, name: str) -> str:
        """Say a server's rate, and where it can only be more."""
        limited = self._measured.limit(name, self._point) in ("load", "machine")
        return f"at least {self.value(name)}" if limited else self.value(name)

    def listed(self, names: Sequence[str]) -> str:
        """Say servers with their values; of many only the next and the last."""
        return ", ".join(f"{name} {self.value(name)}" for name in few(names))

    def followed(self, names: Sequence[str]) -> str:
        """Say what the others answered, or nothing where there are none."""
        each = [f"{name} {self.bound(name)}" for name in few(names)]
        return f"; {units.several(each)}" if each else ""


def few(names: Sequence[str]) -> Sequence[str]:
    """Return the names that a sentence has room for: of many the first and the last."""
    return names if len(names) <= MAX_NAMED_SERVERS else [names[0], names[-1]]


def failed(measured: Measured, name: str, point: Point) -> str:
    """Say that a server had errors at a point, or nothing."""
    errors = sum(measured.errors(name, point).values())
    return f", though with {units.plural(errors, 'error')}" if errors else ""


def closed_loop(measured: Measured, point: Point) -> str:
    """Say who answered the most."""
    rank = Ranking(measured, point, RATE)
    soon_enough = f"and 99 of 100 answers within {units.time(measured.bound)} " if measured.bound else ""
    begin = f"With {where(measured, point)} {soon_enough}"
    best = rank.names[0]
    if not rank.values[best]:
        return f"{begin}no server answered anything."
    if len(rank.names) == 1:
        text = f"{begin}{best} answered {rank.bound(best)} requests a second{soon(measured, best, point)}"
        return f"{text}{failed(measured, best, point)}{unanswered(measured, point)}."
    leaders = rank.leaders()
    text = shared(measured, rank, leaders, point) if len(leaders) > 1 else alone(measured, rank, point)
    return begin + text + elsewhere(measured, leaders, point) + unanswered(measured, point) + "."


def soon(measured: Measured, name: str, point: Point) -> str:
    """Say within what time 99 of 100 answers of a server came, or nothing where that is not known."""
    p99 = measured.interval(name, point, P99)
    return f", 99 of 100 within {units.time(p99.median)}" if p99 else ""


def alone(measured: Measured, rank: Ranking, point: Point) -> str:
    """Say who is first, by how much, and who follows."""
    best, following, *others = rank.names
    text = f"{best} answered the most requests, {rank.bound(best)} a second{failed(measured, best, point)}"
    if not rank.values[following]:
        return f"{text}; {units.several([following, *others])} answered none"
    ratio = units.times(rank.values[best] / rank.values[following])
    return f"{text}, {ratio} as many as {following} ({rank.bound(following)}){rank.followed(others)}"


def shared(measured: Measured, rank: Ranking, leaders: list[str], point: Point) -> str:
    """Say that several are first, within chance, and who follows."""
    bounds = [rank.bound(name) for name in leaders]
    if all(each.startswith("at least ") for each in bounds):
        bounds[1:] = [rank.value(name) for name in leaders[1:]]
    each = [f"{bound}{failed(measured, name, point)}" for bound, name in zip(bounds, leaders)]
    rest = [name for name in rank.names if name not in leaders]
    most = "answered the most requests and " if rest else ""
    rates = f"{units.several(each)} requests a second"
    return f"{units.several(leaders)} {most}are too close to call, {rates}{rank.followed(rest)}"


def elsewhere(measured: Measured, leaders: list[str], point: Point) -> str:
    """Say that another server was first with the fewest clients, if so."""
    least = measured.points[0]
    if least == point:
        return ""
    rank = Ranking(measured, least, RATE)
    if not rank.names or set(rank.leaders()) & set(leaders):
        return ""
    return f"; with {units.count(least.clients)} it was {rank.names[0]} ({rank.bound(rank.names[0])})"


def open_loop(measured: Measured, point: Point) -> str:
    """Say who kept to the plan, and who answered soonest."""
    here = [name for name in measured.servers if measured.interval(name, point, RATE)]
    on_time = [name for name in here if kept(measured, name, point)]
    plan = f"{units.number(point.target or 0)} planned requests a second over {where(measured, point).rstrip(',')}"
    late = behind(measured, [name for name in here if name not in on_time], point)
    if not on_time:
        return f"{late} with {plan}."
    return f"{units.several(on_time)} kept up with {plan}{soonest(measured, on_time, point)}{late and '; '}{late}."


def kept(measured: Measured, name: str, point: Point) -> bool:
    """Whether a server answered as many requests as were planned."""
    rate = measured.interval(name, point, RATE)
    done = rate is not None and rate.median >= KEPT_PLAN_SHARE * (point.target or 0.0)
    return done and measured.limit(name, point) != "saturated"


def behind(measured: Measured, names: Sequence[str], point: Point) -> str:
    """Say who could not keep up, and what they did; nothing where all could."""
    rank = Ranking(measured, point, RATE, names) if names else None
    each = [f"{name} ({rank.value(name)} a second)" for name in rank.names] if rank else []
    return f"{units.several(each)} could not keep up" if each else ""


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
    each = units.several([rank.value(name) for name in leaders])
    return f"; 99 of 100 answers came soonest from {units.several(leaders)}, within {each}{errors}{also}"


def load_cost(measured: Measured, point: Point) -> str:
    """Say whether the load took less CPU for a request than the server that takes least."""
    servers = Ranking(measured, point, CPU)
    load = [each for name in servers.names[:1] if (each := measured.interval(name, point, LOAD))]
    if not load:
        return ""
    least, took = servers.names[0], load[0].median
    more = "less than" if took < servers.values[least] else "no less than"
    return (
        f"It took {units.time(took)} of CPU for a request to {least}, {more} the {servers.value(least)} of that server."
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
    more = f"; of {units.several(unknown)} this is not known" if unknown else ""
    return f"{units.capital(units.several(parts))}{more}."


def cheapest(rank: Ranking, what: str, kind: str) -> str:
    """Say which servers take least."""
    best = rank.names[0]
    if len(rank.names) == 1:
        return f"{what} {best} {rank.value(best)} of {kind}"
    leaders = rank.leaders()
    rest = [name for name in rank.names if name not in leaders]
    also = f" ({rank.listed(rest)})" if rest else ""
    if len(leaders) > 1:
        each = units.several([rank.value(name) for name in leaders])
        return f"{what} {units.several(leaders)} about the same {kind}, {each}{also}"
    return f"{what} {best} the least {kind}, {rank.value(best)}{also}"


def certainty(measured: Measured, point: Point | None) -> str:
    """Say what is wrong or not certain: errors, limits, too few runs, differences that may be chance."""
    troubles = [*errors(measured), *limits(measured)]
    pace = (
        "every plan was kept" if measured.open_loop and not measured.bound else "it was the servers that set the pace"
    )
    fine = [] if troubles or point is None else [f"no request failed, and {pace}"]
    return units.capital("; ".join([*troubles, *fine, *([runs(measured, point)] if point else [])])) + "."


def errors(measured: Measured) -> list[str]:
    """Say which servers had errors, of which kinds."""
    names = dict.fromkeys(run["server"] for run in measured.whole["runs"])
    each = []
    for name in names:
        found = measured.errors(name)
        if found:
            kinds = ", ".join(f"{units.count(number)} {kind}" for kind, number in found.most_common())
            each.append(f"{name} {units.count(sum(found.values()))} ({kinds})")
    return [f"errors: {units.several(each)}"] if each else []


LIMITS = {
    "load": "the load and not the server set the pace of",
    "machine": "the machine was full and set the pace of",
    "saturated": "more was planned than was done by",
}


def limits(measured: Measured) -> list[str]:
    """Say which figures are not the servers' own limits."""
    said = []
    for kind, text in LIMITS.items():
        places = {name: limited(measured, name, kind) for name in measured.servers}
        always = [name for name, each in places.items() if each is None]
        if len(always) == len(measured.servers):
            said.append(f"{text} all servers")
        elif any(each != [] for each in places.values()):
            said.append(f"{text} {listed(always, {name: each for name, each in places.items() if each})}")
    return said


def limited(measured: Measured, name: str, kind: str) -> list[str] | None:
    """Return the points at which a server was limited in a way; None if it was at all of its points."""
    own = [point for point in measured.points if measured.summary(name, point)]
    found = [point for point in own if measured.limit(name, point) == kind]
    if len(found) == len(own):
        return None
    several = len({point.target for point in own}) > 1
    return [f"{units.number(p.target or 0)}/s" if several else units.count(p.clients) for p in found]


def listed(always: Sequence[str], places: dict[str, list[str] | None]) -> str:
    """Join servers with those that something holds for at some points only."""
    throughout = [f"{units.several(always)}{' throughout' if places else ''}"] if always else []
    return units.several([*throughout, *(f"{name} at {units.several(each or [])}" for name, each in places.items())])


def runs(measured: Measured, point: Point | None) -> str:
    """Say how many runs there were, and what that allows to say."""
    number = measured.fewest_runs
    each = f"with {units.plural(number, 'run')} of each"
    if number < FEWEST_RUNS:
        single = f"{each} it cannot be told how much the figures vary"
        return f"{each} differences are not certain" if len(measured.servers) > 1 else single
    main = {figure.name for figure in MAIN_FIGURES}
    here = [each for each in measured.document["differences"] if each["figure"] in main and point_of(each) == point]
    real = sum(found["real"] is True for found in here)
    if not here:
        return f"{each}, medians and their 95 % intervals are given"
    first = {found["other"] for found in here}
    to = f" to {first.pop()}" if len(first) == 1 else ""
    of = "all" if real == len(here) else f"{real} of {len(here)}"
    return f"{each}, {of} differences{to} in rate, latency, CPU and memory here are larger than chance"
