"""A comparison server: fakeredis's own, with a thread per connection and the data of a fake Redis for tests.

It polls idle connections with select(2), which supports up to 1,024 open files, and closes a connection after an error.
"""

from __future__ import annotations

from resp import bulk
from start import BACKLOG, HOST, libraries, port

with libraries():
    from fakeredis._clients import _tcp_server

SIMPLE = (b"OK", b"PONG")


class Writer(_tcp_server.Writer):
    """Sends answers. fakeredis sends a value as a simple string where it can, +value. Redis never does that, so that a
    byte-by-byte comparison of answers would fail."""

    def dump(self, value: object) -> None:
        if not isinstance(value, bytes) or value in SIMPLE:
            return super().dump(value)
        self.write(bulk(value))
        self.writer.flush()
        return None


class Server(_tcp_server.TcpFakeServer):
    """fakeredis's server with a larger backlog than 5."""

    request_queue_size = BACKLOG


if __name__ == "__main__":
    _tcp_server.Writer = Writer  # type: ignore[misc]
    Server((HOST, port(__doc__))).serve_forever()
