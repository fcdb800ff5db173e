"""A comparison server: fakeredis's own, which keeps its keys as fakeredis does in an application's tests."""

from __future__ import annotations

from start import BACKLOG, HOST, libraries, port

with libraries():
    from fakeredis import TcpFakeServer


class Server(TcpFakeServer):
    """As it comes, but for the clients that may wait to be accepted, which are 5."""

    request_queue_size = BACKLOG


if __name__ == "__main__":
    Server((HOST, port(__doc__))).serve_forever()
