"""Creates the server that the command line describes."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from tseep.daemon.host import ReactorHost
from tseep.daemon.options import V3, Options, first_error, start_errors, without_effect
from tseep.server.server import Server
from tseep.system.open_files import allow_clients, files_for, reserved_files

_log = Logger("tseep.tap")  # the logger's name is part of the log format: filters depend on it


def make_server(reactor: Any, options: Options) -> Server:
    """
    Return the server for the options, with its host on the reactor.

    @raise SystemExit: with the first error, if the server could not start.
    """
    config = options.config
    server = Server(config, host=ReactorHost(reactor))
    server.config_file = options["config"] or ""
    errors = start_errors(reactor, options, server)
    if errors:
        raise SystemExit(first_error(errors, options["config"]))
    processes = config["workers"] if options["mode"] == V3 else 1
    config.set("maxclients", str(_affordable_clients(config["maxclients"], processes, len(options["metrics"]))))
    for line in without_effect(options):
        _log.info("{text}", text=line)
    return server


def _affordable_clients(maxclients: int, processes: int, metrics: int) -> int:
    """
    Raise the limit on open files as far as necessary and possible; return the number of clients that it allows, at most
    C{maxclients}. Logs a warning if it allows fewer.

    @param processes: the number of processes over which the clients are spread.
    @param metrics: the number of C{--metrics} endpoints.
    """
    reserved = reserved_files(metrics)
    files, allowed = allow_clients(maxclients, processes, reserved)
    if allowed < maxclients:
        _log.warn(
            "maxclients is {allowed}, not {wanted}: that many clients and {reserved} other files need a limit of "
            "{needed} open files{each}, and the hard limit is {files}; raise it with ulimit -Hn",
            allowed=allowed, wanted=maxclients, reserved=reserved, needed=files_for(maxclients, processes, reserved),
            files=files, each=f" in each of {processes} workers" if processes > 1 else "",
        )  # fmt: skip
    return allowed
