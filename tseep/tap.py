"""The command line: options, and the service that they make. The only place that knows all modes."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, Dict, List

from twisted.application.service import IService, MultiService
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.logger import Logger
from twisted.python import usage

from tseep import __version__
from tseep.configuration.file import USER, ConfigError, Directive, apply, read_directives
from tseep.configuration.parameters import PARAMETERS, Config
from tseep.daemon.json_log import LoggedInJson
from tseep.daemon.service import TseepService
from tseep.errors import BadRule
from tseep.interfaces import IMode
from tseep.modes.evented import EventedMode
from tseep.modes.threaded import ThreadedMode
from tseep.modes.workers.owner import WorkersMode
from tseep.server.server import Server
from tseep.system.open_files import allow_clients, files_for, reserved_files

_log = Logger("tseep.tap")

MODES = {mode.name: mode for mode in (ThreadedMode, EventedMode, WorkersMode)}
LOG_FORMATS = ("text", "json")
DEFAULT_ENDPOINT = "tcp:6379:interface=127.0.0.1"
PASSWORD_VARIABLE = "TSEEP_REQUIREPASS"


class _Default(str):
    """A value that the command line did not give."""


class Options(usage.Options):
    """What C{twistd tseep} takes: the mode, where to listen, and every parameter that CONFIG knows."""

    synopsis = "[options]"
    longdesc = (
        "tseep is a Redis-compatible key-value server. Point any Redis client at it, or speak the small binary "
        "protocol of the study that it comes from; one port serves both. "
        f"The password may also stand in the environment, as {PASSWORD_VARIABLE}."
    )

    optParameters = [
        ["mode", "m", "v2", "Who waits on clients: v1, a thread for each; v2, an epoll watcher; v3, worker processes."],
        ["config", "c", None, "Configuration file in redis.conf's syntax; the command line wins over it."],
        ["log-format", None, "text", "How the log is written: text, or json, an object a line."],
        ["requirepass-file", None, None, "File whose first line is the password that clients must give."],
    ] + [[p.name, None, _Default(p.default), p.help] for p in PARAMETERS if p.option]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self["operator-listen"] = []
        self["metrics"] = []

    def opt_metrics(self, endpoint: str) -> None:
        """Endpoint to serve metrics, health and the live page on, by HTTP; may be repeated."""
        self["metrics"].append(endpoint)

    def opt_operator_listen(self, endpoint: str) -> None:
        """Endpoint whose clients get in when there are too many others, a few of them; may be repeated."""
        self["operator-listen"].append(endpoint)

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
        self._check_log()
        password = self._password_elsewhere()
        if password and not self["requirepass"]:
            self["requirepass"] = password
        self.config = Config()
        self._read_file()
        self["listen"] = self["listen"] or self.file_endpoints or [DEFAULT_ENDPOINT]
        for parameter in PARAMETERS:
            if parameter.option and not isinstance(self[parameter.name], _Default):
                self._set(parameter.name)

    def _check_log(self) -> None:
        if self["log-format"] not in LOG_FORMATS:
            raise usage.UsageError(f"--log-format must be text or json, not {self['log-format']!r}")
        self.twistd: Dict[str, Any] = self.parent or {}
        if self["log-format"] == "json" and self.twistd.get("syslog"):
            raise usage.UsageError("--log-format json does not go with twistd's --syslog")

    def _read_file(self) -> None:
        """Take over what the configuration file says, if one is given."""
        self.unknown: List[str] = []
        self.file_endpoints: List[str] = []
        self.users: List[Directive] = []
        if self["config"] is not None:
            self["config"] = os.path.abspath(self["config"])
            try:
                directives = list(read_directives(self["config"]))
                self.unknown = apply(self.config, directives)
                self.file_endpoints = _endpoints(directives)
                self.users = [directive for directive in directives if directive.name == USER]
            except ConfigError as error:
                raise usage.UsageError(str(error)) from None

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

    service = make_service(reactor, options)
    return LoggedInJson(service, options.twistd) if options["log-format"] == "json" else service


def make_service(reactor: Any, options: Options) -> IService:
    """The same, on a reactor of one's own."""
    _check_endpoints(reactor, "listen", options["listen"])
    _check_endpoints(reactor, "operator-listen", options["operator-listen"])
    _check_endpoints(reactor, "metrics", options["metrics"])
    config = options.config
    processes = config["workers"] if options["mode"] == WorkersMode.name else 1
    config.set("maxclients", str(_affordable_clients(config["maxclients"], processes, len(options["metrics"]))))
    server = Server(config)
    server.config_file = options["config"] or ""
    _add_users(server, options.users)
    if options.unknown:
        text = "{file}: tseep does not have, and ignores: {names}"
        _log.warn(text, file=server.config_file, names=", ".join(options.unknown))
    _stop_on_signals(server)
    reactor.callWhenRunning(_stop_on_signals, server)  # again, since the reactor has handlers of its own
    mode = MODES[options["mode"]](reactor, server)
    service = TseepService(reactor, server, mode, options["listen"], options["operator-listen"])
    server.shut_down = lambda: reactor.callFromThread(service.end)
    return _with_web(reactor, service, mode, options["metrics"]) if options["metrics"] else service


def _add_users(server: Server, directives: List[Directive]) -> None:
    """
    Make the users of a configuration file.

    @raise SystemExit: if that cannot be done.
    """
    if directives and server.config["aclfile"]:
        raise SystemExit(
            f"tseep: {directives[0].place}: users stand in the configuration file or in --aclfile, not in both"
        )
    try:
        server.users.add([(directive.place, [USER, *directive.words]) for directive in directives])
    except BadRule as error:
        raise SystemExit(f"tseep: {error}") from None


def _with_web(reactor: Any, service: IService, mode: IMode, endpoints: List[str]) -> IService:
    """The service, and beside it the one for who looks at it."""
    try:
        from tseep.web.service import WebService
    except ImportError as error:
        raise SystemExit(
            f"tseep: --metrics: {error}; it needs prometheus-client: pip install 'tseep[metrics]'"
        ) from None
    both = MultiService()
    service.setServiceParent(both)
    WebService(reactor, mode, endpoints).setServiceParent(both)
    return both


def _endpoints(directives: List[Directive]) -> List[str]:
    """
    Where a configuration file says to listen, as Twisted writes it; without C{bind} on 127.0.0.1 alone.

    @raise ConfigError: if that cannot be read.
    """
    last = {directive.name: directive for directive in directives}
    port = _number(last, "port", 10, 0, 65535) if "port" in last else 6379
    hosts = last["bind"].words if "bind" in last else ["127.0.0.1"]
    endpoints = [_tcp(host, port) for host in hosts if port and _usable(host)] if {"port", "bind"} & set(last) else []
    path = "".join(last["unixsocket"].words) if "unixsocket" in last else ""
    if path:
        mode = _number(last, "unixsocketperm", 8, 0, 0o777) if "unixsocketperm" in last else 0o666
        endpoints = endpoints or ([] if port == 0 else [DEFAULT_ENDPOINT])
        endpoints.append(f"unix:{quoteStringArgument(path)}:mode={mode:o}")
    if "port" in last and not endpoints:
        raise ConfigError(f"{last['port'].place}: port 0 and no unixsocket: there is nowhere to listen")
    return endpoints


def _number(last: Dict[str, Directive], name: str, base: int, least: int, most: int) -> int:
    place, _, words = last[name]
    try:
        value = int(" ".join(words), base)
    except ValueError:
        value = -1
    if not least <= value <= most:
        kind = "an octal number" if base == 8 else f"a number between {least} and {most}"
        raise ConfigError(f"{place}: {name} {' '.join(words)!r}: argument must be {kind}")
    return value


def _tcp(host: str, port: int) -> str:
    host = host.lstrip("-")
    if host == "*":
        return f"tcp:{port}"
    host = "::" if host == "::*" else host
    return f"tcp{'6' if ':' in host else ''}:{port}:interface={quoteStringArgument(host)}"


def _usable(host: str) -> bool:
    """Whether an address is to be listened on: one with a minus in front only if this machine has it."""
    if not host.startswith("-"):
        return True
    host = "::" if host == "-::*" else host[1:]
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _stop_on_signals(server: Server) -> None:
    """Let SIGTERM and SIGINT end the process with status 0, as Redis does; twistd would die of the signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())


def _check_endpoints(reactor: Any, option: str, endpoints: List[str]) -> None:
    """Refuse what Twisted can't read before anything is begun."""
    for endpoint in endpoints:
        try:
            serverFromString(reactor, endpoint)
        except LookupError:
            raise SystemExit(f"tseep: --{option} {endpoint!r}: systemd has passed on no such socket") from None
        except Exception as error:  # each endpoint plugin has errors of its own
            raise SystemExit(f"tseep: --{option} {endpoint!r}: {error}") from None


def _affordable_clients(wanted: int, processes: int, metrics: int) -> int:
    """
    How many clients the limit on open files allows in so many processes, beside so many C{--metrics} endpoints; says so
    if they are fewer.
    """
    reserved = reserved_files(metrics)
    files, allowed = allow_clients(wanted, processes, reserved)
    if allowed < wanted:
        _log.warn(
            "maxclients is {allowed}, not {wanted}: that many clients and {reserved} other files need a limit of "
            "{needed} open files{each}, and the hard limit is {files}; raise it with ulimit -Hn",
            allowed=allowed, wanted=wanted, reserved=reserved, needed=files_for(wanted, processes, reserved),
            files=files, each=f" in each of {processes} workers" if processes > 1 else "",
        )  # fmt: skip
    return allowed
