"""How far the runs are: bars on a terminal, a line now and then elsewhere; on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from rig.result import Point

if TYPE_CHECKING:
    from typing_extensions import Self

QUARTERS = 4

Told = Callable[[int], None]
"""Called with how many steps are done."""


class Progress:
    """Tells of runs, and of their phases, one after the other, inside `with`."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
        )
        self._bars = Bars(
            *columns,
            console=self._console,
            transient=True,
            refresh_per_second=4,  # it shares the machine with what is measured
            disable=not self._console.is_terminal,
        )
        self._began = self._run_began = time.monotonic()
        self._number, self._total = 0, 1
        self._all = self._bars.add_task("runs", total=1, told="", visible=False)

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

    def run(self, number: int, total: int, point: Point) -> None:
        """Begin a run, of a number from nought on."""
        self._number, self._total, self._run_began = number, total, time.monotonic()
        self._bars.update(self._all, total=total, completed=number, visible=total > 1)
        self._tell_left()
        if self._bars.disable and total > 1:
            self.say(f"{self._left()}: {point.server}, {point.clients:,} clients")

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)

    def _left(self) -> str:
        """Return which run this is, and the time that is left, as those before it make one think."""
        told, number = f"run {self._number + 1} of {self._total}", self._number
        if not number:
            return told
        each = (self._run_began - self._began) / number
        left = max(0.0, each * (self._total - number) - (time.monotonic() - self._run_began))
        return f"{told}, {clock(left)} left"

    def _tell_left(self) -> None:
        self._bars.update(self._all, told=self._left())

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Told]:
        """Begin a phase of `total` steps; call what is given with the steps done."""
        task = self._bars.add_task(name, total=total, told="")
        said = 0

        def tell(done: int) -> None:
            nonlocal said
            self._bars.update(task, completed=done, told=f"{done:,} of {total:,}")
            self._tell_left()
            quarter = QUARTERS * done // total
            if self._bars.disable and quarter > said:
                said = quarter
                self.say(f"{name}: {done:,} of {total:,}")

        yield tell
        self._bars.remove_task(task)

    @contextmanager
    def work(self, name: str, asked: int | None, seconds: float, start_ns: int) -> Iterator[Told]:
        """Begin the operations: `asked` answers, or `seconds` of them from a monotonic time on."""
        if asked is not None:
            with self.phase(name, asked) as told:
                yield told
            return
        task = self._bars.add_task(name, total=seconds, told="")
        then, before, rate, said = start_ns, 0, 0.0, 0

        def tell(done: int) -> None:
            nonlocal then, before, rate, said
            now = time.monotonic_ns()
            if now - then > 10**9:
                rate, then, before = (done - before) / (now - then) * 1e9, now, done
                at = (now - start_ns) / 1e9
                if self._bars.disable and QUARTERS * at / seconds >= said + 1:
                    said = int(QUARTERS * at / seconds)
                    self.say(f"{name}: {at:.0f} of {seconds:g} s, {rate:,.0f}/s")
            self._bars.update(task, completed=max(0, now - start_ns) / 1e9, told=f"{done:,} answers, {rate:,.0f}/s")
            self._tell_left()

        yield tell
        self._bars.remove_task(task)


def clock(seconds: float) -> str:
    """Return a time in minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
