"""
Test clients. They share no protocol code with the servers, so that an error in either is detected.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from rig.codec import Decoder, Error, Reply, encode, error_frame, read_frame, response_frame, write_frame

__all__ = [
    "PATIENCE",
    "Client",
    "Error",
    "Reply",
    "TwistedClient",
    "connect",
    "encode",
    "error_frame",
    "read_exactly",
    "read_frame",
    "read_to_end",
    "response_frame",
    "write_frame",
]

PATIENCE = 60.0
"""
Timeout in seconds of waiting for a server. No test measures by it. v3 listens before its workers accept: on PyPy, they
start for seconds of CPU time, of which a busy machine gives a fraction.
"""


def connect(address: str | tuple[str, int], receive_buffer: int = 0) -> socket.socket:
    """
    A connected blocking socket.

    @param address: a path, or a host and a port.
    @param receive_buffer: size of the kernel's receive buffer in bytes; 0 for the default.
    """
    sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    sock.settimeout(PATIENCE)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(address)
    if not isinstance(address, str):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """
    Read C{count} bytes; fewer if the connection is closed first.
    """
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(min(count - len(data), 1 << 20))
        if not piece:
            break
        data += piece
    return bytes(data)


def read_to_end(sock: socket.socket) -> bytes:
    """Read until EOF; a connection reset also counts as EOF."""
    data = bytearray()
    while True:
        try:
            piece = sock.recv(1 << 20)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return bytes(data)
        data += piece


class Client:
    """A blocking client. C{client("GET", "key")} returns the plain reply."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self.socket = connect(address)
        self._decoder = Decoder()
        self._replies: list[Reply] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, *argv: Any) -> Any:
        return self.ask(*argv).plain

    def ask(self, *argv: Any) -> Reply:
        """Send a command; return its reply."""
        self.send(encode(*argv))
        return self.reply()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def reply(self) -> Reply:
        """
        The next reply.

        @raise EOFError: if the server closes the connection first.
        """
        while not self._replies:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the server has closed the connection")
            self._replies = self._decoder.feed(data)
        return self._replies.pop(0)

    def close(self) -> None:
        self.socket.close()


class TwistedClient(Protocol):
    """
    A client for tests with many connections.

    @ivar gone: fires when the connection is closed.
    """

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._waiting: list[Deferred[Any]] = []
        self.gone: Deferred[None] = Deferred()

    def call(self, *argv: Any) -> Deferred[Any]:
        """Send a command; return a deferred of its plain reply."""
        answer: Deferred[Any] = Deferred()
        self._waiting.append(answer)
        self.transport.write(encode(*argv))
        return answer

    def dataReceived(self, data: bytes) -> None:
        for reply in self._decoder.feed(data):
            self._waiting.pop(0).callback(reply.plain)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail the deferreds of commands without a reply."""
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer.errback(reason)
        self.gone.callback(None)
