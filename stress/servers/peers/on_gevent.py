"""A comparison server: gevent, with a greenlet per connection that uses a blocking socket."""

from __future__ import annotations

import socket

from resp import Conversation, Keys
from start import BACKLOG, HOST, libraries, port

with libraries():
    import gevent.socket
    from gevent.server import StreamServer

KEYS: Keys = {}


def converse(client: gevent.socket.socket, address: object) -> None:
    """Serve one client until it disconnects; gevent closes its socket then."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conversation = Conversation(KEYS)
    try:
        while not conversation.ended and (data := client.recv(65_536)):
            client.sendall(conversation.receive(data))
    except ConnectionError:
        pass  # the client disconnected before it read all answers


if __name__ == "__main__":
    StreamServer((HOST, port(__doc__)), converse, backlog=BACKLOG).serve_forever()
