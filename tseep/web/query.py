"""How a page asks the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from tseep.interfaces import IMode

T = TypeVar("T")


def ask(mode: IMode, question: Callable[[], T]) -> T:
    """The answer to a question about the server, asked as the mode wants it."""
    answers: list[T] = []
    mode.call(lambda: answers.append(question()))
    return answers[0]
