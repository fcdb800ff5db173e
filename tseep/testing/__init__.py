"""
A server for other people's tests: in their own process, on Twisted's reactor, or as a child process for all else.

The pytest plugin L{tseep.testing.plugin} comes with the package; docs/testing.md shows how both are used.

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
"""Seconds to wait for a child process to begin, or to answer."""

FLUSH = b"flush\n"
"""What a child process is told through the pipe that it watches, and answers when it is done."""

_MODES = {"v1": ThreadedMode, "v2": EventedMode}


class _Address:
    """
    Where a server listens: on a port of its own of 127.0.0.1.

    @ivar host: that address, C{port}: the port.
    """

    host = HOST
    port: int

    @property
    def url(self) -> str:
        """The address as most clients take it."""
        return f"redis://{self.host}:{self.port}/0"


class _TestHost(ReactorHost):
    """A host on the reactor of the tests, which SHUTDOWN must not stop."""

    def shut_down(self) -> None:
        pass


class InProcess(_Address):
    """
    A server on the reactor of the tests. It listens from the beginning.

    To be ended with L{stop}, which leaves nothing behind: C{self.addCleanup(server.stop)}.

    @param reactor: Twisted's, if it is not another one.
    @param mode: C{v1} or C{v2}.
    @param parameters: what CONFIG SET takes, by names with underscores in place of dashes, as texts.
    @raise ValueError: if a parameter cannot be read.
    """

    def __init__(self, reactor: Any = None, mode: str = "v2", **parameters: str) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._server = Server(Config(**parameters), host=_TestHost(reactor))
        self._mode = _MODES[mode](reactor, self._server)
        keeps = "dir" in parameters  # what is in the folder that the tests run in is none of theirs
        self._service = TseepService(reactor, self._server, self._mode, [f"tcp:0:interface={HOST}"], keeps=keeps)
        self._service.privilegedStartService()
        self._service.startService()
        self.port = int(self._server.addresses[0].rpartition(":")[2])
        config = self._server.config
        self._first = {name: config.show(name) for name in config.parameters}

    def flush(self) -> None:
        """
        Make it as new: without keys, scripts, functions and users, not paused, and with the configuration that it
        began with. Connections stay open, but for those of users that are no more.
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
        """Close all connections and the port. Fires when that is done."""
        return self._service.stopService()


class ChildProcess(_Address):
    """
    A server in a process of its own, which ends with L{stop}, and also when this process ends, however it does.

    @param mode: C{v1} or C{v2}.
    @param parameters: what CONFIG SET takes, by names with underscores in place of dashes, as texts.
    @raise RuntimeError: if it does not start, with what it wrote.
    """

    def __init__(self, mode: str = "v2", **parameters: str) -> None:
        words = [word for name, value in parameters.items() for word in (name, value)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tseep.testing", mode, *words],
            stdin=subprocess.PIPE,  # the child ends when this pipe does
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that an interrupt from the keyboard leaves it to the tests to end it
        )
        self.port = int(self._answer())

    @property
    def pid(self) -> int:
        """The process ID of the child."""
        return self._process.pid

    def flush(self) -> None:
        """
        Make it as new: without keys, scripts and functions, not paused, and with the configuration that it began with.
        Connections stay open.

        @raise RuntimeError: if it does not answer, with what it wrote.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(FLUSH)
        self._process.stdin.flush()
        self._answer()

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._process.communicate()  # which closes the pipe that the child watches

    def _answer(self) -> bytes:
        """A line that the child has written."""
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], PATIENCE)
        line: bytes = out.readline() if ready else b""
        if not line:
            self._process.kill()
            _, errors = self._process.communicate()
            raise RuntimeError(f"tseep does not answer: {errors.decode(errors='replace').strip() or 'it is silent'}")
        return line
