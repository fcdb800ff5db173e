"""Listening on an endpoint at start-up, and the errors of that."""

from __future__ import annotations

import errno
from typing import Any, Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure


class CannotStart(SystemExit, Exception):
    """
    The server cannot start. The message is one line that states the cause.

    As a C{SystemExit} it ends the interpreter with that line and without a traceback. It is an C{Exception}, too, since
    twistd reports no other failure to the process that waits for the daemon.
    """


def port_of(listen: Callable[[str], Deferred[Any]], endpoint: str, option: str) -> Any:
    """
    Listen on an endpoint and return the port, synchronously.

    @param listen: called with the endpoint. Returns a Deferred of the port.
    @param option: the command-line option that has the endpoint as its value.
    @raise CannotStart: if C{listen} fails.
    """
    ports: list[Any] = []
    failures: list[Failure] = []
    listening = maybeDeferred(listen, endpoint)
    listening.addCallbacks(ports.append, failures.append)
    if failures:
        raise CannotStart(f"tseep: cannot listen on {endpoint}: {_reason(failures[0].value, endpoint, option)}")
    return ports[0]


def _reason(error: BaseException | None, endpoint: str, option: str) -> str:
    """Return the cause of an error, and how to fix it if that is known."""
    if isinstance(error, CannotListenError):
        error = error.socketError
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"the address is in use; stop the process that uses it, or choose another with {option}"
    if number == errno.ENOENT:
        return f"there is no such directory; create it, or choose another with {option}"
    if number == errno.EACCES and endpoint.startswith("unix"):
        return f"permission denied; choose another directory with {option}"
    if number == errno.EACCES:
        return f"permission denied; a port under 1024 needs root's rights, choose another with {option}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
