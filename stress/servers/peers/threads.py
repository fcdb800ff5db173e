"""A comparison server: the standard library's socketserver, with a thread per connection."""

from __future__ import annotations

import socket
import socketserver

from resp import Conversation, Keys
from start import BACKLOG, HOST, port

KEYS: Keys = {}


class Client(socketserver.BaseRequestHandler):
    """One connection in a thread of its own. The dict needs no lock for these commands."""

    request: socket.socket

    def handle(self) -> None:
        """Serve until the client disconnects; socketserver closes its socket then."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conversation = Conversation(KEYS)
        try:
            while not conversation.ended and (data := self.request.recv(65_536)):
                self.request.sendall(conversation.receive(data))
        except ConnectionError:
            pass  # the client disconnected before it read all answers


class Server(socketserver.ThreadingTCPServer):
    """socketserver's threading server with a larger backlog."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = BACKLOG


if __name__ == "__main__":
    Server((HOST, port(__doc__)), Client).serve_forever()
