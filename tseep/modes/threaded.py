"""
v1: one thread for each connection, with blocking calls.

The listener runs in the reactor. Each accepted socket is served by a thread of a pool, which reads, answers and writes
until the connection ends. One lock guards the server.
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
from twisted.internet.threads import blockingCallFromThread
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

from tseep.interfaces import IConnection, IMode
from tseep.modes.shutdown import wait_while
from tseep.modes.threads import Threads
from tseep.modes.waker import Waker
from tseep.net import address
from tseep.net.listener import BACKLOG, ClientFactory, Listener, close_now
from tseep.server.output_limits import UNAUTHENTICATED_OUTPUT
from tseep.server.server import TOO_MANY_CLIENTS
from tseep.system import futex

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.server.server import Server
    from tseep.session.session import Session

READ_BYTES = 2048
"""Bytes of one read. CPython allocates the buffer before C{recv} blocks, so that idle connections hold one, too."""

LARGE_READ_BYTES = 16 * 1024
"""Bytes of the read that follows a full one, so that a pipeline is not split."""

DRAIN_TIMEOUT_S = 2.0
"""Maximum seconds spent at shutdown on requests that have already arrived."""

LARGE_REPLY_BYTES = 64 * 1024
"""Minimum size of a reply that is checked against C{client-output-buffer-limit} before a thread blocks to send it."""

YIELD_S = 0.001
"""Seconds for which a long script releases the locks, each time that it serves other clients."""

_LINGER_0 = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which closing discards unsent data and resets the connection."""


class Accepted:
    """The bare socket of an accepted connection. A port of v1 makes it where another makes a transport."""

    def __init__(self, sock: socket.socket, protocol: Any, client: Any, port: Any, number: int, reactor: Any) -> None:
        self.socket = sock


@implementer(IConnection)
class ThreadedConnection:
    """
    One client, and the blocking loop that serves it.

    The client's own thread reads, answers and writes. Output that it does not send itself (messages from other clients,
    replies to blocked commands) is sent by the thread that produces it as far as the socket accepts it; a second
    thread of the pool, the sender, blocks for the rest.
    """

    worker = None

    def __init__(self, mode: ThreadedMode, peer: Any, reserved: bool = False) -> None:
        self._mode = mode
        self._reserved = reserved
        self._socket: socket.socket
        self._outbox: deque[bytes] = deque()  # filled with the mode's lock held, in the order of the replies
        self._writing = threading.Lock()
        self._session: Session | None = None
        self._sender_scheduled = False  # whether a sender has been scheduled and does not send yet
        self.peer = address.show(peer)
        self.host = ""

    @property
    def fileno(self) -> int:
        """The number of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def makeConnection(self, accepted: Accepted) -> None:
        """Begin the session and start the client's thread, unless the server refuses the client."""
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
        session = self._session
        assert session is not None
        try:
            self._begin(session, begun)
            self._write(session)
            self._converse(session)
        except OSError:
            pass  # the connection is lost
        finally:
            with self._mode.turn, self._mode.lock:
                self._disconnect(session)
            self._socket.close()

    def refuse(self) -> None:
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
        self._session = None  # break the reference cycle, which keeps the unsent output in memory

    def _begin(self, session: Session, begun: Callable[[], None]) -> None:
        """Execute what the client has already sent. Blocks neither in recv(2) nor in send(2)."""
        try:
            data = self._socket.recv(READ_BYTES, socket.MSG_DONTWAIT)
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
            data = recv(READ_BYTES)
            if not data:
                return
            if len(data) == READ_BYTES:
                data += self._read_more()
            with turn, lock:
                outbox.append(receive(data))
            self._write(session)

    def _read_more(self) -> bytes:
        """Read what has arrived beyond a full read, without blocking."""
        try:
            return self._socket.recv(LARGE_READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def _write(self, session: Session) -> None:
        with self._writing:
            self._write_all(session)

    def _write_all(self, session: Session) -> None:
        """Send the outbox and run pending commands until both are empty. Blocks while the client does not read."""
        outbox, server = self._outbox, self._mode.server
        turn, lock = self._mode.turn, self._mode.lock
        while outbox or session.pending_commands is not None:
            if not outbox:
                with turn, lock:
                    if session.pending_commands is not None:
                        outbox.append(session.resume())
            while outbox:
                if server.uncommitted:
                    self._mode.commit()
                if len(outbox[0]) >= LARGE_REPLY_BYTES or not session.trusted:
                    self._check(session)
                if session.closing:
                    self._send_last(session)
                if outbox:
                    self._socket.sendall(outbox[0])
                    outbox.popleft()

    def _send_last(self, session: Session) -> None:
        """
        End the session with the lock held if the socket accepts the last output, so that CLIENT LIST and PUBSUB do not
        show a client that has read the reply to QUIT.
        """
        with self._mode.turn, self._mode.lock:
            self._send_some()
            if not self._outbox:
                self._mode.server.disconnect(session)

    def _check(self, session: Session) -> None:
        """
        Send what the socket accepts, and check the rest against C{client-output-buffer-limit}. A client that has to
        authenticate exceeds its small limit with any rest: it would keep the thread, and is not read meanwhile.
        """
        self._send_some()
        if self._outbox:
            with self._mode.turn, self._mode.lock:
                unsent = self.unsent if session.trusted else max(self.unsent, UNAUTHENTICATED_OUTPUT)
                self._mode.server.outputs.check(session, unsent)

    def send(self, data: bytes) -> int:
        """Send what the socket accepts; a sender sends the rest. Must be called with the mode's lock held."""
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
            pass  # the buffer is full, or the connection is lost: the client's own thread handles that

    def resume(self) -> None:
        """Have a sender send the outbox and run pending commands, as the client's own thread may block in C{recv}."""
        if not self._sender_scheduled and self._session is not None:
            self._sender_scheduled = True
            if not self._mode.threads.run(self._run_sender, self._session):
                self._sender_scheduled = False
                self._mode.without_sender.add(self)

    def _run_sender(self, session: Session) -> None:
        try:
            with self._writing:
                self._sender_scheduled = False  # with the lock held, so that at most one sender waits for it
                self._write_all(session)
            if session.closing:
                self.close()
        except OSError:
            pass  # the connection is lost: the client's own thread handles that

    def read_on(self) -> None:
        """Called by the client's own thread, which reads nothing else until the command is done."""
        session = self._session
        if session is not None:
            try:
                data = self._socket.recv(READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                session.receive(data)
            else:
                self._disconnect(session)

    @property
    def unsent(self) -> int:
        return sum(map(len, self._outbox))

    def close(self) -> None:
        """
        Shut the socket down, so that threads that block on it end. If output is left, the connection is reset: else the
        kernel would keep the output long after.
        """
        if self._outbox:
            self._discard_output()
        self._shut(socket.SHUT_RDWR)

    def drain(self) -> None:
        """Have the client's thread answer what has arrived, then close: C{recv} returns EOF after it."""
        self._shut(socket.SHUT_RD)

    def _discard_output(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
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
    """A listener for bare sockets. It refuses endpoints that put a protocol between socket and client (TLS, PROXY)."""

    def __init__(self, reactor: Any, keepalive: int = 0, backlog: int = BACKLOG) -> None:
        super().__init__(reactor, Accepted, Accepted, keepalive, backlog)

    def listenSSL(self, port: int, factory: IProtocolFactory, *args: Any, **kwargs: Any) -> tcp.Port:
        raise ValueError("v1 serves bare sockets only (tcp:, tcp6:, unix:, systemd:); use --mode v2 for TLS")

    def _listen(self, port: tcp.Port) -> tcp.Port:
        if not isinstance(port.factory, ClientFactory):
            raise ValueError("v1 serves bare sockets only (tcp:, tcp6:, unix:, systemd:); use --mode v2")
        return super()._listen(port)


@implementer(IMode)
class ThreadedMode:
    """
    v1: one thread for each client.

    @ivar lock: guards the server and everything that it refers to.
    @ivar turn: acquired by a client's thread before C{lock}, so that at most one of them waits for C{lock}. The
        reactor's thread acquires C{lock} alone, and so waits for one client at most, not for thousands.
    @ivar without_sender: connections for which no sender could be started. Guarded by C{lock}.
    """

    name = "v1"

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self.server = server
        self.turn = threading.Lock()
        self.lock = threading.Lock()
        self.threads = Threads(reactor)
        self.without_sender: set[ThreadedConnection] = set()
        self._waker = Waker(reactor, server, lambda: self.call(server.fire))

    def start(self) -> None:
        """Prepare the threads and the listener."""
        self.threads.start()
        self.server.threads = self.threads
        config = self.server.config
        self._listener = ThreadListener(self._reactor, config["tcp-keepalive"], config["tcp-backlog"])
        self.server.host.attach(self)

    @property
    def details(self) -> str:
        return f"{futex.slots()} futex slots"

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        return self._listener.listen(endpoint, ClientFactory(lambda peer: ThreadedConnection(self, peer, reserved)))

    def close_port(self, port: Any) -> None:
        """
        Close a port in the reactor's thread, which may be in the middle of an C{accept} and wait for the lock. The
        client's thread that calls this releases the lock meanwhile; C{turn} keeps other clients' commands out.
        """
        if isInIOThread():
            close_now(port)
            return
        self.lock.release()
        try:
            blockingCallFromThread(self._reactor, close_now, port)
        finally:
            self.lock.acquire()

    def call(self, function: Callable[[], None]) -> None:
        """
        Call a function that changes the server's state or sends to clients, with the lock held, then commit. Then start
        the senders that could not be started before: cron is called through this method ten times a second.
        """
        with self.lock:
            function()
            if self.server.uncommitted:
                self.server.persistence.commit()
            connections, self.without_sender = self.without_sender, set()
            for connection in connections:
                connection.resume()

    def commit(self) -> None:
        """
        Write what was recorded to the append-only file, before anything is sent. This includes what other threads have
        recorded, so that those that wait for the lock find nothing left to write.
        """
        with self.turn, self.lock:
            if self.server.uncommitted:
                self.server.persistence.commit()

    def serve_clients(self, seconds: float = 0) -> None:
        """
        Release both locks for L{YIELD_S}, or for C{seconds} if that is longer. Called by a client's thread in the
        middle of a long script.
        """
        self.lock.release()
        self.turn.release()
        time.sleep(max(YIELD_S, seconds))
        self.turn.acquire()
        self.lock.acquire()

    def set_keepalive(self, seconds: int) -> None:
        self._listener.keep_alive(seconds)

    def wake(self, when: int) -> None:
        self._reactor.callFromThread(self._waker.wake, when)

    async def stop(self, grace: float) -> None:
        """
        Answer what has arrived, then close every connection and end every thread.

        @param grace: seconds that clients have to read their replies after their connections are closed.
        """
        for connection in self._connections():
            connection.drain()
        await wait_while(self._reactor, lambda: self.server.sessions, DRAIN_TIMEOUT_S)
        for connection in self._connections():
            connection.close()
        await wait_while(self._reactor, lambda: self.server.sessions, grace)
        self._waker.stop()
        self.threads.stop()

    def _connections(self) -> list[Any]:
        with self.lock:
            return [session.connection for session in self.server.sessions.values()]
