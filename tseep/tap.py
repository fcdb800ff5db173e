"""C{twistd tseep}: makes the service that the command line describes. The only module that knows all modes."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService

from tseep.daemon.factory import make_server
from tseep.daemon.json_log import JsonLogService
from tseep.daemon.options import Options
from tseep.daemon.process import ProcessService, twistd_problem
from tseep.daemon.service import TseepService
from tseep.interfaces import IMode
from tseep.modes.evented import EventedMode
from tseep.modes.threaded import ThreadedMode
from tseep.modes.workers.owner import WorkersMode
from tseep.net.timing import keep_even_time
from tseep.server.server import Server

__all__ = ["Options", "makeService"]  # the names that twistd requires of a plugin's module

MODES = {mode.name: mode for mode in (ThreadedMode, EventedMode, WorkersMode)}


def makeService(options: Options) -> IService:
    """
    Return the service for the options of the command line, for a process of its own.

    @raise SystemExit: with a message of one line, if the server could not start.
    """
    from twisted.internet import reactor

    wrong = twistd_problem(options.twistd)
    if wrong:
        raise SystemExit(f"tseep: {wrong}")
    keep_even_time(reactor)
    server = make_server(reactor, options)
    tseep = make_service(reactor, options, server)
    service = ProcessService(reactor, server, tseep, options.twistd)
    if options["metrics"]:
        _add_web(reactor, service, tseep.mode, options["metrics"])
    return JsonLogService(service, options.twistd) if options["log-format"] == "json" else service


def make_service(reactor: Any, options: Options, server: Server) -> TseepService:
    """Return the service that runs a server in the mode and on the endpoints of the options."""
    mode = MODES[options["mode"]](reactor, server)
    return TseepService(reactor, server, mode, options["listen"], options["operator-listen"])


def _add_web(reactor: Any, parent: MultiService, mode: IMode, endpoints: list[str]) -> None:
    from tseep.web.service import WebService  # which needs the extra C{metrics}

    WebService(reactor, mode, endpoints).setServiceParent(parent)
