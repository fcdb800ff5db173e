"""A comparison server: fakeredis's own, a thread for each connection and the keys of a test's fake Redis.

It looks at idle connections with select(2), which takes no more than 1,024 open files, and ends a connection
after an error.
"""

from __future__ import annotations

from resp import bulk
from start import BACKLOG, HOST, libraries, port

with libraries():
    from fakeredis._clients import _tcp_server

SIMPLE = (b"OK", b"PONG")


class Writer(_tcp_server.Writer):
    """Sends answers. fakeredis sends a value as a simple string where it can, +value; clients take that, but Redis
    does not do it, and whoever compares answers byte by byte finds each of them wrong."""

    def dump(self, value: object) -> None:
        """Send one answer."""
        if not isinstance(value, bytes) or value in SIMPLE:
            return super().dump(value)
        self.write(bulk(value))
        self.writer.flush()
        return None


class Server(_tcp_server.TcpFakeServer):
    """As it comes, but that more than 5 clients may wait to be accepted."""

    request_queue_size = BACKLOG


if __name__ == "__main__":
    _tcp_server.Writer = Writer  # type: ignore[misc]
    Server((HOST, port(__doc__))).serve_forever()
