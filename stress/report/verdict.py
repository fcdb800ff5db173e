"""The three sentences at the top of a page: rates, costs, and how certain they are.

They are derived from summaries and differences alone and hold for any outcome: ties are called ties, and errors, limits
and too few runs are always mentioned.
"""

from __future__ import annotations

from collections.abc import Sequence

from report import units
from report.intervals import FEWEST_RUNS
from report.lookup import CPU, LOAD, MAIN_FIGURES, MEMORY, P99, RATE, Figure, Measured, Point, point_of
from report.table import CHECK_SECONDS, DISTURBED_SHARE, SPREAD
from rig.result import KEPT_PLAN_SHARE

MAX_NAMED_SERVERS = 4  # in a sentence


def sentences(measured: Measured) -> list[str]:
    """Return the three sentences on rates, costs and certainty."""
    if not measured.points:
        none = (
            f"No tested rate had {bounded_p99(measured)}"
            if measured.whole["runs"]
            else "There are no results: no run was completed"
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
    """Return a point in words: 8,192 connections, 50 of them active."""
    active = measured.plan["active"]
    return units.plural(point.clients, "connection") + (f", {units.count(active)} of them active," if active else "")


def bounded_p99(measured: Measured) -> str:
    """Return the bound of a sweep in words."""
    return f"a p99 within {units.time(measured.bound or 0.0)}"


def unanswered(measured: Measured, point: Point) -> str:
    """Return which servers held a sweep's bound at no rate; empty without any."""
    none = [each["name"] for each in measured.whole["servers"] if not measured.summary(each["name"], point)]
    return f"; {units.several(none)} had {bounded_p99(measured)} at no tested rate" if measured.bound and none else ""


class Ranking:
    """The servers that have a figure at a point, the best one first."""

    def __init__(self, measured: Measured, point: Point, figure: Figure, among: Sequence[str] | None = None) -> None:
        self._measured, self._point, self.figure = measured, point, figure
        found = {name: measured.interval(name, point, figure) for name in (among or measured.servers)}
        self.values = {name: each.median for name, each in found.items() if each}
        sign = -1 if figure.more_is_better else 1
        self.names = sorted(self.values, key=lambda name: sign * self.values[name])

    def leaders(self) -> list[str]:
        """Return the best server, and those that do not differ significantly from it."""
        best = self.names[0]
        same = self._measured.same
        return [name for name in self.names if name == best or same(self.figure, self._point, best, name)]

    def value(self, name: str) -> str:
        return self.figure.text(self.values[name])

    def bound(self, name: str) -> str:
        """Return a server's rate, "at least" if something else limited it."""
        limited = self._measured.limit(name, self._point) in ("load", "machine")
        return f"at least {self.value(name)}" if limited else self.value(name)

    def listed(self, names: Sequence[str]) -> str:
        """Return servers with their values; of many only the first and the last."""
        return ", ".join(f"{name} {self.value(name)}" for name in few(names))

    def followed(self, names: Sequence[str]) -> str:
        """Return the rates of the servers behind the leaders; empty without any."""
        each = [f"{name} {self.bound(name)}" for name in few(names)]
        return f"; {units.several(each)}" if each else ""


def few(names: Sequence[str]) -> Sequence[str]:
    """Return the names that a sentence has room for: of many the first and the last."""
    return names if len(names) <= MAX_NAMED_SERVERS else [names[0], names[-1]]


def failed(measured: Measured, name: str, point: Point) -> str:
    """Return a server's errors at a point; empty without any."""
    errors = sum(measured.errors(name, point).values())
    return f", with {units.plural(errors, 'error')}" if errors else ""


def closed_loop(measured: Measured, point: Point) -> str:
    """Return the sentence on rates in a closed loop."""
    rank = Ranking(measured, point, RATE)
    bound = f"and {bounded_p99(measured)} " if measured.bound else ""
    begin = f"With {where(measured, point)} {bound}"
    best = rank.names[0]
    if not rank.values[best]:
        return f"{begin}no server answered any request."
    if len(rank.names) == 1:
        text = f"{begin}{best} had a rate of {rank.bound(best)} requests/s{p99_of(measured, best, point)}"
        return f"{text}{failed(measured, best, point)}{unanswered(measured, point)}."
    leaders = rank.leaders()
    text = shared(measured, rank, leaders, point) if len(leaders) > 1 else alone(measured, rank, point)
    return begin + text + elsewhere(measured, leaders, point) + unanswered(measured, point) + "."


def p99_of(measured: Measured, name: str, point: Point) -> str:
    """Return the p99 of a server; empty if it is unknown."""
    p99 = measured.interval(name, point, P99)
    return f" and {a_p99(measured)} of {units.time(p99.median)}" if p99 else ""


def a_p99(measured: Measured) -> str:
    """Return the name of a p99 of a figure: with several runs it is their median, not that of all answers."""
    return "a median p99" if measured.most_runs > 1 else "a p99"


def alone(measured: Measured, rank: Ranking, point: Point) -> str:
    """Return the leader, its ratio to the next server, and the others."""
    best, following, *others = rank.names
    text = f"{best} had the highest rate, {rank.bound(best)} requests/s{failed(measured, best, point)}"
    if not rank.values[following]:
        return f"{text}; {units.several([following, *others])} answered no request"
    ratio = units.times(rank.values[best] / rank.values[following])
    return f"{text}, {ratio} {following} ({rank.bound(following)}){rank.followed(others)}"


def shared(measured: Measured, rank: Ranking, leaders: list[str], point: Point) -> str:
    """Return the leaders that do not differ significantly, and the others."""
    bounds = [rank.bound(name) for name in leaders]
    if all(each.startswith("at least ") for each in bounds):
        bounds[1:] = [rank.value(name) for name in leaders[1:]]
    each = [f"{bound}{failed(measured, name, point)}" for bound, name in zip(bounds, leaders)]
    rest = [name for name in rank.names if name not in leaders]
    highest = "had the highest rates, which do" if rest else "had rates that do"
    rates = f"{units.several(each)} requests/s"
    return f"{units.several(leaders)} {highest} not differ significantly, {rates}{rank.followed(rest)}"


def elsewhere(measured: Measured, leaders: list[str], point: Point) -> str:
    """Return the leader with the fewest clients, if it is another one."""
    least = measured.points[0]
    if least == point:
        return ""
    rank = Ranking(measured, least, RATE)
    if not rank.names or set(rank.leaders()) & set(leaders):
        return ""
    return f"; with {units.count(least.clients)} it was {rank.names[0]} ({rank.bound(rank.names[0])})"


def open_loop(measured: Measured, point: Point) -> str:
    """Return the sentence on which servers kept to the plan, and their latency."""
    here = [name for name in measured.servers if measured.interval(name, point, RATE)]
    on_time = [name for name in here if kept(measured, name, point)]
    plan = f"the plan of {units.number(point.target or 0)} requests/s over {where(measured, point).rstrip(',')}"
    late = behind(measured, [name for name in here if name not in on_time], point)
    if not on_time:
        return f"{late} {plan}."
    fell = f"; {late} it" if late else ""
    return f"{units.several(on_time)} kept {plan}{lowest_p99(measured, on_time, point)}{fell}."


def kept(measured: Measured, name: str, point: Point) -> bool:
    """Return whether a server answered as many requests as were planned."""
    rate = measured.interval(name, point, RATE)
    done = rate is not None and rate.median >= KEPT_PLAN_SHARE * (point.target or 0.0)
    return done and measured.limit(name, point) != "saturated"


def behind(measured: Measured, names: Sequence[str], point: Point) -> str:
    """Return the servers that fell behind the plan, with their rates; empty without any."""
    rank = Ranking(measured, point, RATE, names) if names else None
    each = [f"{name} ({rank.value(name)} requests/s)" for name in rank.names] if rank else []
    return f"{units.several(each)} fell behind" if each else ""


def lowest_p99(measured: Measured, kept: list[str], point: Point) -> str:
    """Return which servers had the lowest p99."""
    rank = Ranking(measured, point, P99, kept)
    if not rank.names:
        return ""
    errors = failed(measured, rank.names[0], point)
    if len(kept) == 1:
        return f", with {a_p99(measured)} of {rank.value(rank.names[0])} from the planned start{errors}"
    leaders = rank.leaders()
    rest = [name for name in rank.names if name not in leaders]
    also = f" ({rank.listed(rest)})" if rest else ""
    each = units.several([rank.value(name) for name in leaders])
    lowest = a_p99(measured).replace("a ", "the lowest ")
    return f"; {units.several(leaders)} had {lowest}, {each}{errors}{also}"


def load_cost(measured: Measured, point: Point) -> str:
    """Return whether the load used less CPU per request than the cheapest server."""
    servers = Ranking(measured, point, CPU)
    load = [each for name in servers.names[:1] if (each := measured.interval(name, point, LOAD))]
    if not load:
        return ""
    least, cpu = servers.names[0], load[0].median
    more = "less than" if cpu < servers.values[least] else "no less than"
    return f"It used {units.time(cpu)} of CPU per request to {least}, {more} the {servers.value(least)} of that server."


def unknown_cost() -> str:
    """Return the sentence on costs if no server's process could be observed."""
    return "The servers' costs are unknown, as their processes could not be observed."


def cost(measured: Measured, point: Point) -> str:
    """Return the sentence on CPU per request and memory per connection."""
    cpu, memory = (Ranking(measured, point, figure) for figure in (CPU, MEMORY))
    parts = [
        *([cheapest(cpu, "CPU per request")] if cpu.names else []),
        *([cheapest(memory, "memory per idle connection")] if memory.names else []),
    ]
    if not parts:
        return unknown_cost()
    unknown = [name for name in measured.servers if name not in cpu.names]
    more = [f"the costs of {units.several(unknown)} are unknown"] if unknown else []
    return f"{'; '.join([*parts, *more])}."


def cheapest(rank: Ranking, what: str) -> str:
    """Return which servers used least of a resource."""
    best = rank.names[0]
    if len(rank.names) == 1:
        return f"{best} used {rank.value(best)} of {what}"
    leaders = rank.leaders()
    rest = [name for name in rank.names if name not in leaders]
    also = f" ({rank.listed(rest)})" if rest else ""
    if len(leaders) > 1:
        each = units.several([rank.value(name) for name in leaders])
        least = (
            f"used the least {what} and do not differ significantly"
            if rest
            else f"do not differ significantly in {what}"
        )
        return f"{units.several(leaders)} {least}, {each}{also}"
    return f"{best} used the least {what}, {rank.value(best)}{also}"


def certainty(measured: Measured, point: Point | None) -> str:
    """Return the sentence on errors, limits, too few runs, and the significance of the differences."""
    troubles = [*errors(measured), *limits(measured), *(doubts(measured, point) if point else [])]
    pace = "every plan was kept" if measured.open_loop and not measured.bound else "the servers were the limit"
    fine = [] if troubles or point is None else [f"no request failed, and {pace}"]
    known = [*troubles, *fine, *([runs(measured, point)] if point else [])]
    return units.capital("; ".join(known or ["there are no figures to compare"])) + "."


def errors(measured: Measured) -> list[str]:
    """Return which servers had errors, of which kinds."""
    names = dict.fromkeys(run["server"] for run in measured.whole["runs"])
    each = []
    for name in names:
        found = measured.errors(name)
        if found:
            kinds = ", ".join(f"{units.count(number)} {kind}" for kind, number in found.most_common())
            each.append(f"{name} {units.count(sum(found.values()))} ({kinds})")
    return [f"errors: {units.several(each)}"] if each else []


def doubts(measured: Measured, point: Point) -> list[str]:
    """Return why the figures at a point say little: runs that are too short or too different, other programs."""
    runs = {name: measured.runs(name, point) for name in measured.servers}
    every = [run for each in runs.values() for run in each]
    found = []
    longest = max((run["operations"]["seconds"] for run in every), default=CHECK_SECONDS)
    if longest < CHECK_SECONDS:
        found.append(f"the runs took {units.time(longest * 1e6)}, which checks replies and measures no rates")
    others = max((run.get("others_share") or 0.0 for run in every), default=0.0)
    if others >= DISTURBED_SHARE:
        found.append(f"other programs used up to {units.share(others)} of the machine")
    for name, each in runs.items():
        rates = [run["operations"]["per_second"] for run in each]
        if rates and min(rates) and max(rates) >= SPREAD * min(rates):
            found.append(f"the rates of {name} differ by {units.times(max(rates) / min(rates))} between runs")
    return [*found, *(unheld(measured, point) if measured.bound else [])]


def unheld(measured: Measured, point: Point) -> list[str]:
    """Return the servers that held a sweep's bound in some of the repeats only."""
    found = []
    for name in measured.servers:
        all_runs = measured.whole["runs"]
        tried = {run["repeat"] for run in all_runs if (run["server"], run["clients"]) == (name, point.clients)}
        held = len(measured.runs(name, point))
        if held < len(tried):
            found.append(f"{name} held the bound in {held} of {units.plural(len(tried), 'repeat')}")
    return found


LIMITS = {
    "load": "the load limited",
    "machine": "the full machine limited",
    "saturated": "the plan exceeded the capacity of",
    "ended": "the process ended during the runs of",
}


def limits(measured: Measured) -> list[str]:
    """Return which figures something other than the server limited."""
    found = []
    for kind, text in LIMITS.items():
        places = {name: limited(measured, name, kind) for name in measured.servers}
        always = [name for name, each in places.items() if each is None]
        if always and len(always) == len(measured.servers):
            found.append(f"{text} all servers")
        elif any(each != [] for each in places.values()):
            found.append(f"{text} {listed(always, {name: each for name, each in places.items() if each})}")
    return found


def limited(measured: Measured, name: str, kind: str) -> list[str] | None:
    """Return the points at which a server was limited in a way; None if it was at all of its points."""
    own = [point for point in measured.points if measured.summary(name, point)]
    found = [point for point in own if measured.limit(name, point) == kind]
    if len(found) == len(own):
        return None
    several = len({point.target for point in own}) > 1
    return [f"{units.number(p.target or 0)}/s" if several else units.count(p.clients) for p in found]


def listed(always: Sequence[str], places: dict[str, list[str] | None]) -> str:
    """Join servers with those that were limited at some points only."""
    throughout = [f"{units.several(always)}{' at all points' if places else ''}"] if always else []
    return units.several([*throughout, *(f"{name} at {units.several(each or [])}" for name, each in places.items())])


def runs(measured: Measured, point: Point | None) -> str:
    """Return the number of runs, and what it implies for the certainty."""
    number = measured.fewest_runs
    each = f"with {units.plural(number, 'run')} of each server"
    if number < FEWEST_RUNS:
        unknown = "the significance of differences" if len(measured.servers) > 1 else "the variation of the figures"
        return f"{each} {unknown} is unknown"
    main = {figure.name for figure in MAIN_FIGURES}
    here = [each for each in measured.document["differences"] if each["figure"] in main and point_of(each) == point]
    real = sum(found["real"] is True for found in here)
    if not here:
        return f"{each}, the figures are medians with 95 % intervals"
    first = {found["other"] for found in here}
    to = f" to {first.pop()}" if len(first) == 1 else ""
    of = "all" if real == len(here) else f"{real} of {len(here)}"
    return f"{each}, {of} differences{to} in rate, latency, CPU and memory here are significant"
