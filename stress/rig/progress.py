"""The progress of runs on standard error: bars on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from rig.result import RunSpec

if TYPE_CHECKING:
    from typing_extensions import Self

LINES_PER_PHASE = 4

Report = Callable[[int], None]
"""Called with the number of completed steps."""


class Progress:
    """Shows the runs and their phases inside C{with}."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
        )
        self._bars = Bars(
            *columns,
            console=self._console,
            transient=True,
            refresh_per_second=4,  # drawing uses CPU of the measured machine
            disable=not self._console.is_terminal,
        )
        self._began = self._run_began = time.monotonic()
        self._number, self._total = 0, 1
        self._all = self._bars.add_task("runs", total=1, status="", visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def run(self, number: int, total: int, spec: RunSpec) -> None:
        """Start a run; C{number} counts from 0."""
        self._number, self._total, self._run_began = number, total, time.monotonic()
        self._bars.update(self._all, total=total, completed=number, visible=total > 1)
        self._update()
        if self._bars.disable and total > 1:
            self.say(f"{self._status()}: {spec.server}, {spec.clients:,} clients")

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, soft_wrap=True)

    def _status(self) -> str:
        """Return the number of this run, and the remaining time estimated from the runs before it."""
        status, number = f"run {self._number + 1} of {self._total}", self._number
        if not number:
            return status
        each = (self._run_began - self._began) / number
        left = max(0.0, each * (self._total - number) - (time.monotonic() - self._run_began))
        return f"{status}, {clock(left)} left"

    def _update(self) -> None:
        self._bars.update(self._all, status=self._status())

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Report]:
        """Show a phase of C{total} steps inside C{with}, from the yielded function's calls."""
        task = self._bars.add_task(name, total=total, status="")
        lines = 0

        def report(done: int) -> None:
            nonlocal lines
            self._bars.update(task, completed=done, status=f"{done:,} of {total:,}")
            self._update()
            due = LINES_PER_PHASE * done // total
            if self._bars.disable and due > lines:
                lines = due
                self.say(f"{name}: {done:,} of {total:,}")

        yield report
        self._bars.remove_task(task)

    @contextmanager
    def work(self, name: str, asked: int | None, seconds: float, start_ns: int) -> Iterator[Report]:
        """Show the operate phase inside C{with}: C{asked} answers, or C{seconds} from a monotonic time."""
        if asked is not None:
            with self.phase(name, asked) as report:
                yield report
            return
        task = self._bars.add_task(name, total=seconds, status="")
        then, before, rate, lines = start_ns, 0, 0.0, 0

        def report_answers(done: int) -> None:
            nonlocal then, before, rate, lines
            now = time.monotonic_ns()
            if now - then > 10**9:
                rate, then, before = (done - before) / (now - then) * 1e9, now, done
                at = (now - start_ns) / 1e9
                if self._bars.disable and LINES_PER_PHASE * at / seconds >= lines + 1:
                    lines = int(LINES_PER_PHASE * at / seconds)
                    self.say(f"{name}: {at:.0f} of {seconds:g} s, {rate:,.0f}/s")
            self._bars.update(task, completed=max(0, now - start_ns) / 1e9, status=f"{done:,} answers, {rate:,.0f}/s")
            self._update()

        yield report_answers
        self._bars.remove_task(task)


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds: 2:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
