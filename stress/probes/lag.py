"""The lag of a tseep server's event loop, read from INFO every second."""

from __future__ import annotations

import re
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

INFO_REQUEST = b"*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n"
LAG_FIELD = re.compile(rb"tseep_loop_lag_usec:(\d+)\r\n")
READ_BYTES = 65536


class Lag:
    """A connection to a tseep server, open inside C{with}, for requests whose answers are not awaited: an answer that
    has come is written into the row that it was requested for. After EOF or a reset no more answers come, which the
    load's faults report."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._rows: deque[dict[str, Any]] = deque()  # whose answers have not come
        self._received = b""

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(self._address)
        self._socket.setblocking(False)
        return self

    def __exit__(self, *failure: object) -> None:
        self._socket.close()

    def request(self, row: dict[str, Any]) -> None:
        """Send a request for C{loop_lag_us} of a row: microseconds, the maximum of the second before the answer."""
        try:
            self._socket.send(INFO_REQUEST)
        except OSError:
            return
        self._rows.append(row)

    def receive(self) -> None:
        """Write the answers that have come into their rows."""
        try:
            self._received += self._socket.recv(READ_BYTES)
        except OSError:
            return
        end = 0
        for found in LAG_FIELD.finditer(self._received):
            self._rows.popleft()["loop_lag_us"] = int(found[1])
            end = found.end()
        self._received = self._received[end:]
