"""The command line of C{twistd tseep}: reading, validation, help, and C{--check-config}."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from twisted.python import usage

from tseep import __version__
from tseep.configuration.directives import TWISTD, for_twistd, is_ignored
from tseep.configuration.file import (
    PASSWORD_FILE,
    USER,
    ConfigError,
    Directive,
    read_file,
    read_password,
)
from tseep.configuration.parameters import PARAMETERS, Config
from tseep.daemon.check import summary, unused_password, unwritable
from tseep.daemon.endpoints import problem as endpoint_problem
from tseep.daemon.endpoints import tcp_endpoints, unavailable, unix_endpoints
from tseep.errors import AclRuleError
from tseep.server.server import Server

V1, V2, V3 = MODE_NAMES = ("v1", "v2", "v3")
LOG_FORMATS = ("text", "json")
PASSWORD_VARIABLE = "TSEEP_REQUIREPASS"
_ENDPOINTS = ("listen", "operator-listen", "metrics")

_NOT_OF_V1 = ("ssl:", "mtls:", "haproxy:")
"""Endpoints with a protocol between socket and client. v1's threads read the socket directly and cannot serve them."""

_ADDRESSES = ("port", "bind", "unixsocket")
"""The parameters that are endpoints."""

_SEVERAL = {parameter.name for parameter in PARAMETERS if parameter.words and parameter.option}
"""The parameters with several values."""

_REDIS_OPTIONS = {
    **{name: command for name, (_, command) in TWISTD.items()},
    "tls-port": "--listen ssl:6380:privateKey=key.pem:certKey=cert.pem",
}
"""tseep's equivalents of options of redis-server."""

_INDENT = 38
"""The column of the descriptions in the help."""

_EXAMPLES = """\
Examples:
  tseep --check-config redis.conf && tseep --config redis.conf
  tseep --listen tcp:6379 --requirepass-file password --dir /var/lib/tseep --appendonly yes
"""


class _Default(str):
    """A default: a value that was not given on the command line."""


class Options(usage.Options):
    """
    The options of C{twistd tseep}: mode, endpoints, and every parameter of CONFIG GET.

    @ivar config: the parameters.
    @ivar directives: the directives of the configuration file.
    @ivar errors: one line for each error. C{--check-config} prints them; otherwise they prevent the start.
    @ivar twistd: the options of twistd; empty in tests.
    """

    longdesc = (
        "tseep is a Redis-compatible key-value server. Point any Redis client at it, or use the binary "
        "protocol of the Go study; one port serves both."
    )

    optParameters = [
        ["mode", "m", _Default(V2),
         "Connection mode: v1, a thread for each client; v2, one epoll watcher; v3, worker processes."],
        ["config", "c", None, "Configuration file in redis.conf's syntax. Command-line options take precedence."],
        ["check-config", None, None, "Check a configuration file, print what a start with it would do, and exit."],
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
        """Reserved endpoint: accepts 8 more clients when --maxclients is reached. Repeatable."""
        self["operator-listen"].append(endpoint)

    def opt_listen(self, endpoint: str) -> None:
        """Endpoint to listen on, in Twisted's syntax. Repeatable. Replaces the default address."""
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def getSynopsis(self) -> str:
        return "Usage: tseep [options]\n       twistd [options of twistd] tseep [options]"

    def getUsage(self, width: int | None = None) -> str:
        """Return the help: the options of the process, then the parameters by group."""
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
        Parse the command line.

        @raise SystemExit: with a message of one line if an option is wrong; twistd would print its whole help first.
        """
        try:
            super().parseOptions(None if options is None else _joined(options))
        except usage.UsageError as error:
            raise SystemExit(f"tseep: {self._help_with(str(error))} (see tseep --help)") from None

    def _help_with(self, error: str) -> str:
        """Return an error, with a suggestion if an option is unknown."""
        unknown = re.fullmatch(r"option --(\S+) not recognized", error)
        if unknown is None:
            return error
        near = get_close_matches(unknown[1], [name.rstrip("=") for name in self.longOpt], 1, 0.75)
        meant = _REDIS_OPTIONS.get(unknown[1]) or "".join([f"--{name}" for name in near])
        return f"{error}; did you mean {meant}?" if meant else error

    def parseArgs(self, *words: str) -> None:
        """Refuse positional arguments."""
        if words and os.path.isfile(words[0]):
            raise usage.UsageError(f"unexpected argument {words[0]!r}; did you mean --config {words[0]}?")
        if words:
            raise usage.UsageError(f"unexpected argument {words[0]!r}")

    def postOptions(self) -> None:
        """
        Read the configuration file and validate every value.

        @raise SystemExit: with the first error, or for C{--check-config} with status 0 or 1.
        """
        self.errors: list[str] = []
        self.config = Config()
        self.twistd: dict[str, Any] = self.parent or {}
        checking = self["check-config"] is not None
        if checking:
            self["config"] = self["check-config"]
        self._read_file()
        self._choose("mode", MODE_NAMES)
        self._choose("log-format", LOG_FORMATS)
        if self["log-format"] == "json" and self.twistd.get("syslog"):
            self.errors.append("--log-format json cannot be combined with twistd's --syslog")
        self._find_password()
        for parameter in PARAMETERS:
            if parameter.option and self._given(parameter.name):
                self._set(parameter.name)
        self._add_addresses()
        if checking:
            raise SystemExit(_check_config(self))
        if self.errors:
            raise SystemExit(first_error(self.errors, self["config"]))

    def _given(self, name: str) -> bool:
        """Return whether an option is on the command line."""
        return self[name] is not None and not isinstance(self[name], _Default)

    def _read_file(self) -> None:
        """Read the configuration file, if any; the command line takes precedence."""
        self.directives: list[Directive] = []
        found: dict[str, list[str]] = {name: [] for name in _ENDPOINTS}
        if self["config"] is not None:
            self["config"] = os.path.abspath(self["config"])
            self.directives += read_file(self["config"], self.config, self.errors)
        self._takes_addresses = not self["listen"]  # on the command line it replaces the addresses of the file
        for directive in self.directives:
            if directive.name in found:
                found[directive.name] += directive.words
        for name in _ENDPOINTS:
            self[name] = self[name] or found[name]

    def _add_addresses(self) -> None:
        """Add the endpoints of C{port}, C{bind} and C{unixsocket}, unless C{listen} replaces them."""
        config = self.config
        in_file = [each for each in self.directives if each.name in _ADDRESSES] if self._takes_addresses else []
        if self["listen"] and not in_file:
            if not self._given("port") and not self._given("bind"):
                config.presume("port", "0")
            if not self._given("unixsocket"):
                config.presume("unixsocket", "")
        self["listen"] = [*tcp_endpoints(config), *unix_endpoints(config), *self["listen"]]
        if not self["listen"]:
            reason = "no endpoint to listen on; see port, bind, unixsocket and listen"
            self.errors.append(str(in_file[-1].error(reason)) if in_file else reason)

    def _choose(self, name: str, choices: Sequence[str]) -> None:
        """Set an option that the file may set, too, and check that the value is one of the choices."""
        place, value = f"--{name}", self[name]
        for directive in self.directives:
            if directive.name == name and not self._given(name):
                place, value = f"{directive.place}: {name}", " ".join(directive.words)
        if value not in choices:
            self.errors.append(f"{place} must be one of {', '.join(choices)}, not {value!r}")
        self[name] = value

    def endpoints(self) -> list[tuple[str, str]]:
        """Return every endpoint with the name of its option."""
        return [(option, endpoint) for option in _ENDPOINTS for endpoint in self[option]]

    def place_of(self, option: str, endpoint: str) -> str:
        """Return where an endpoint was given, for error messages: the option, or file, line and directive."""
        given = [each.place for each in self.directives if each.name == option and endpoint in each.words]
        return f"{given[-1]}: {option}" if given else f"--{option}"

    def _set(self, name: str) -> None:
        try:
            self.config.set(name, self[name])
        except ValueError as error:
            self.errors.append(f"--{name} {self[name]!r}: {error}")

    def _find_password(self) -> None:
        """Read the password from its file or the environment; unlike the command line, ps(1) does not show them."""
        if self._given("requirepass"):
            return
        try:
            if self[PASSWORD_FILE] is not None:
                self.config.presume("requirepass", read_password(self[PASSWORD_FILE], f"--{PASSWORD_FILE}"))
            elif PASSWORD_VARIABLE in os.environ:
                self.config.presume("requirepass", _password_of_environment())
        except ConfigError as error:
            self.errors.append(str(error))


def _joined(words: Sequence[str]) -> list[str]:
    """Return words in which the values of an option with several, such as C{--save 3600 1}, are one value."""
    found: list[str] = []
    values: dict[str, list[str]] = {}
    option = ""
    for word in words:
        if option and not word.startswith("--") and not re.fullmatch("-[a-z]", word):
            values[option].append(word)
        elif word.startswith("--") and word[2:] in _SEVERAL:
            option = word[2:]
            values.setdefault(option, [])
        else:
            option = ""
            found.append(word)
    return [*(f"--{name}={' '.join(given)}" for name, given in values.items()), *found]


def _password_of_environment() -> str:
    password = os.environ[PASSWORD_VARIABLE]
    if not password:
        raise ConfigError(f"{PASSWORD_VARIABLE} is empty: the server would have no password; set it, or unset it")
    return password


def first_error(errors: Sequence[str], file: str | None) -> str:
    """Return the message of a start that fails: the first error, and how to list the others."""
    more = f" (and {len(errors) - 1} more: tseep --check-config {file})" if file and len(errors) > 1 else ""
    return f"tseep: {errors[0]}{more}"


def start_errors(reactor: Any, options: Options, server: Server) -> list[str]:
    """
    Return everything that would prevent the start, as far as it can be checked in advance, one line each. Adds the
    users of the configuration file to the server.
    """
    errors = list(options.errors)
    for option, endpoint in options.endpoints():
        wrong = endpoint_problem(reactor, endpoint)
        if option != "metrics" and options["mode"] == V1 and endpoint.startswith(_NOT_OF_V1):
            wrong = wrong or "v1 serves bare sockets only (tcp:, tcp6:, unix:, systemd:); use --mode v2"
        if wrong:
            errors.append(f"{options.place_of(option, endpoint)} {endpoint!r}: {wrong}")
    if options["metrics"] and find_spec("prometheus_client") is None:
        errors.append("--metrics needs prometheus-client: pip install 'tseep[metrics]'")
    users = [directive for directive in options.directives if directive.name == USER]
    try:
        if users and server.config["aclfile"]:
            raise AclRuleError(f"{users[0].place}: define users in the configuration file or in --aclfile, not in both")
        server.users.add([(directive.place, [USER, *directive.words]) for directive in users])
    except AclRuleError as error:
        errors.append(str(error))
    return errors


def without_effect(options: Options) -> list[str]:
    """Return lines about directives and options that have no effect, or that twistd is responsible for."""
    lines = []
    ignored = {directive.name: None for directive in options.directives if is_ignored(directive.name)}
    if ignored:
        lines.append(f"{options['config']}: without effect in tseep: {', '.join(ignored)}")
    named = {each.name: for_twistd(each.name, each.words) for each in options.directives}
    left = [f"{name} ({instead})" for name, instead in named.items() if instead]
    if left:
        lines.append(f"{options['config']}: left to twistd: {', '.join(left)}")
    if options["mode"] != V3 and not options.config.is_default("workers"):
        lines.append(f"workers has no effect in mode {options['mode']}: only v3 has workers")
    return lines


def _check_config(options: Options) -> int:
    """Print what a start with the configuration file would do; return the exit status. Starts and writes nothing."""
    from twisted.internet import reactor

    server = Server(options.config)
    errors = start_errors(reactor, options, server)
    if server.users.file is not None:
        try:
            server.users.load(server.users.file)
        except AclRuleError as error:
            errors.append(f"cannot load the users: {error}")
    errors += unwritable(options.config) + unused_password(server)
    for option, endpoint in options.endpoints():
        wrong = unavailable(endpoint)
        errors += [f"{options.place_of(option, endpoint)} {endpoint!r}: {wrong}"] if wrong else []
    for line in [f"error: {error}" for error in errors] + without_effect(options):
        sys.stdout.write(f"{line}\n")
    if errors:
        sys.stdout.write(f"{options['config']}: tseep would not start\n")
        return 1
    sys.stdout.write(f"{options['config']}: tseep would start in mode {options['mode']}\n")
    for line in [f"{option}: {endpoint}" for option, endpoint in options.endpoints()] + summary(server):
        sys.stdout.write(f"{line}\n")
    return 0
