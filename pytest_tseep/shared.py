"""What servers in child processes and on the reactor of the tests have in common."""

from __future__ import annotations

import math
import socket
from typing import Callable, NamedTuple
from urllib.parse import quote

MODES = ("v1", "v2", "v3")

INJECTED = "ERR injected fault"
"""Default error of C{fail}."""


class RecordedCommand(NamedTuple):
    """
    A command that a client has sent.

    @ivar client: the client's ID; 0 for a script's.
    @ivar database: the number of its database.
    @ivar argv: the command and its arguments, decoded from UTF-8 with C{surrogateescape}.
    @ivar time: the server's time, in seconds since the epoch.
    """

    client: int
    database: int
    argv: list[str]
    time: float


class Change:
    """
    A fault or a stopped clock. It ends with L{undo}, at the end of a C{with} block, or at the next flush.

    @param undo: ends it.
    @ivar number: identifies a fault; None for a stopped clock.
    """

    def __init__(self, undo: Callable[[], object], number: int | None = None) -> None:
        self._undo = undo
        self.number = number

    def undo(self) -> None:
        """End the change. No effect if it has ended."""
        undo, self._undo = self._undo, _do_nothing
        undo()

    def __enter__(self) -> Change:
        return self

    def __exit__(self, *exception: object) -> None:
        self.undo()


def _do_nothing() -> None:
    pass


def url_of(host: str, port: int, password: str) -> str:
    """Return an address as a C{redis://} URL, database 0; an empty password is none."""
    login = f":{quote(password, '')}@" if password else ""
    return f"redis://{login}{host}:{port}/0"


def reserved(host: str, port: int) -> socket.socket:
    """
    Return a socket that keeps a port from other processes, but for servers that are told to listen on it.

    @param port: 0 for a free one.
    @raise OSError: with the address, if a server listens on it.
    """
    keeping = socket.socket()
    keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        keeping.bind((host, port))
    except OSError as error:
        keeping.close()
        raise OSError(error.errno, f"{error.strerror}: {host}:{port}") from None
    return keeping


def text_of(value: object, what: str) -> str:
    """
    Return the text of a parameter's value: C{yes} or C{no} for a boolean.

    @param what: what the value is, for the error.
    @raise TypeError: if it is of another type.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError(f"{what} must be a text, a number or a bool, not {type(value).__name__}")


def check_number(value: float, name: str) -> float:
    """
    Return a finite number, such as a time in seconds.

    @raise TypeError: if it is of another type. C{datetime} objects have the method C{timestamp}.
    @raise ValueError: if it is infinite or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        hint = "; use its timestamp()" if hasattr(value, "timestamp") else ""
        raise TypeError(f"{name} must be a number, not {type(value).__name__}{hint}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value}")
    return value


def check_mode(mode: str) -> str:
    """
    Return a connection mode.

    @raise ValueError: if there is no such mode.
    """
    if mode not in MODES:
        near = f"; did you mean {str(mode).lower()!r}?" if str(mode).lower() in MODES else ""
        raise ValueError(f"the mode is {mode!r}, not one of {', '.join(MODES)}{near}")
    return mode
