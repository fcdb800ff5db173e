"""
SCRIPT DEBUG: EVAL in a debugger (https://redis.io/docs/latest/develop/programmability/lua-debugging/).

SYNC runs the script in the server. Other clients wait until it has ended, but for the commands that can end it: SCRIPT
KILL and SHUTDOWN NOSAVE. YES runs it in a forked child process, on a copy of the data; the server passes the bytes
between the client and the child.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.replies import NO_REPLY, Reply
from tseep.scripting.lua.debugger import MAX_INPUT, Channel, Debugger
from tseep.system.fork import ForkedChild

if TYPE_CHECKING:
    from tseep.scripting.scripts import Scripting
    from tseep.session.session import Session

NO, SYNC, YES = range(3)
"""SCRIPT DEBUG's modes, as L{Session.debugging <tseep.session.session.Session>}."""

WAIT_S = 0.01
"""Maximum seconds for which a stopped script waits for its user, before the server looks whether to go on."""

RELAY_MS = 10
"""Milliseconds between two looks for output of a child."""

READ_BYTES = 64 * 1024
"""Maximum bytes of output passed on at once. The child waits while the client has as many unsent."""

DEFAULT_PATIENCE = 5000
"""Milliseconds after which a script that does not stop is stopped, if busy-reply-threshold is 0; as in Redis."""


def debug(session: Session, text: bytes, run: Callable[[], Reply]) -> Reply:
    """
    Run a script in a debugger, for a client that has called SCRIPT DEBUG YES or SYNC.

    @param run: runs the script; the function of its command.
    @raise CommandError: if it fails.
    """
    if session.deny_blocking:
        raise CommandError("ERR Scripts cannot be debugged inside MULTI")
    if session.debugging == YES:
        return _debug_in_child(session, text, run)
    server = session.server
    server.host.log(3, "Redis synchronous debugging eval session started")
    server.pause.begin_debugging()
    try:
        return _debug(session, text, run, ClientChannel(session))
    finally:
        server.pause.end_debugging()
        session.closing = True
        server.host.log(3, "Redis synchronous debugging eval session ended")


def _debug(session: Session, text: bytes, run: Callable[[], Reply], channel: Channel) -> Reply:
    scripting = session.server.scripting
    debugger = Debugger(text, channel, DebuggedScript(scripting))
    try:
        with scripting.interpreter.debugging(debugger):
            return run()
    finally:
        debugger.end()


class DebuggedScript:
    """The running script, as the debugger sees it (L{Debugged <tseep.scripting.lua.debugger.Debugged>})."""

    def __init__(self, scripting: Scripting) -> None:
        self._scripting = scripting

    def call(self, argv: list[bytes]) -> Reply:
        self._scripting.session.last_command = None
        return self._scripting.call(argv)

    def ran(self) -> bool:
        return self._scripting.session.last_command is not None

    def encode(self, reply: Reply) -> bytes:
        return self._scripting.session.encode(reply)

    def timed_out(self) -> bool:
        running, server = self._scripting.running, self._scripting.server
        assert running is not None
        patience = server.config["busy-reply-threshold"] or DEFAULT_PATIENCE
        return bool(server.timer() - running.started > patience * 1_000_000)

    def resumed(self) -> None:
        running = self._scripting.running
        assert running is not None
        running.started = self._scripting.server.timer()


class ClientChannel:
    """The client whose script is debugged in the server (SYNC)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self) -> bytes:
        """
        Wait for input of the client.

        @return: the input; empty if the connection is lost or the script is killed.
        """
        session = self._session
        server = session.server
        running = server.scripting.running
        assert running is not None
        while True:
            session.connection.read_on()
            data = session.take_input()
            if data or session.ended or running.killed:
                return data
            server.yield_to_clients(running, WAIT_S)

    def write(self, data: bytes) -> None:
        if not self._session.ended:
            self._session.send_now(data)


def _debug_in_child(session: Session, text: bytes, run: Callable[[], Reply]) -> Reply:
    """Start a child that runs the script. From now on, the session passes its input to the child."""
    server = session.server
    server.host.log(3, "Redis forked for debugging eval")
    from_client, to_child = os.pipe()
    from_child, to_client = os.pipe()

    def work() -> None:
        server.detach()
        channel = PipeChannel(from_client, to_client)
        try:
            reply = _debug(session, text, run, channel)
        except CommandError as error:
            reply = error
        channel.write(session.encode(reply))

    try:
        child = ForkedChild(work, server.monotonic(), (from_client, to_client))
    except OSError as error:
        os.close(to_child)
        os.close(from_child)
        raise CommandError(f"ERR Fork() failed: can't run EVAL in debugging mode: {error.strerror}") from None
    finally:
        os.close(from_client)
        os.close(to_client)
    session.pass_input(Relay(session, child, to_child, from_child))
    return NO_REPLY


class PipeChannel:
    """The client whose script is debugged in this child process. The child exits when the server has closed a pipe."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink

    def read(self) -> bytes:
        data = os.read(self._source, READ_BYTES)
        if not data:
            os._exit(0)
        return data

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._sink, view) :]
        except BrokenPipeError:
            os._exit(0)


class Relay:
    """
    The bytes between a client and the child that debugs its script: in place of the session's parser, and a timer for
    the output. The child is killed when the connection is lost, and the connection closed when the child has ended.
    """

    partial = False
    error = None
    held = 0

    def __init__(self, session: Session, child: ForkedChild, to_child: int, from_child: int) -> None:
        self._session = session
        self._child = child
        self._to_child = to_child
        self._from_child = from_child
        self._input = bytearray()
        session.server.scripting.debuggers.add(child.pid)
        os.set_blocking(to_child, False)
        os.set_blocking(from_child, False)
        self._wait()

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Pass input to the child. Close the connection if the child does not read more than L{MAX_INPUT}."""
        self._input += data
        self._flush()
        if len(self._input) > MAX_INPUT:
            self._session.connection.close()
        return []

    def _flush(self) -> None:
        try:
            while self._input:
                del self._input[: os.write(self._to_child, self._input)]
        except BlockingIOError:
            pass  # the script runs
        except BrokenPipeError:
            self._input.clear()  # the child has ended

    def _wait(self) -> None:
        server = self._session.server
        server.timers.set(server.milliseconds() + RELAY_MS, self._look)

    def _look(self) -> None:
        session = self._session
        if session.ended:
            self._end()
            return
        self._flush()
        if session.connection.unsent < READ_BYTES:
            try:
                output = os.read(self._from_child, READ_BYTES)
            except BlockingIOError:
                pass
            else:
                if not output:
                    session.server.deliver()
                    session.connection.close()
                    self._end()
                    return
                session.push(output)
        self._wait()

    def _end(self) -> None:
        os.close(self._to_child)
        os.close(self._from_child)
        server = self._session.server
        server.scripting.debuggers.discard(self._child.pid)
        self._child.kill()
        server.host.log(3, "Lua debugging session child exiting")
