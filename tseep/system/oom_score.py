"""The score by which the kernel chooses the process to kill when memory runs out (proc(5), oom_score_adj)."""

from __future__ import annotations

from pathlib import Path

PATH = Path("/proc/self/oom_score_adj")

LIMIT = 1000
"""The kernel's highest score; the lowest is its negative."""


class OomScore:
    """
    The score of this process, or of a child that was forked from it.

    @ivar base: the score before it was set; None while it is not.
    """

    def __init__(self) -> None:
        self.base: int | None = None

    def apply(self, mode: str, value: int) -> None:
        """
        Set the score.

        @param mode: C{no} restores the score that the process had before; C{absolute} sets C{value}; C{yes} and
            C{relative} add it to the score that the process had before.
        @raise OSError: if the system has no such score, or does not allow the value.
        """
        if mode == "no":
            if self.base is not None:
                PATH.write_text(str(self.base))
                self.base = None
            return
        if self.base is None:
            self.base = int(PATH.read_text())
        score = value if mode == "absolute" else self.base + value
        PATH.write_text(str(max(-LIMIT, min(LIMIT, score))))
