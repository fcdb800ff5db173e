"""Counters of INFO stats for the server as a whole."""

from __future__ import annotations


class Stats:
    """Counters since the start or the last CONFIG RESETSTAT. Commands and the keyspace have counters of their own."""

    __slots__ = (
        "connections_received", "errors", "evicted_clients", "input_bytes", "output_bytes", "reads",
        "rejected_connections", "writes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.connections_received = 0
        self.rejected_connections = 0
        self.evicted_clients = 0
        self.input_bytes = 0
        self.output_bytes = 0
        self.reads = 0
        self.writes = 0
        self.errors: dict[bytes, int] = {}

    def count_error(self, code: bytes) -> None:
        """
        Count an error reply, or an error in a script.

        @param code: the first word of the error, such as C{ERR}.
        """
        self.errors[code] = self.errors.get(code, 0) + 1
