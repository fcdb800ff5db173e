"""What one run of the load against one server gave, and what can be said from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import proc
from crew import Connecting, Operating
from faults import Faults

BUSY = 0.9  # of a core: as good as all of it on a machine that does other things too
SPARE = 0.05  # of all cores' time; with less of it idle the machine is full


@dataclass
class ServerSide:
    """The server's own figures; memory in bytes, CPU and switches of the operations alone."""

    cpu_seconds: float
    cpu_us_per_operation: float
    voluntary_switches: int
    involuntary_switches: int
    threads: int
    resident: int
    resident_per_connection: float


def server_side(
    alone: proc.Sample, idle: proc.Sample, worked: proc.Sample, clients: int, operations: int
) -> ServerSide:
    """Work out the server's figures from three looks at it: before the clients came, with all
    of them connected and idle, and after their operations with all still connected."""
    used = proc.use(idle, worked)
    return ServerSide(
        cpu_seconds=used.cpu_seconds,
        cpu_us_per_operation=1e6 * used.cpu_seconds / max(1, operations),
        voluntary_switches=used.voluntary,
        involuntary_switches=used.involuntary,
        threads=len(worked.threads),
        resident=worked.resident,
        resident_per_connection=(idle.resident - alone.resident) / clients,
    )


@dataclass
class Result:
    """One row: a mode's run. `asked` operations were to be done, if nothing went wrong."""

    mode: str
    clients: int
    asked: int
    connecting: Connecting
    operating: Operating
    server: ServerSide | None
    faults: Faults
    machine_idle: float  # share of all cores' time during the operations

    @property
    def answered(self) -> int:
        """How many operations had a full answer."""
        return self.operating.latency.number

    @property
    def per_second(self) -> float:
        """Operations answered a second, from the first send to the last answer."""
        return self.answered / self.operating.seconds if self.answered else 0.0

    @property
    def load_share(self) -> float:
        """How much of a core the busiest load process used during the operations."""
        return max(self.operating.shares)

    @property
    def server_share(self) -> float | None:
        """How much of a core the server used during the operations (above 1 with several)."""
        if self.server is None or not self.answered:
            return None
        return self.server.cpu_seconds / self.operating.seconds

    def limited_by(self) -> str | None:
        """Say whether something other than the server set the pace: "load", "machine" or None.

        A server that used a whole core was at its own limit, whatever else was busy. Otherwise
        the pace was the load's if a load process used a whole core, and the machine's if no
        core had time left, be it for the load, other programs or the host.
        """
        if (self.server_share or 0.0) >= BUSY or not self.answered:
            return None
        if self.load_share >= BUSY:
            return "load"
        return "machine" if self.machine_idle < SPARE else None

    def as_json(self) -> dict[str, object]:
        """Return all of it in plain types; names tell the units, memory is in bytes."""
        latency, connecting = self.operating.latency, self.connecting
        return {
            "mode": self.mode,
            "clients": self.clients,
            "connect": {"seconds": connecting.seconds, **connecting.latency._asdict()},
            "operations": {
                "asked": self.asked,
                "seconds": self.operating.seconds,
                "per_second": self.per_second,
                **latency._asdict(),
            },
            "errors": dict(self.faults.counts),
            "first_errors": dict(self.faults.examples),
            "server": asdict(self.server) if self.server else None,
            "load": {
                "cpu_seconds": self.operating.cpu_seconds,
                "busiest_core_share": self.load_share,
            },
            "machine_idle_share": self.machine_idle,
            "limited_by": self.limited_by(),
        }
