"""
Servers for the tests of applications: on Twisted's reactor in the same process, or in a child process.

The pytest plugin is L{tseep.testing.plugin}; docs/testing.md has examples.

Imports: configuration, daemon, modes, server, system.
"""

from __future__ import annotations

import select
import subprocess
import sys
from contextlib import nullcontext
from typing import Any

from twisted.internet.defer import Deferred

from tseep.configuration.parameters import Config
from tseep.daemon.host import ReactorHost
from tseep.daemon.service import TseepService
from tseep.modes.evented import EventedMode
from tseep.modes.threaded import ThreadedMode
from tseep.server.server import Server

HOST = "127.0.0.1"

PATIENCE = 30.0
"""Timeout for the start and the replies of a child process, in seconds."""

FLUSH = b"flush\n"
"""The request of L{ChildProcess.flush} on the child's standard input, which the child echoes when it is done."""

_MODES = {"v1": ThreadedMode, "v2": EventedMode}


class _Address:
    """
    The address of a server: 127.0.0.1 and a free port.

    @ivar host: the IP address, C{port}: the port.
    """

    host = HOST
    port: int

    @property
    def url(self) -> str:
        """The address as a C{redis://} URL, database 0."""
        return f"redis://{self.host}:{self.port}/0"


class _TestHost(ReactorHost):
    """A host on the reactor of the tests, which SHUTDOWN must not stop."""

    def shut_down(self) -> None:
        pass


class InProcess(_Address):
    """
    A server on the reactor of the tests. It listens when the constructor returns.

    The limits of encodings, such as C{hash-max-listpack-entries}, are the process's: those of the server that was
    configured last hold for all.

    Stop it with L{stop}, which leaves a clean reactor: C{self.addCleanup(server.stop)}.

    @param reactor: by default Twisted's global reactor.
    @param mode: C{v1} or C{v2}.
    @param parameters: parameters of CONFIG SET, with underscores for dashes and values as text.
    @raise ValueError: if a value is wrong.
    """

    def __init__(self, reactor: Any = None, mode: str = "v2", **parameters: str) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._server = Server(Config(**parameters), host=_TestHost(reactor))
        self._mode = _MODES[mode](reactor, self._server)
        keeps = "dir" in parameters  # without it, never load files of the current directory
        self._service = TseepService(reactor, self._server, self._mode, [f"tcp:0:interface={HOST}"], keeps=keeps)
        self._service.privilegedStartService()
        self._service.startService()
        self.port = int(self._server.addresses[0].rpartition(":")[2])
        config = self._server.config
        self._first = {name: config.show(name) for name in config.parameters}

    def flush(self) -> None:
        """
        Reset the server: remove keys, scripts, functions and users, end CLIENT PAUSE, restore the initial
        configuration. Connections stay open, except those of removed users.
        """
        server = self._server
        with getattr(self._mode, "lock", None) or nullcontext():
            server.pause.end()
            server.keyspace.flush()
            server.scripting.forget()
            server.scripting.functions.clear()
            server.users.clear()
            for name, text in self._first.items():
                server.config.set(name, text)
            server.apply_config()
            server.run_deferred()
            server.deliver()

    def stop(self) -> Deferred[None]:
        """Close all connections and the port. The Deferred fires when that is done."""
        return self._service.stopService()


class ChildProcess(_Address):
    """
    A server in a child process. It exits on L{stop}, and when this process ends for any reason.

    @param mode: C{v1} or C{v2}.
    @param parameters: parameters of CONFIG SET, with underscores for dashes and values as text.
    @raise RuntimeError: with the child's standard error, if it does not start.
    """

    def __init__(self, mode: str = "v2", **parameters: str) -> None:
        words = [word for name, value in parameters.items() for word in (name, value)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tseep.testing", mode, *words],
            stdin=subprocess.PIPE,  # the child exits when this pipe is closed
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that Ctrl-C in the terminal does not kill it before the tests end
        )
        self.port = int(self._answer())

    @property
    def pid(self) -> int:
        return self._process.pid

    def flush(self) -> None:
        """
        Reset the server, as L{InProcess.flush} does.

        @raise RuntimeError: with the child's standard error, if it does not answer.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(FLUSH)
        self._process.stdin.flush()
        self._answer()

    def stop(self) -> None:
        """Stop the server, and wait for the end of the process."""
        self._process.communicate()  # closes the child's standard input

    def _answer(self) -> bytes:
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], PATIENCE)
        line: bytes = out.readline() if ready else b""
        if not line:
            self._process.kill()
            _, errors = self._process.communicate()
            raise RuntimeError(f"tseep does not answer: {errors.decode(errors='replace').strip() or 'no output'}")
        return line
