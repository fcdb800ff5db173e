"""The load: many clients in one process, on one epoll.

All of a process's clients are connected before any of them sends. Then all send at once, and
each sends its next request when it has its answer (a closed loop: there are always as many
requests under way as there are unfinished clients).

Costs are kept off the loop: frames are ready before the release, an answer is compared in one
step, latencies go into an array, and the histogram is made after the run.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import histogram
from faults import CLOSED, ERROR, LATE, MISSING, REFUSED, WRONG, Faults
from frames import Verdict, check, difference, judge

CONNECTING = 256  # connects under way at once in one process; a listen backlog is no longer
BATCH = 64  # answers taken from one poll, so that their common time of arrival stays true
TICK = 0.1  # seconds between looks at the clock, and between reports of progress
CONNECT_SECONDS = 120  # for all clients together
ANSWER = 4096
# socket.IP_BIND_ADDRESS_NO_PORT, which Python names since 3.12: take the port at connect, where
# one port can serve several source addresses.
BIND_ADDRESS_NO_PORT = 24

Progress = Callable[[int], None]


class Plan(NamedTuple):
    """One process's part of the load; the timeout is in seconds."""

    address: tuple[str, int]
    sources: list[str]  # the source address of each client, "" for any
    first: int  # the number of the first client among all
    turns: int
    timeout: float
    seed: int


class Connected(NamedTuple):
    """How connecting went: when it began and ended (monotonic ns), and a histogram."""

    began_ns: int
    ended_ns: int
    latencies: bytes


class Operated(NamedTuple):
    """How the operations went: first send and last answer (monotonic ns), a histogram of the
    answers, and this process's own CPU seconds and share of a core."""

    began_ns: int
    ended_ns: int
    latencies: bytes
    cpu_seconds: float
    share: float


class Client:
    """One connection, and where it stands in its check."""

    __slots__ = ("expected", "fd", "number", "received", "requests", "sent_ns", "socket")

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        self.fd = connection.fileno()
        self.requests: Iterator[tuple[bytes, bytes]] = iter(())
        self.expected = b""  # nothing: no answer is due
        self.sent_ns = 0
        self.received = b""  # the beginning of an answer that came in pieces


class Load:
    """The clients of one process: connect(), operate(), close(), in this order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.faults = Faults()
        self.clients: dict[int, Client] = {}  # connected or connecting, by descriptor
        self.busy = 0  # clients that are still connecting, or waiting for an answer
        self.latencies = array("q")
        self._timeout_ns = int(plan.timeout * 1e9)
        self._dialing = select.epoll()
        self._poll = select.epoll()
        self._answered_ns = 0

    # Connecting

    def connect(self, progress: Progress) -> Connected:
        """Connect every client, and prepare its first request; report how many are through."""
        began = time.monotonic_ns()
        waiting = enumerate(self.plan.sources)
        tried, deadline = 0, began + CONNECT_SECONDS * 10**9
        while tried < len(self.plan.sources) or self.busy:
            for number, source in waiting:
                tried += 1
                self._open(self.plan.first + number, source)
                if self.busy >= CONNECTING:
                    break
            for fd, _ in self._dialing.poll(TICK, BATCH):
                self._opened(self.clients[fd])
            self._refuse_overdue(deadline)
            progress(tried - self.busy)
        ended, times = time.monotonic_ns(), self.latencies
        self.latencies = array("q")
        return Connected(began, ended, histogram.packed(times))

    def _open(self, number: int, source: str) -> None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(number, connection)
        self.clients[client.fd] = client
        self._dialing.register(client.fd, select.EPOLLOUT)
        self.busy += 1
        client.sent_ns = time.monotonic_ns()
        try:
            if source:
                connection.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
                connection.bind((source, 0))
            failed = connection.connect_ex(self.plan.address)
        except OSError as error:
            failed = error.errno or errno.EIO
        if failed not in (0, errno.EINPROGRESS):
            self._lose(client, REFUSED, os.strerror(failed))

    def _opened(self, client: Client) -> None:
        failed = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self._lose(client, REFUSED, os.strerror(failed))
            return
        self.busy -= 1
        self.latencies.append(time.monotonic_ns() - client.sent_ns)
        self._dialing.unregister(client.fd)
        self._poll.register(client.fd, select.EPOLLIN)
        requests = check(self.plan.seed, client.number, self.plan.turns)
        client.requests = chain((next(requests),), requests)
        client.sent_ns = 0

    def _refuse_overdue(self, deadline_ns: int) -> None:
        now = time.monotonic_ns()
        oldest = deadline_ns if now > deadline_ns else now - self._timeout_ns
        for client in [c for c in self.clients.values() if 0 < c.sent_ns < oldest]:
            self._lose(client, REFUSED, "no connection in time")

    # Operating

    def operate(self, start_ns: int, progress: Progress) -> Operated:
        """At the given monotonic time let all clients send, and see their checks through; report
        how many answers came."""
        gc.collect()
        gc.disable()  # the loop makes no cycles, and a collection would stop all clients
        time.sleep(max(0, start_ns - time.monotonic_ns()) / 1e9)
        began, cpu = time.monotonic_ns(), time.process_time()
        self._answered_ns = began
        self._release()
        self._see_through(progress)
        cpu, took = time.process_time() - cpu, (time.monotonic_ns() - began) / 1e9
        # What never came is not waited for in the figures: the last answer ends the operations.
        packed = histogram.packed(self.latencies)
        return Operated(began, self._answered_ns, packed, cpu, cpu / took)

    def _release(self) -> None:
        self.busy = len(self.clients)
        for client in list(self.clients.values()):
            self._send(client)

    def _see_through(self, progress: Progress) -> None:
        look = time.monotonic()
        while self.busy:
            self._serve(TICK)
            if time.monotonic() - look > TICK:
                self._give_up_overdue()
                progress(len(self.latencies))
                look = time.monotonic()
        progress(len(self.latencies))

    def _serve(self, seconds: float) -> None:
        events = self._poll.poll(seconds, BATCH)
        # These answers were all there when the poll returned. The time that this process takes
        # to read them is not the server's.
        now = time.monotonic_ns()
        if events:
            self._answered_ns = now
        for fd, _ in events:
            self._receive(self.clients[fd], now)

    def _send(self, client: Client) -> None:
        request = next(client.requests, None)
        if request is None:
            client.expected, client.sent_ns = b"", 0
            self.busy -= 1
            return
        frame, client.expected = request
        client.sent_ns = time.monotonic_ns()
        try:
            # One small frame always fits the empty buffer of a socket whole.
            os.write(client.fd, frame)
        except OSError as error:
            self._lose(client, CLOSED, f"at send: {error.strerror}")

    def _receive(self, client: Client, now: int) -> None:
        try:
            data = os.read(client.fd, ANSWER)
        except OSError as error:
            self._lose(client, CLOSED, f"at receive: {error.strerror}")
            return
        if client.received:
            data = client.received + data
        if data == client.expected and data:
            self._answered(client, now)
        else:
            self._suspect(client, data, now)

    def _answered(self, client: Client, now: int) -> None:
        latency = now - client.sent_ns
        if latency > self._timeout_ns:
            self._fault(client, LATE, f"{latency / 1e9:.3f} s")
        self._next(client, latency)

    def _next(self, client: Client, latency: int) -> None:
        self.latencies.append(latency)
        client.received = b""
        self._send(client)

    def _suspect(self, client: Client, data: bytes, now: int) -> None:
        """Look closer at what is not at once the right answer."""
        if len(data) == len(client.received):
            self._lose(client, CLOSED, f"by the server, {len(data)} bytes into an answer")
            return
        if not client.expected:
            self._lose(client, WRONG, f"bytes nobody asked for: {data[:16]!r}")
            return
        verdict = judge(data, client.expected)
        if verdict is Verdict.PARTIAL:
            client.received = data
        elif verdict is Verdict.GARBAGE:
            self._lose(client, WRONG, f"no answer of the protocol: {data[:16]!r}")
        elif verdict is Verdict.ERROR:
            self._fault(client, ERROR, data[2:].decode("utf-8", "replace"))
            self._next(client, now - client.sent_ns)
        else:
            self._fault(client, WRONG, difference(data, client.expected))
            self._next(client, now - client.sent_ns)

    def _give_up_overdue(self) -> None:
        """Past the timeout an answer is late; past twice the timeout it is missing."""
        oldest = time.monotonic_ns() - 2 * self._timeout_ns
        for client in [c for c in self.clients.values() if 0 < c.sent_ns < oldest]:
            self._lose(client, MISSING, f"after {2 * self.plan.timeout:g} s")

    # Ending

    def close(self) -> Faults:
        """Take a last look for bytes that nobody asked for, close all, and return the faults."""
        for fd, _ in self._poll.poll(0, max(1, len(self.clients))):
            self._receive(self.clients[fd], 0)
        for client in self.clients.values():
            client.socket.close()
        self._dialing.close()
        self._poll.close()
        return self.faults

    def _fault(self, client: Client, kind: str, what: str) -> None:
        self.faults.add(kind, f"client {client.number}: {what}")

    def _lose(self, client: Client, kind: str, what: str) -> None:
        """Count a fault after which the connection is of no more use."""
        self._fault(client, kind, what)
        if client.sent_ns:
            self.busy -= 1
        del self.clients[client.fd]
        client.socket.close()  # the kernel takes a closed socket out of the epoll
