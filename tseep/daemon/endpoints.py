"""Endpoints: Redis's directives as Twisted's strings, and explanations of strings that are wrong."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from twisted.internet.endpoints import quoteStringArgument, serverFromString

from tseep.configuration.parameters import Config

DEFAULT_ENDPOINT = "tcp:6379:interface=127.0.0.1"

_PORT = re.compile(r"(?:haproxy:)?(?:tcp6?|ssl|mtls):(?:port=)?([0-9]+)")

_HELP = f"write it as in {DEFAULT_ENDPOINT}"

_INTERFACE = re.compile(r":interface=((?:\\.|[^:\\])+)")
_ADDRESS = re.compile(r"(?:(\[.+\]|\*|localhost|[^:/]+\.[^:/]+|):)?([0-9]+)", re.ASCII)
_MISSING = re.compile(r"missing [0-9]+ required positional arguments?: ")
_UNIX = re.compile(r"unix:(?:address=)?((?:\\.|[^:\\])+)")


def tcp_endpoints(config: Config) -> list[str]:
    """Return the endpoints of C{bind} and C{port} as Twisted's strings."""
    port = config["port"]
    return [_tcp(host, port) for host in config["bind"] if port and _usable(host)]


def unix_endpoints(config: Config) -> list[str]:
    """Return the endpoint of C{unixsocket} as Twisted's string; empty without one."""
    path, mode = config["unixsocket"], config["unixsocketperm"] or 0o666
    return [f"unix:{quoteStringArgument(path)}:mode={mode:o}"] if path else []


def _tcp(host: str, port: int) -> str:
    host = host.lstrip("-")
    if host == "*":
        return f"tcp:{port}"
    host = "::" if host == "::*" else host
    return f"tcp{'6' if ':' in host else ''}:{port}:interface={quoteStringArgument(host)}"


def _usable(host: str) -> bool:
    """Return whether to listen on an address. A leading minus makes it optional: only if this machine has it."""
    if not host.startswith("-"):
        return True
    return not _missing("::" if host == "-::*" else host[1:])


def _missing(host: str) -> str:
    """Return the error of bind(2) for an address; empty if this machine has it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def unavailable(endpoint: str) -> str:
    """Return why listening would fail: a missing address or directory; empty otherwise. Does not check the port."""
    interface, path = _INTERFACE.search(endpoint), _UNIX.match(endpoint)
    if interface is not None:
        return _missing(_plain(interface[1]))
    folder = os.path.dirname(_plain(path[1])) if path is not None else ""
    return f"{folder}: there is no such directory" if folder and not os.path.isdir(folder) else ""


def _plain(quoted: str) -> str:
    """Return an argument of an endpoint's string without escapes."""
    return re.sub(r"\\(.)", r"\1", quoted)


def problem(reactor: Any, endpoint: str) -> str:
    """Return why Twisted cannot parse an endpoint's string, with a hint; empty if it can. Does not listen."""
    try:
        serverFromString(reactor, endpoint)
    except LookupError:
        return "systemd has passed no such socket"
    except ImportError as error:
        return f"{error}; TLS needs pip install 'tseep[tls]'"
    except Exception as error:  # endpoint plugins raise anything
        return _reason(endpoint, error)
    port = _PORT.match(endpoint)
    return f"port {port[1]} is not between 0 and 65535" if port and int(port[1]) > 65535 else ""


def _reason(endpoint: str, error: Exception) -> str:
    kind, _, rest = endpoint.partition(":")
    text = re.sub(r"^\w+\(\) ", "", str(error)) or type(error).__name__
    text = _MISSING.sub("missing argument: ", text)
    if isinstance(error, OSError) and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if "invalid literal for int()" in text:
        return f"{text.rpartition(': ')[2]} is not a number; {_HELP}"
    if "multiple values" in text and "::" in rest:
        return r"colons in an address are escaped; write it as in tcp6:6379:interface=\:\:1"
    if text.startswith("Unknown endpoint type"):
        return _likely(endpoint) or f"{text}; {_HELP}"
    return f"{text}; {_HELP}" if kind.startswith("tcp") else text


def _likely(endpoint: str) -> str:
    """Return the endpoint that a port, an address with a port, or a path probably means; empty for anything else."""
    if endpoint.startswith("/"):
        return f"write it as unix:{quoteStringArgument(endpoint)}"
    address = _ADDRESS.fullmatch(endpoint)
    host = (address[1] or "127.0.0.1").strip("[]") if address else ""
    return f"write it as {_tcp(host, int(address[2]))}" if address else ""
