"""
v1: a thread for every connection, blocked on it.

The listener runs in the reactor; every accepted socket goes to a thread of a pool, which reads, answers and writes
until the client goes. One lock stands around the store.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet import tcp
from twisted.internet.interfaces import IProtocolFactory
from zope.interface import implementer

from tseep.interfaces import IConnection, IMode
from tseep.modes.shutdown import wait_while
from tseep.modes.threads import Threads
from tseep.modes.waker import Waker
from tseep.net import address
from tseep.net.listener import ClientFactory, Listener
from tseep.server.server import TOO_MANY_CLIENTS
from tseep.system import futex

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.server.server import Server
    from tseep.session.session import Session

READ_SIZE = 2048
"""Bytes of one read. CPython allocates the buffer before it blocks, so that idle connections hold it, too."""

LARGE_READ_SIZE = 16 * 1024
"""Bytes of the read that follows a full one at once, so that a pipeline is not split."""

DRAIN_TIMEOUT_S = 2.0
"""Seconds that are spent at most on requests that had come when the server was told to stop."""

LONG = 64 * 1024
"""Bytes from which on a reply is held against the limit on a client's output before a thread waits to send it."""

BREATH = 0.001
"""Seconds that a long script leaves the lock to others, again and again."""

_RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing does not wait for anything to be taken."""


class Accepted:
    """What a port makes of an accepted connection here, in a transport's place: the bare socket."""

    def __init__(self, sock: socket.socket, protocol: Any, client: Any, port: Any, number: int, reactor: Any) -> None:
        self.socket = sock


@implementer(IConnection)
class ThreadedConnection:
    """
    One client, and the blocking loop that serves it.

    @ivar peer: the client's address, C{host} the one that it connected to.
    """

    worker = None

    def __init__(self, mode: ThreadedMode, peer: Any, reserved: bool = False) -> None:
        self._mode = mode
        self._reserved = reserved
        self._socket: socket.socket
        self._outbox: deque[bytes] = deque()  # filled under the mode's lock, so that its order is that of the answers
        self._writing = threading.Lock()
        self._session: Session | None = None
        self._helped = False  # whether a thread waits to send the rest
        self.peer = address.show(peer)
        self.host = ""

    @property
    def fileno(self) -> int:
        """The socket's number; -1 once it is closed."""
        return self._socket.fileno()

    def makeConnection(self, accepted: Accepted) -> None:
        """A client has come; it may be one too many. Called in the reactor's thread."""
        self._socket = accepted.socket
        self._socket.setblocking(True)
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = _own_address(self._socket)
        with self._mode.lock:
            session = self._mode.server.connect(self, self._reserved)
        if isinstance(session, bytes):
            self._socket.sendall(session)
            self._socket.close()
        else:
            self._session = session
            self._mode.threads.serve(self)

    def serve(self, begun: Callable[[], None]) -> None:
        """
        Read, answer and write until the connection ends. Called in the client's thread.

        @param begun: called before the thread waits for the client for the first time.
        """
        session = self._session
        assert session is not None
        try:
            self._begin(session, begun)
            self._write(session)
            self._converse(session)
        except OSError:
            pass  # the client went in the middle of something
        finally:
            with self._mode.turn, self._mode.lock:
                self._disconnect(session)
            self._socket.close()

    def refuse(self) -> None:
        """Answer with an error and close, as the system cannot start a thread for the client."""
        session = self._session
        assert session is not None
        with self._mode.lock:
            self._mode.server.stats.rejected_connections += 1
            self._disconnect(session)
        with self._writing:
            self._outbox.append(TOO_MANY_CLIENTS)
            self._send_some()
        self._socket.close()

    def _disconnect(self, session: Session) -> None:
        self._mode.server.disconnect(session)
        self._session = None  # else they would keep each other, and all that was not taken, for long

    def _begin(self, session: Session, begun: Callable[[], None]) -> None:
        """Execute what the client has sent already. Blocks neither in recv(2) nor in send(2)."""
        try:
            data = self._socket.recv(READ_SIZE, socket.MSG_DONTWAIT)
            if data:
                with self._mode.turn, self._mode.lock:
                    self._outbox.append(session.receive(data))
        except BlockingIOError:
            pass
        finally:
            begun()

    def _converse(self, session: Session) -> None:
        turn, lock = self._mode.turn, self._mode.lock
        receive, recv, outbox = session.receive, self._socket.recv, self._outbox
        while not session.closing:
            data = recv(READ_SIZE)
            if not data:
                return
            if len(data) == READ_SIZE:
                data += self._read_more()
            with turn, lock:
                outbox.append(receive(data))
            self._write(session)

    def _read_more(self) -> bytes:
        """What has come already beyond a full read."""
        try:
            return self._socket.recv(LARGE_READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def _write(self, session: Session) -> None:
        with self._writing:
            self._write_all(session)

    def _write_all(self, session: Session) -> None:
        """Send what is in the outbox, and go on with what the client has said, until nothing is left."""
        outbox, server = self._outbox, self._mode.server
        turn, lock = self._mode.turn, self._mode.lock
        while outbox or session.waiting is not None:
            if not outbox:
                with turn, lock:
                    if session.waiting is not None:
                        outbox.append(session.resume())
            while outbox:
                if server.uncommitted:
                    self._mode.commit()
                if len(outbox[0]) >= LONG:
                    self._check(session)
                if outbox:
                    self._socket.sendall(outbox[0])
                    outbox.popleft()

    def _check(self, session: Session) -> None:
        """Send what the socket takes at once, and hold what is left against the limit on the client's output."""
        self._send_some()
        if self._outbox:
            with self._mode.turn, self._mode.lock:
                self._mode.server.outputs.check(session, self.unsent)

    def send(self, data: bytes) -> int:
        """
        Send at once what the socket takes; a thread beside sends the rest.

        Called with the mode's lock held.
        """
        self._outbox.append(data)
        if not self._mode.server.uncommitted and self._writing.acquire(blocking=False):
            try:
                self._send_some()
            finally:
                self._writing.release()
        if not self._outbox:
            return 0
        self.resume()
        return sum(map(len, self._outbox))

    def _send_some(self) -> None:
        outbox = self._outbox
        try:
            while outbox:
                sent = self._socket.send(outbox[0], socket.MSG_DONTWAIT)
                if sent < len(outbox[0]):
                    outbox[0] = outbox[0][sent:]
                    return
                outbox.popleft()
        except OSError:
            pass  # it takes nothing now, or it is gone, which its own thread will find

    def resume(self) -> None:
        """Let a thread beside the client's own, which is reading, send what is left and go on."""
        if not self._helped and self._session is not None:
            self._helped = True
            if not self._mode.threads.run(self._help, self._session):
                self._helped = False
                self._mode.unhelped.add(self)

    def _help(self, session: Session) -> None:
        try:
            with self._writing:
                self._helped = False  # not before: else each message to one who does not read would block a thread
                self._write_all(session)
            if session.closing:
                self.close()
        except OSError:
            pass  # the client is gone, which its own thread will find

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return sum(map(len, self._outbox))

    def close(self) -> None:
        """
        Close; the thread, wherever it is blocked, comes back and ends. Who does not take its replies is cut off: the
        system would keep them for it else, long after.
        """
        if self._outbox:
            self._set_linger()
        self._shut(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Close, but answer first what has come: reading ends after it."""
        self._shut(socket.SHUT_RD)

    def _set_linger(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass  # it is closed already

    def _shut(self, how: int) -> None:
        try:
            self._socket.shutdown(how)
        except OSError:
            pass  # it is closed already


def _own_address(sock: socket.socket) -> str:
    name = sock.getsockname()
    if isinstance(name, tuple):
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{name}:0"


class ThreadListener(Listener):
    """A listener that gives away bare sockets, and so takes no endpoint that puts a protocol between."""

    def __init__(self, reactor: Any, keepalive: int = 0) -> None:
        super().__init__(reactor, Accepted, Accepted, keepalive)

    def listenSSL(self, port: int, factory: IProtocolFactory, *args: Any, **kwargs: Any) -> tcp.Port:
        """Refused: a blocking thread needs the bare socket."""
        raise ValueError("v1 serves bare sockets only (tcp:, tcp6:, unix:, systemd:); use --mode v2 for TLS")

    def _listen(self, port: tcp.Port) -> tcp.Port:
        if not isinstance(port.factory, ClientFactory):
            raise ValueError("v1 serves bare sockets only (tcp:, tcp6:, unix:, systemd:); use --mode v2")
        return super()._listen(port)


@implementer(IMode)
class ThreadedMode:
    """
    v1: a thread for every client.

    @ivar lock: held around everything that touches the server.
    @ivar turn: acquired by a client's thread before C{lock}, so that at most one of them waits for C{lock}. The
        reactor's thread acquires C{lock} alone, and so waits for one client at most, not for thousands.
    """

    name = "v1"

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self.server = server
        self.turn = threading.Lock()
        self.lock = threading.Lock()
        self.threads = Threads(reactor)
        self.unhelped: set[ThreadedConnection] = set()  # for which no thread could be started; under the lock
        self._waker = Waker(reactor, server, lambda: self.call(server.fire))

    def start(self) -> None:
        """Make ready to give threads."""
        self.threads.start()
        self.server.threads = self.threads
        self.server.timers.wake = self._wake
        self.server.serve_others = self._serve_others
        self._listener = ThreadListener(self._reactor, self.server.config["tcp-keepalive"])
        self.server.keep_alive = self._listener.keep_alive

    @property
    def details(self) -> str:
        """The size of the futex hash table."""
        return f"{futex.slots()} futex slots"

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        """Listen for clients on an endpoint."""
        return self._listener.listen(endpoint, ClientFactory(lambda peer: ThreadedConnection(self, peer, reserved)))

    def call(self, function: Callable[[], None]) -> None:
        """
        Call what changes something in the server, or sends. As cron is called so ten times a second, connections that
        found no thread try again here.
        """
        with self.lock:
            function()
            if self.server.uncommitted:
                self.server.persistence.commit()
            unhelped, self.unhelped = self.unhelped, set()
            for connection in unhelped:
                connection.resume()

    def commit(self) -> None:
        """
        Write what was recorded, before anything is sent. Threads that wait for the lock meanwhile find that theirs
        was written, too.
        """
        with self.turn, self.lock:
            if self.server.uncommitted:
                self.server.persistence.commit()

    def _serve_others(self) -> None:
        """Called by a client's thread in the middle of a long script, with both locks held."""
        self.lock.release()
        self.turn.release()
        time.sleep(BREATH)
        self.turn.acquire()
        self.lock.acquire()

    def _wake(self, when: int) -> None:
        self._reactor.callFromThread(self._waker.wake, when)

    async def stop(self, grace: float) -> None:
        """
        Answer what has come, then close every connection and end every thread.

        @param grace: seconds after which who still does not take its replies is cut off.
        """
        for connection in self._connections():
            connection.finish()
        await wait_while(self._reactor, lambda: self.server.sessions, DRAIN_TIMEOUT_S)
        for connection in self._connections():
            connection.close()
        await wait_while(self._reactor, lambda: self.server.sessions, grace)
        self._waker.stop()
        self.threads.stop()

    def _connections(self) -> list[Any]:
        with self.lock:
            return [session.connection for session in self.server.sessions.values()]
