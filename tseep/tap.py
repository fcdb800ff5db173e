"""The command line: options, and the service that they make. The only place that knows all modes."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.logger import Logger
from twisted.python import usage

from tseep import __version__
from tseep.configuration.directives import for_twistd, is_ignored
from tseep.configuration.file import (
    PASSWORD_FILE,
    USER,
    ConfigError,
    Directive,
    read_file,
    read_password,
)
from tseep.configuration.parameters import PARAMETERS, Config
from tseep.daemon.check import summary, unwritable, without_its_password
from tseep.daemon.endpoints import DEFAULT_ENDPOINT, of_directives, unavailable
from tseep.daemon.endpoints import problem as endpoint_problem
from tseep.daemon.json_log import LoggedInJson
from tseep.daemon.process import ProcessService
from tseep.daemon.process import problem as process_problem
from tseep.daemon.service import TseepService
from tseep.errors import AclRuleError
from tseep.interfaces import IMode
from tseep.modes.evented import EventedMode
from tseep.modes.threaded import ThreadedMode
from tseep.modes.workers.owner import WorkersMode
from tseep.net.timing import keep_even_time
from tseep.server.server import Server
from tseep.system.open_files import allow_clients, files_for, reserved_files

_log = Logger("tseep.tap")

MODES = {mode.name: mode for mode in (ThreadedMode, EventedMode, WorkersMode)}
LOG_FORMATS = ("text", "json")
PASSWORD_VARIABLE = "TSEEP_REQUIREPASS"
_ENDPOINTS = ("listen", "operator-listen", "metrics")
_NOT_OF_V1 = ("ssl:", "mtls:", "haproxy:")
"""Endpoints that put a protocol between the socket and the client, which v1's threads do not take."""

_REDIS_OPTIONS = {
    "port": f"--listen {DEFAULT_ENDPOINT}",
    "bind": f"--listen {DEFAULT_ENDPOINT}",
    "unixsocket": "--listen unix:/run/tseep.sock:mode=600",
    "tls-port": "--listen ssl:6380:privateKey=key.pem:certKey=cert.pem",
}
"""What tseep has in place of options of redis-server."""


_INDENT = 38
"""The column in which the help says what an option does."""

_EXAMPLES = """\
Examples:
  tseep --check-config redis.conf && tseep --config redis.conf
  tseep --listen tcp:6379 --requirepass-file password --dir /var/lib/tseep --appendonly yes
"""


class _Default(str):
    """A value that the command line did not give."""


class Options(usage.Options):
    """
    What C{twistd tseep} takes: the mode, where to listen, and every parameter that CONFIG knows.

    @ivar config: the parameters.
    @ivar directives: those of the configuration file.
    @ivar errors: what keeps the server from starting, a line each. They stop the start, but for C{--check-config}.
    """

    longdesc = (
        "tseep is a Redis-compatible key-value server. Point any Redis client at it, or speak the small binary "
        "protocol of the study that it comes from; one port serves both."
    )

    optParameters = [
        ["mode", "m", _Default("v2"),
         "Connection mode: v1, a thread for each client; v2, one epoll watcher; v3, worker processes."],
        ["config", "c", None, "Configuration file in redis.conf's syntax. Command-line options take precedence."],
        ["check-config", None, None, "Check a configuration file, print what would happen, and exit."],
        ["log-format", None, _Default("text"), "Log format: text, or json for one JSON object per line."],
        [PASSWORD_FILE, None, None, "File whose first line is the password of the default user."],
    ] + [[p.name, None, _Default(p.default), p.help] for p in PARAMETERS if p.option]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        for name in _ENDPOINTS:
            self[name] = []

    def opt_metrics(self, endpoint: str) -> None:
        """Endpoint of the HTTP server with metrics, health and the live page. Repeatable."""
        self["metrics"].append(endpoint)

    def opt_operator_listen(self, endpoint: str) -> None:
        """Reserved endpoint: 8 clients more are accepted here when --maxclients is reached. Repeatable."""
        self["operator-listen"].append(endpoint)

    def opt_listen(self, endpoint: str) -> None:
        """Endpoint to listen on, in Twisted's syntax. Repeatable. [default: tcp:6379:interface=127.0.0.1]"""
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def getSynopsis(self) -> str:
        """How it is called."""
        return "Usage: tseep [options]\n       twistd [options of twistd] tseep [options]"

    def getUsage(self, width: int | None = None) -> str:
        """All options in groups: those of the process, then the parameters of the server."""
        columns = width or int(os.environ.get("COLUMNS", "80"))
        names = [name.rstrip("=") for name in self.longOpt]
        short = {long: letter for letter, long in self.synonyms.items() if len(letter) == 1}
        parameters = {p.name: p for p in PARAMETERS if p.option}

        def lines(chosen: Iterable[str]) -> str:
            return "".join(self._described(name, short.get(name), columns) for name in chosen)

        return (
            f"\n{textwrap.fill(self.longdesc, columns)}\n\nProcess:\n"
            + lines(name for name in names if name not in parameters)
            + "".join(
                f"\n{group}:\n{lines(sorted(name for name in parameters if parameters[name].group == group))}"
                for group in dict.fromkeys(parameter.group for parameter in parameters.values())
            )
            + f"\n*: can be changed at run time with CONFIG SET.\n\n{_EXAMPLES}"
        )

    def _described(self, name: str, letter: str | None, columns: int) -> str:
        """The lines of one option."""
        parameter = next((p for p in PARAMETERS if p.name == name), None)
        about = " ".join(self.docs[name].split())
        if parameter is not None:
            about = about if parameter.fixed else f"* {about}"
            about += f" One of: {', '.join(parameter.kind.choices)}." if parameter.kind.choices else ""
        default = self.defaults.get(name)
        about += f" [default: {default}]" if default else ""
        option = f"  -{letter}, " if letter else " " * 6
        option += f"--{name}=" if f"{name}=" in self.longOpt else f"--{name}"
        lines = textwrap.wrap(about, max(30, columns - _INDENT), break_on_hyphens=False)
        text = "\n".join([f"{option:{_INDENT}}{lines[0]}", *[" " * _INDENT + line for line in lines[1:]]])
        return f"{text}\n"

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
            raise SystemExit(f"tseep: {self._help_with(str(error))} (see tseep --help)") from None

    def _help_with(self, error: str) -> str:
        """An error, and for an option that is not there, what may have been meant."""
        unknown = re.fullmatch(r"option --(\S+) not recognized", error)
        if unknown is None:
            return error
        near = get_close_matches(unknown[1], [name.rstrip("=") for name in self.longOpt], 1, 0.75)
        meant = _REDIS_OPTIONS.get(unknown[1]) or "".join([f"--{name}" for name in near])
        return f"{error}; did you mean {meant}?" if meant else error

    def parseArgs(self, *words: str) -> None:
        """There are options only."""
        if words and os.path.isfile(words[0]):
            raise usage.UsageError(f"unexpected argument {words[0]!r}; did you mean --config {words[0]}?")
        if words:
            raise usage.UsageError(f"unexpected argument {words[0]!r}")

    def postOptions(self) -> None:
        """
        Check every value.

        @raise SystemExit: with the first thing that is wrong; for C{--check-config}, with status 0 or 1.
        """
        self.errors: list[str] = []
        self.config = Config()
        self.twistd: dict[str, Any] = self.parent or {}
        checking = self["check-config"] is not None
        if checking:
            self["config"] = self["check-config"]
        self._read_file()
        for name, words in (("mode", sorted(MODES)), ("log-format", LOG_FORMATS)):
            self._choose(name, words)
        if self["log-format"] == "json" and self.twistd.get("syslog"):
            self.errors.append("--log-format json does not go with twistd's --syslog")
        self._find_password()
        for parameter in PARAMETERS:
            if parameter.option and self._given(parameter.name):
                self._set(parameter.name)
        if checking:
            raise SystemExit(_check(self))
        if self.errors:
            raise SystemExit(_first(self.errors, self["config"]))

    def _given(self, name: str) -> bool:
        """Whether the command line has given an option."""
        return self[name] is not None and not isinstance(self[name], _Default)

    def _read_file(self) -> None:
        """Take over what the configuration file says, if one is given."""
        self.directives: list[Directive] = []
        found: dict[str, list[str]] = {name: [] for name in _ENDPOINTS}
        if self["config"] is not None:
            self["config"] = os.path.abspath(self["config"])
            self.directives += read_file(self["config"], self.config, self.errors)
            try:
                found["listen"] = of_directives(self.directives, not self["listen"])
            except ConfigError as error:
                self.errors.append(str(error))
        for _, name, words in self.directives:
            if name in ("operator-listen", "metrics"):
                found[name] += words
        for name in _ENDPOINTS:
            self[name] = self[name] or found[name]
        self["listen"] = self["listen"] or [DEFAULT_ENDPOINT]

    def _choose(self, name: str, words: Sequence[str]) -> None:
        """Check a value that is one of some words."""
        place, value = f"--{name}", self[name]
        for directive in self.directives:
            if directive.name == name and not self._given(name):
                place, value = f"{directive.place}: {name}", " ".join(directive.words)
        if value not in words:
            self.errors.append(f"{place} must be one of {', '.join(words)}, not {value!r}")
        self[name] = value

    def place_of(self, option: str, endpoint: str) -> str:
        """Where an endpoint was given, for errors."""
        given = [each.place for each in self.directives if each.name == option and endpoint in each.words]
        return f"{given[-1]}: {option}" if given else f"--{option}"

    def _set(self, name: str) -> None:
        try:
            self.config.set(name, self[name])
        except ValueError as error:
            self.errors.append(f"--{name} {self[name]!r}: {error}")

    def _find_password(self) -> None:
        """Take the password from the file or the environment, which other users of the machine can't see."""
        if self._given("requirepass"):
            return
        try:
            if self[PASSWORD_FILE] is not None:
                self.config.presume("requirepass", read_password(self[PASSWORD_FILE], f"--{PASSWORD_FILE}"))
            elif PASSWORD_VARIABLE in os.environ:
                self.config.presume("requirepass", _password_of_environment())
        except ConfigError as error:
            self.errors.append(str(error))


def _password_of_environment() -> str:
    password = os.environ[PASSWORD_VARIABLE]
    if not password:
        raise ConfigError(f"{PASSWORD_VARIABLE} is empty, and so there would be no password; set it, or unset it")
    return password


def _first(errors: Sequence[str], file: str | None) -> str:
    """The line with which a start ends: what is wrong first, and where the rest is told."""
    more = f" (and {len(errors) - 1} more: tseep --check-config {file})" if file and len(errors) > 1 else ""
    return f"tseep: {errors[0]}{more}"


def makeService(options: Options) -> IService:
    """
    The service for the command line's options, in a process of its own.

    @raise SystemExit: with one line, if it cannot be.
    """
    from twisted.internet import reactor

    wrong = process_problem(options.twistd)
    if wrong:
        raise SystemExit(f"tseep: {wrong}")
    keep_even_time(reactor)
    server = make_server(reactor, options)
    service = ProcessService(reactor, server, make_service(reactor, options, server), options.twistd)
    return LoggedInJson(service, options.twistd) if options["log-format"] == "json" else service


def make_server(reactor: Any, options: Options) -> Server:
    """
    The server for the options.

    @raise SystemExit: with one line, if it cannot be.
    """
    config = options.config
    server = Server(config)
    server.config_file = options["config"] or ""
    errors = _errors(reactor, options, server)
    if errors:
        raise SystemExit(_first(errors, options["config"]))
    processes = config["workers"] if options["mode"] == WorkersMode.name else 1
    config.set("maxclients", str(_affordable_clients(config["maxclients"], processes, len(options["metrics"]))))
    for line in _without_effect(options):
        _log.info("{text}", text=line)
    return server


def make_service(reactor: Any, options: Options, server: Server) -> IService:
    """What runs the server as the options say, on a reactor of one's own."""
    mode = MODES[options["mode"]](reactor, server)
    service = TseepService(reactor, server, mode, options["listen"], options["operator-listen"])
    server.shut_down = lambda: reactor.callFromThread(service.end)
    return _with_web(reactor, service, mode, options["metrics"]) if options["metrics"] else service


def _errors(reactor: Any, options: Options, server: Server) -> list[str]:
    """
    What keeps the server from starting, a line each, as far as that can be seen before. The users of the file are made.
    """
    errors = list(options.errors)
    for option in _ENDPOINTS:
        for endpoint in options[option]:
            wrong = endpoint_problem(reactor, endpoint)
            if option != "metrics" and options["mode"] == ThreadedMode.name and endpoint.startswith(_NOT_OF_V1):
                wrong = wrong or "v1 serves bare sockets only (tcp:, tcp6:, unix:, systemd:); use --mode v2"
            if wrong:
                errors.append(f"{options.place_of(option, endpoint)} {endpoint!r}: {wrong}")
    if options["metrics"] and find_spec("prometheus_client") is None:
        errors.append("--metrics needs prometheus-client: pip install 'tseep[metrics]'")
    users = [directive for directive in options.directives if directive.name == USER]
    try:
        if users and server.config["aclfile"]:
            raise AclRuleError(f"{users[0].place}: users stand in the configuration file or in --aclfile, not in both")
        server.users.add([(directive.place, [USER, *directive.words]) for directive in users])
    except AclRuleError as error:
        errors.append(str(error))
    return errors


def _without_effect(options: Options) -> list[str]:
    """What the options say, and the server does not do, in a few lines."""
    lines = []
    ignored = {directive.name: None for directive in options.directives if is_ignored(directive.name)}
    if ignored:
        lines.append(f"{options['config']}: without effect in tseep: {', '.join(ignored)}")
    named = {name: for_twistd(name, words) for _, name, words in options.directives}
    left = [f"{name} ({instead})" for name, instead in named.items() if instead]
    if left:
        lines.append(f"{options['config']}: left to twistd: {', '.join(left)}")
    if options["mode"] != WorkersMode.name and not options.config.is_default("workers"):
        lines.append(f"workers are of --mode v3, and there are none in {options['mode']}")
    return lines


def _check(options: Options) -> int:
    """Say what would happen with a configuration file; return the exit status. Nothing is started or written."""
    from twisted.internet import reactor

    server = Server(options.config)
    errors = _errors(reactor, options, server)
    if options.config["aclfile"]:
        try:
            server.users.load(Path(options.config["aclfile"]))
        except AclRuleError as error:
            errors.append(f"cannot load the users: {error}")
    errors += unwritable(options.config) + without_its_password(server)
    for option in _ENDPOINTS:
        for endpoint in options[option]:
            wrong = unavailable(endpoint)
            errors += [f"{options.place_of(option, endpoint)} {endpoint!r}: {wrong}"] if wrong else []
    for line in [f"error: {error}" for error in errors] + _without_effect(options):
        sys.stdout.write(f"{line}\n")
    if errors:
        sys.stdout.write(f"{options['config']}: tseep would not start\n")
        return 1
    sys.stdout.write(f"{options['config']}: tseep would start in mode {options['mode']}\n")
    for option in _ENDPOINTS:
        for endpoint in options[option]:
            sys.stdout.write(f"{option}: {endpoint}\n")
    for line in summary(server):
        sys.stdout.write(f"{line}\n")
    return 0


def _with_web(reactor: Any, service: IService, mode: IMode, endpoints: list[str]) -> IService:
    """The service, and beside it the one for who looks at it."""
    from tseep.web.service import WebService

    both = MultiService()
    service.setServiceParent(both)
    WebService(reactor, mode, endpoints).setServiceParent(both)
    return both


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
