"""Sets all keys that the clients share before they connect."""

from __future__ import annotations

import socket

from rig.codec import difference
from rig.workloads import Workload, key_of, value_of

SETS_PER_WRITE = 256
READ_BYTES = 1 << 16


class NotLoaded(Exception):
    """The keys could not be set; the text has the reason."""


def load(address: tuple[str, int], workload: Workload, seed: int, timeout: float) -> None:
    """Set all keys, and check every reply. Raises NotLoaded."""
    protocol = workload.codec
    try:
        with socket.create_connection(address, timeout) as connection:
            for first in range(0, workload.keys, SETS_PER_WRITE):
                numbers = range(first, min(first + SETS_PER_WRITE, workload.keys))
                pairs = [(key_of(number), value_of(workload.values, seed, number)) for number in numbers]
                connection.sendall(b"".join(protocol.write(key, value) for key, value in pairs))
                _read(connection, b"".join(protocol.stored(value) for _, value in pairs))
    except OSError as error:
        raise NotLoaded(f"the keys could not be set before the run: {error}") from None


def _read(connection: socket.socket, expected: bytes) -> None:
    got = b""
    while len(got) < len(expected):
        data = connection.recv(READ_BYTES)
        if not data:
            raise NotLoaded("the keys could not be set before the run: the server closed the connection")
        got += data
    if got != expected:
        raise NotLoaded(f"the keys could not be set before the run: {difference(got, expected)}")
