"""The command line: options, and the service that they make. The only place that knows all modes."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, List

from twisted.application.service import IService
from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger
from twisted.python import usage

from . import __version__
from .config import PARAMETERS, Config
from .files import RESERVED, allow_clients
from .modes.evented import EventedMode
from .modes.threaded import ThreadedMode
from .server import Server
from .service import TseepService

MODES = {mode.name: mode for mode in (ThreadedMode, EventedMode)}
DEFAULT_ENDPOINT = "tcp:6379:interface=127.0.0.1"
PASSWORD_VARIABLE = "TSEEP_REQUIREPASS"


class Options(usage.Options):
    """What C{twistd tseep} takes: the mode, where to listen, and every parameter that CONFIG knows."""

    synopsis = "[options]"
    longdesc = (
        "tseep is a Redis-compatible key-value server. Point any Redis client at it, or speak the small binary "
        "protocol of the study that it comes from; one port serves both. "
        f"The password may also stand in the environment, as {PASSWORD_VARIABLE}."
    )

    optParameters = [
        ["mode", "m", "v2", "How connections are handled: v1, a thread for each; v2, one epoll watcher for all."],
        ["requirepass-file", None, None, "File whose first line is the password that clients must give."],
    ] + [[p.name, None, p.default, p.help] for p in PARAMETERS if p.option]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """Endpoint to listen on, as Twisted writes them; may be repeated. [default: tcp:6379:interface=127.0.0.1]"""
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def opt_version(self) -> None:
        """Show the version and exit."""
        sys.stdout.write(f"tseep {__version__}\n")
        raise SystemExit(0)

    def parseOptions(self, options: Any = None) -> None:
        """
        Read the command line.

        @raise SystemExit: with one line, if it is wrong; twistd would print all its help above it.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"tseep: {error} (see tseep --help)") from None

    def parseArgs(self, *words: str) -> None:
        """There are options only."""
        if words:
            raise usage.UsageError(f"unexpected argument {words[0]!r}")

    def postOptions(self) -> None:
        """Check every value."""
        if self["mode"] not in MODES:
            raise usage.UsageError(f"--mode must be one of {', '.join(sorted(MODES))}, not {self['mode']!r}")
        self["listen"] = self["listen"] or [DEFAULT_ENDPOINT]
        self["requirepass"] = self["requirepass"] or self._password_elsewhere()
        self.config = Config()
        for parameter in PARAMETERS:
            if parameter.option:
                self._set(parameter.name)

    def _set(self, name: str) -> None:
        try:
            self.config.set(name, self[name])
        except ValueError as error:
            raise usage.UsageError(f"--{name} {self[name]!r}: {error}") from None

    def _password_elsewhere(self) -> str:
        """The password from the file or the environment, which other users of the machine can't see."""
        path = self["requirepass-file"]
        if path is None:
            return os.environ.get(PASSWORD_VARIABLE, "")
        try:
            with open(path) as file:
                return file.readline().rstrip("\n")
        except (OSError, UnicodeError) as error:
            raise usage.UsageError(f"--requirepass-file {path}: {error}") from None


def makeService(options: Options) -> IService:
    """The service for the command line's options."""
    from twisted.internet import reactor

    return make_service(reactor, options)


def make_service(reactor: Any, options: Options) -> IService:
    """The same, on a reactor of one's own."""
    _check_endpoints(reactor, options["listen"])
    config = options.config
    config.set("maxclients", str(_affordable_clients(config["maxclients"])))
    server = Server(config)
    _stop_on_signals(server)
    reactor.callWhenRunning(_stop_on_signals, server)  # again, since the reactor has handlers of its own
    mode = MODES[options["mode"]](reactor, server)
    service = TseepService(reactor, server, mode, options["listen"])
    server.shut_down = lambda: reactor.callFromThread(service.end)
    return service


def _stop_on_signals(server: Server) -> None:
    """Let SIGTERM and SIGINT end the process with status 0, as Redis does; twistd would die of the signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())


def _check_endpoints(reactor: Any, endpoints: List[str]) -> None:
    """Refuse what Twisted can't read before anything is begun."""
    for endpoint in endpoints:
        try:
            serverFromString(reactor, endpoint)
        except Exception as error:  # each endpoint plugin has errors of its own
            raise SystemExit(f"tseep: --listen {endpoint!r}: {error}") from None


def _affordable_clients(wanted: int) -> int:
    """How many clients the limit on open files allows; says so if they are fewer."""
    files, allowed = allow_clients(wanted)
    if allowed < wanted:
        Logger().warn(
            "maxclients is {allowed}, not {wanted}: that many clients and {reserved} other files need a limit of "
            "{needed} open files, and the hard limit is {files}; raise it with ulimit -Hn",
            allowed=allowed, wanted=wanted, reserved=RESERVED, needed=wanted + RESERVED, files=files,
        )  # fmt: skip
    return allowed
