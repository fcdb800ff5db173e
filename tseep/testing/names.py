"""Checks of arguments, whose errors name the nearest right ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pytest_tseep.shared import check_number, text_of
from tseep.registry.table import Command


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Return the end of an error's text: the name that was probably meant, or an empty text."""
    found = get_close_matches(wrong, list(right), 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def texts_of(parameters: Mapping[str, object], known: Iterable[str]) -> dict[str, str]:
    """
    Return parameters of CONFIG SET as text: numbers are accepted, and booleans for C{yes} and C{no}.

    @param parameters: by name, with underscores for dashes.
    @param known: the names of all parameters.
    @raise TypeError: if there is no such parameter, or its value is of another type.
    """
    names = {name.replace("-", "_") for name in known}
    for name in parameters:
        if name.replace("-", "_") not in names:
            raise TypeError(f"the server has no parameter {name!r}{nearest(name, names)}")
    return {name: text_of(value, name) for name, value in parameters.items()}


def names_of(command: str | None, commands: Mapping[bytes, Command]) -> frozenset[bytes] | None:
    """
    Return the names of a command and its subcommands, as L{Command} has them; None for each command.

    @param command: such as C{GET}, C{CLIENT KILL} or C{config}; None for each.
    @raise ValueError: if there is no such command.
    """
    if command is None:
        return None
    if not isinstance(command, str):
        raise TypeError(f"command must be a name or None, not {type(command).__name__}")
    name = "|".join(command.lower().replace("|", " ").split())
    found = {each.name.decode(): each for entry in commands.values() for each in (entry, *entry.subcommands.values())}
    if name not in found:
        shown = (each.upper().replace("|", " ") for each in found)
        raise ValueError(f"there is no command {command!r}{nearest(name.upper().replace('|', ' '), shown)}")
    return frozenset([name.encode(), *[each.name for each in found[name].subcommands.values()]])


def check_error(error: str) -> str:
    """
    Return the text of an error reply.

    @raise ValueError: if it cannot be one: it is empty, has a line break, or starts with the dash of the protocol.
    """
    if not isinstance(error, str):
        raise TypeError(f"error must be a text, not {type(error).__name__}")
    if not error or error.startswith("-") or "\r" in error or "\n" in error:
        raise ValueError(f"error is {error!r}, not one line such as 'READONLY You cannot write.', without a dash")
    return error


def check_count(value: int | None, name: str, least: int, optional: bool = False) -> int | None:
    """
    Return a number of calls.

    @param optional: whether None is allowed.
    @raise ValueError: if it is less than C{least}.
    """
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} is {value}, not at least {least}")
    return value


def check_seconds(value: float) -> float:
    """
    Return a duration in seconds.

    @raise ValueError: if it is not positive.
    """
    if check_number(value, "seconds") <= 0:
        raise ValueError(f"seconds is {value}, not a positive number")
    return value
