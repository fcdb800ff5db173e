"""What tseep says of its event loop: how late it was at worst, asked each second."""

from __future__ import annotations

import re
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

ASK = b"*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n"
TOLD = re.compile(rb"tseep_loop_lag_usec:(\d+)\r\n")
PIECE = 65536


class Lag:
    """A connection to a tseep server, over which it is asked. Inside `with`.

    Nobody waits for an answer: a row is written into when its answer has come. A server that goes away says no
    more, which the load's faults tell.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._rows: deque[dict[str, Any]] = deque()  # that asked, and have no answer
        self._heard = b""

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(self._address)
        self._socket.setblocking(False)
        return self

    def __exit__(self, *failure: object) -> None:
        self._socket.close()

    def ask(self, row: dict[str, Any]) -> None:
        """Ask, for `loop_lag_us` of a row: microseconds, the worst of the second up to the answer."""
        try:
            self._socket.send(ASK)
        except OSError:
            return
        self._rows.append(row)

    def hear(self) -> None:
        """Write down the answers that have come."""
        try:
            self._heard += self._socket.recv(PIECE)
        except OSError:
            return
        end = 0
        for told in TOLD.finditer(self._heard):
            self._rows.popleft()["loop_lag_us"] = int(told[1])
            end = told.end()
        self._heard = self._heard[end:]
