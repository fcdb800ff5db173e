"""How far a run is: a bar on a terminal, a line now and then elsewhere; on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from typing_extensions import Self

QUARTERS = 4


class Progress:
    """Tells of phases, one after the other, inside `with`."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Bars(
            *columns,
            console=self._console,
            transient=True,
            refresh_per_second=4,  # it shares the machine with what is measured
            disable=not self._console.is_terminal,
        )

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

    def phase(self, name: str, total: int) -> Phase:
        """Begin a phase of `total` steps; call what is returned with the steps done."""
        return Phase(self._bars, self._console, name, total)


class Phase:
    """One phase; called with the number of steps done so far."""

    def __init__(self, bars: Bars, console: Console, name: str, total: int) -> None:
        self._bars, self._console, self._name, self._total = bars, console, name, total
        self._task = bars.add_task(name, total=total)
        self._told = 0

    def __call__(self, done: int) -> None:
        self._bars.update(self._task, completed=done)
        quarter = QUARTERS * done // self._total
        if self._bars.disable and quarter > self._told:
            self._told = quarter
            self._console.print(f"{self._name}: {done:,} of {self._total:,}", soft_wrap=True)
