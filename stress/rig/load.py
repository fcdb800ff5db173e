"""The load of one process: its clients, on one epoll object.

All of a process's clients are connected before any of them sends a request, except in the churn workload. In a closed
loop a client sends its next requests after its answers; in an open loop at the planned time, or as soon after it as
its connection is free.

The loop does little: requests are generated before the start, answers are compared in one step, latencies go into
arrays, and the histograms are made after the run.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rig import histogram, pacing
from rig.codec import AnswerClass, classify, difference
from rig.faults import CLOSED, ERROR, LATE, MISSING, REFUSED, WRONG, Faults
from rig.workloads import Request, RequestSource, Workload

MAX_CONNECTING = 256  # connects at once in one process, below the usual listen backlog
MAX_EVENTS_PER_POLL = 64  # so that the clock is read often enough
TICK_NS = 10**8  # the longest time between two calls of _tick()
OVERDUE_CHECK_NS = 10**9  # the longest time between two checks for overdue answers
SECOND_NS = 10**9
SHOWN_ERROR_BYTES = 80
CONNECT_TIMEOUT_S = 120  # for all clients
MIN_READ_BYTES, MAX_READ_BYTES = 4096, 1 << 20
NEVER_NS = 1 << 62
MILLISECOND_NS = 10**6
MIN_EPOLL_WAIT_NS = 2 * MILLISECOND_NS  # epoll rounds up to milliseconds; shorter waits use select
# socket.IP_BIND_ADDRESS_NO_PORT, which Python defines since 3.12: the kernel chooses the port at connect, where one
# port can serve several source addresses.
BIND_ADDRESS_NO_PORT = 24
IN, OUT = select.EPOLLIN, select.EPOLLOUT

_monotonic, _read, _write = time.monotonic_ns, os.read, os.write


class Plan(NamedTuple):
    """
    One process's part of the load; times are seconds.

    @ivar sources: the source address of each client, "" for any.
    @ivar first: the number of its first client.
    @ivar clients: the number of clients of all processes.
    @ivar active: how many of all clients work.
    @ivar rounds: None where a duration ends the run.
    @ivar duration: None where rounds end the run.
    """

    address: tuple[str, int]
    sources: list[str]
    first: int
    clients: int
    active: int
    workload: Workload
    pacing: pacing.Pacing
    rounds: int | None
    warmup: float
    duration: float | None
    timeout: float
    seed: int

    def works(self, number: int) -> bool:
        """Return whether a client works; the active ones are spread evenly over all."""
        return number * self.active // self.clients != (number + 1) * self.active // self.clients


class Connected(NamedTuple):
    """The begin and end of the connect phase (monotonic ns), and a histogram of latencies."""

    began_ns: int
    ended_ns: int
    latencies: bytes


class Second(NamedTuple):
    """The answers of one second, and a histogram of their response times."""

    answers: int
    latencies: bytes


class Operated(NamedTuple):
    """
    The operate phase of one process.

    @ivar began_ns: monotonic start of the measured time: with rounds the first send, else after the warm-up.
    @ivar ended_ns: its end: with rounds the last answer, else after the duration.
    @ivar answered: answers within it. The histograms also have the later ones.
    @ivar asked: requests planned within it, in an open loop.
    @ivar cpu_seconds: of this process.
    @ivar share: of a core that this process used.
    """

    began_ns: int
    ended_ns: int
    answered: int
    asked: int
    responses: bytes
    services: bytes
    connects: bytes
    seconds: list[Second]
    cpu_seconds: float
    share: float


def next_second(at_ns: int, edges: Iterable[int]) -> int:
    """Return the end of the second of the series that begins at a time. The begin and the end of the measured time, its
    edges, end a second early, so that no second belongs to two phases."""
    return min([at_ns + SECOND_NS, *(edge for edge in edges if edge > at_ns)])


class Client:
    """The state of one client and its connection."""

    __slots__ = (
        "closing",
        "dialed_ns",
        "ends",
        "expected",
        "fd",
        "classified",
        "number",
        "planned_ns",
        "received",
        "requests",
        "sent_ns",
        "socket",
        "source",
        "unsent",
        "waiting",
    )

    def __init__(self, number: int, source: str) -> None:
        self.number = number
        self.source = source
        self.socket: socket.socket | None = None
        self.fd = -1  # no connection
        self.requests: Iterator[Request] = iter(())
        self.expected = b""  # all outstanding answers
        self.ends: tuple[int, ...] = ()  # where each of them ends
        self.classified = 0  # how many of them have come
        self.received = b""  # the incomplete next answer
        self.unsent = b""  # requests, while the socket is full or connecting
        self.planned_ns = self.sent_ns = 0  # of the outstanding requests; 0 without any
        self.dialed_ns = 0  # the start of the connect; 0 when it is complete
        self.closing = False  # after the half-close, until the server's EOF
        self.waiting: deque[int] | None = None  # planned starts in the past, while requests are outstanding


class Load:
    """The clients of one process. Call connect(), operate() and close() in this order. C{counters[index]} is set to the
    number of connections, and then of answers."""

    def __init__(self, plan: Plan, counters: memoryview, index: int) -> None:
        self.plan = plan
        self.faults = Faults()
        self.all_clients = [Client(plan.first + at, source) for at, source in enumerate(plan.sources)]
        self.clients: dict[int, Client] = {}  # connected or connecting, by file descriptor
        self.busy = 0  # clients that are connecting or have requests outstanding
        self.connects, self.services = array("q"), array("q")
        self._open = plan.pacing.rate is not None
        self.responses = array("q") if self._open else self.services
        self._active = [client for client in self.all_clients if plan.works(client.number)]
        self._churns = plan.workload.churns
        self._codec = plan.workload.codec
        self._counters, self._index = counters, index
        self._parent = os.getppid()
        self._timeout_ns = int(plan.timeout * SECOND_NS)
        self._check_interval_ns = min(OVERDUE_CHECK_NS, max(TICK_NS, self._timeout_ns // 4))
        self._disconnected: list[Client] = []  # by a fault, in the churn workload
        self._poll = select.epoll()
        self._start = self._dial if self._churns else self._send
        self._free = self._next_planned if self._open else self._again
        self._done = self._half_close if self._churns else self._free  # called after the last outstanding answer
        self._now = self._answered_ns = self._end_ns = 0
        self._read_bytes = self._generate()
        gc.collect()
        gc.disable()  # the loop makes no cycles, and a collection would pause all clients

    def _generate(self) -> int:
        """Generate the requests of the clients; return how many bytes to read at once."""
        plan = self.plan
        # Referenced until the process exits, as freeing it is slow.
        self._requests = RequestSource(plan.workload, plan.rounds, plan.seed, plan.first, len(self._active))
        for client in self._active:
            client.requests = self._requests.of(client.number)
        most = plan.workload.pipeline * (max(*plan.workload.values.high, 255) + 16)
        return min(MAX_READ_BYTES, max(MIN_READ_BYTES, most))

    # Connecting

    def connect(self) -> Connected:
        """Connect every client, except in the churn workload."""
        began = _monotonic()
        deadline = began + CONNECT_TIMEOUT_S * SECOND_NS
        waiting = iter(() if self._churns else self.all_clients)
        started = next_check = 0
        while True:
            for client in waiting:
                started += 1
                self.busy += 1
                self._connect(client)
                if self.busy >= MAX_CONNECTING:
                    break
            if not self.busy:
                break
            self._serve(TICK_NS)
            self._counters[self._index] = started - self.busy
            if self._now >= next_check:
                self._exit_without_parent()
                self._refuse_overdue(deadline)
                next_check = self._now + TICK_NS
        ended, times = _monotonic(), self.connects
        self.connects = array("q")
        return Connected(began, ended, histogram.packed(times))

    def _connect(self, client: Client) -> None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.socket, client.fd = connection, connection.fileno()
        self.clients[client.fd] = client
        client.dialed_ns = _monotonic()
        try:
            if client.source:
                connection.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
                connection.bind((client.source, 0))
            failed = connection.connect_ex(self.plan.address)
        except OSError as error:
            failed = error.errno or errno.EIO
        if failed not in (0, errno.EINPROGRESS):
            self._lose(client, REFUSED, os.strerror(failed))
        else:
            self._poll.register(client.fd, OUT)

    def _connected(self, client: Client) -> None:
        assert client.socket is not None
        failed = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self._lose(client, REFUSED, os.strerror(failed))
            return
        self.connects.append(_monotonic() - client.dialed_ns)
        client.dialed_ns = 0
        if client.unsent:
            self._send_rest(client)
        else:
            self._poll.modify(client.fd, IN)
            self.busy -= 1

    def _refuse_overdue(self, deadline_ns: int) -> None:
        oldest = NEVER_NS if self._now > deadline_ns else self._now - self._timeout_ns
        for client in [c for c in self.clients.values() if 0 < c.dialed_ns < oldest]:
            self._lose(client, REFUSED, "no connection within the timeout")

    # Operating

    def operate(self, start_ns: int) -> Operated:
        """Start the clients at a monotonic time, and return when all of them are done."""
        plan = self.plan
        duration = plan.duration
        self._set_clocks(start_ns, plan.warmup, duration)
        Path("/proc/self/timerslack_ns").write_text("1")  # timers would be 50 us late
        time.sleep(max(0, start_ns - _monotonic()) / 1e9)
        began = self._now = self._answered_ns = _monotonic()
        self._tick()
        if self._open:
            self._run_open(start_ns)
        else:
            self._run_closed()
        self._finish()
        return self._operated(began)

    def _set_clocks(self, start_ns: int, warmup: float, duration: float | None) -> None:
        self._measure_ns = start_ns + int(warmup * SECOND_NS)
        self._end_ns = NEVER_NS if duration is None else self._measure_ns + int(duration * SECOND_NS)
        self._second_ns = next_second(start_ns, (self._measure_ns, self._end_ns))
        self._check_ns = start_ns + self._check_interval_ns
        self._tick_ns = start_ns
        self._marks: list[int] = []  # answers up to the end of each second
        # Answers, CPU seconds and the time, read at the begin and the end of the measured time.
        self._edges: list[tuple[int, float, int]] = []
        self._asked = 0

    def _run_closed(self) -> None:
        for at, client in enumerate(self._active):
            if client.fd >= 0 or self._churns:
                self.busy += 1
                self._start(client, 0)
            if at % MAX_EVENTS_PER_POLL == 0:
                self._serve(0)
        while self.busy or (self._disconnected and self._now < self._end_ns):
            self._serve(TICK_NS)
            if self._now >= self._tick_ns:
                self._tick()

    def _run_open(self, start_ns: int) -> None:
        plan, pipeline = self.plan, self.plan.workload.pipeline
        assert plan.pacing.rate is not None
        if not self._active:
            return
        seed = f"{plan.seed}/{plan.first}"
        writes = plan.pacing._replace(rate=plan.pacing.rate / pipeline)
        phase = plan.first / plan.clients
        starts = pacing.starts(writes, len(self._active) / plan.active, phase, seed)
        order = pacing.client_order(plan.pacing, len(self._active), seed)
        planned = start_ns + next(starts)
        while True:
            while planned <= self._now and planned < self._end_ns:
                self._asked += pipeline * (planned >= self._measure_ns)
                self._plan(self._active[next(order)], planned)
                planned = start_ns + next(starts)
            if planned >= self._end_ns <= self._now and not self.busy:
                break
            self._serve(max(0, min(planned, self._end_ns) - _monotonic()) if self._now < self._end_ns else TICK_NS)
            if self._now >= self._tick_ns:
                self._tick()

    def _plan(self, client: Client, planned_ns: int) -> None:
        """Send the planned requests now, or when the client's connection is free."""
        if client.sent_ns or client.waiting:
            if client.waiting is None:
                client.waiting = deque()
            client.waiting.append(planned_ns)
        elif client.fd >= 0 or self._churns:
            self.busy += 1
            self._start(client, planned_ns)

    def _serve(self, nanoseconds: int) -> None:
        """Poll for up to that time, and handle the answers of the clients that are ready."""
        if 0 < nanoseconds < MIN_EPOLL_WAIT_NS:
            select.select((self._poll,), (), (), nanoseconds / 1e9)
            nanoseconds = 0
        events = self._poll.poll(max(0, min(nanoseconds, TICK_NS) - MILLISECOND_NS) / 1e9, MAX_EVENTS_PER_POLL)
        self._now = _monotonic()
        clients, read_bytes = self.clients, self._read_bytes
        for fd, mask in events:
            client = clients[fd]
            if mask != IN and self._wrote(client, mask):
                continue
            try:
                data = _read(fd, read_bytes)
            except OSError as error:
                self._lose(client, CLOSED, f"at receive: {error.strerror}")
                continue
            now = _monotonic()  # a latency ends at the read, as in redis-benchmark, memtier_benchmark and wrk2
            if data == client.expected and data and not client.received:
                self._record(client, now, len(client.ends))
                self._done(client, now)
            else:
                self._receive(client, data, now)
        self._counters[self._index] = len(self.services)

    def _wrote(self, client: Client, mask: int) -> bool:
        """Handle EPOLLOUT: complete the connect, or send more. Return whether there is nothing to read."""
        if client.dialed_ns:
            self._connected(client)
            return True
        if mask & OUT:
            self._send_rest(client)
        return not mask & ~OUT or client.fd < 0

    def _send(self, client: Client, planned_ns: int) -> None:
        """Send the client's next requests, if it has any."""
        request = next(client.requests, None)
        if request is None:
            self._idle(client)
            return
        frame, client.expected, client.ends = request
        client.sent_ns = now = _monotonic()
        client.planned_ns = planned_ns or now
        try:
            sent = _write(client.fd, frame)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(client, CLOSED, f"at send: {error.strerror}")
            return
        if sent != len(frame):
            client.unsent = frame[sent:]
            self._poll.modify(client.fd, IN | OUT)

    def _send_rest(self, client: Client) -> None:
        """Send the unsent bytes, as far as the socket accepts them."""
        try:
            sent = _write(client.fd, client.unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(client, CLOSED, f"at send: {error.strerror}")
            return
        client.unsent = client.unsent[sent:]
        self._poll.modify(client.fd, IN | OUT if client.unsent else IN)

    def _dial(self, client: Client, planned_ns: int) -> None:
        """Start a connection for the client's next requests, if it has any."""
        request = next(client.requests, None)
        if request is None:
            self._idle(client)
            return
        client.unsent, client.expected, client.ends = request
        client.sent_ns = now = _monotonic()
        client.planned_ns = planned_ns or now
        self._connect(client)

    def _record(self, client: Client, now: int, answers: int) -> None:
        """Record the latency of that many answers."""
        service = now - client.sent_ns
        self._answered_ns = now
        if service > self._timeout_ns:
            self._late(client, service, answers)
        if answers == 1:
            self.services.append(service)
        else:
            self.services.extend((service,) * answers)
        if self._open:
            self.responses.extend((now - client.planned_ns,) * answers)

    def _late(self, client: Client, service: int, answers: int) -> None:
        for _ in range(answers):
            self._fault(client, LATE, f"{service / 1e9:.3f} s")

    def _again(self, client: Client, now: int) -> None:
        if now < self._end_ns:
            self._start(client, 0)
        else:
            self._idle(client)

    def _next_planned(self, client: Client, now: int) -> None:
        if client.waiting and now < self._end_ns:
            self._start(client, client.waiting.popleft())
        else:
            self._idle(client)

    def _idle(self, client: Client) -> None:
        client.expected, client.sent_ns = b"", 0
        self.busy -= 1

    def _receive(self, client: Client, data: bytes, now: int) -> None:
        """Handle received bytes that are not exactly the expected answers."""
        if not data:
            self._ended(client, now)
            return
        if not client.expected:
            self._lose(client, WRONG, f"bytes without a request: {data[:16]!r}")
            return
        data = client.received + data
        while data and client.classified < len(client.ends):
            begin, end = ((0, *client.ends)[client.classified + at] for at in (0, 1))
            length = self._classify(client, data, client.expected[begin:end], now)
            if length == 0:
                break
            data = data[length:]
        self._classified(client, data, now)

    def _classified(self, client: Client, data: bytes, now: int) -> None:
        """Keep the rest of the bytes, an incomplete answer; after the last answer there must be none."""
        if client.fd < 0:
            return
        client.received = data
        if client.classified < len(client.ends):
            return
        client.classified, client.received = 0, b""
        if data:
            self._lose(client, WRONG, f"bytes without a request: {data[:16]!r}")
        else:
            self._done(client, now)

    def _classify(self, client: Client, data: bytes, expected: bytes, now: int) -> int:
        """Compare the next answer with the expected one; return its length, or 0 if it is incomplete or malformed."""
        found, length = classify(self._codec, data, expected)
        if found is AnswerClass.PARTIAL:
            return 0
        if found is AnswerClass.MALFORMED:
            self._lose(client, WRONG, f"malformed: {data[:16]!r}")
            return 0
        if found is AnswerClass.ERROR:
            self._fault(client, ERROR, repr(data[:length][:SHOWN_ERROR_BYTES]))
        elif found is AnswerClass.WRONG:
            self._fault(client, WRONG, difference(data[:length], expected))
        client.classified += 1
        self._record(client, now, 1)
        return length

    def _ended(self, client: Client, now: int) -> None:
        """Handle EOF: expected after a half-close, else a fault."""
        if not client.closing:
            what = (
                f"{len(client.received)} bytes into an answer" if client.expected else "without a request outstanding"
            )
            self._lose(client, CLOSED, f"by the server, {what}")
            return
        self._disconnect(client)
        self._free(client, now)

    # Churn: a connection for each write

    def _half_close(self, client: Client, now: int) -> None:
        """Half-close the connection. The server must answer with EOF alone."""
        assert client.socket is not None
        client.closing, client.expected = True, b""
        try:
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the server has closed it, as the next read will show
            pass

    def _disconnect(self, client: Client) -> None:
        assert client.socket is not None
        del self.clients[client.fd]
        client.socket.close()  # the kernel removes a closed socket from epoll
        client.socket, client.fd = None, -1
        client.closing, client.dialed_ns, client.unsent = False, 0, b""
        client.received, client.classified = b"", 0

    # The clock

    def _tick(self) -> None:
        self._exit_without_parent()
        now, done = self._now, len(self.services)
        while self._second_ns <= now:
            self._marks.append(done)
            self._second_ns = next_second(self._second_ns, (self._measure_ns, self._end_ns))
        for edge in (self._measure_ns, self._end_ns)[len(self._edges) :]:
            if edge <= now:
                self._edges.append((done, time.process_time(), _monotonic()))
        if self._check_ns <= now:
            self._drop_overdue()
            self._reconnect()
            self._check_ns = now + self._check_interval_ns
        self._tick_ns = min(now + TICK_NS, self._second_ns, *(self._measure_ns, self._end_ns)[len(self._edges) :])

    def _exit_without_parent(self) -> None:
        if os.getppid() != self._parent:
            raise SystemExit("the stress run has ended")

    def _finish(self) -> None:
        self._now = _monotonic()
        self._tick()
        self._marks.append(len(self.services))
        while len(self._edges) < 2:
            self._edges.append((len(self.services), time.process_time(), _monotonic()))

    def _operated(self, began: int) -> Operated:
        (first, cpu, read_ns), (last, cpu_then, read_then_ns) = self._edges
        began = max(began, self._measure_ns) if self.plan.warmup else began
        # With rounds the last answer ends the measured time, so that missing answers do not extend it.
        ended = self._answered_ns if self.plan.duration is None else self._end_ns
        cpu = cpu_then - cpu
        services = histogram.packed(self.services[first:])
        responses = histogram.packed(self.responses[first:]) if self._open else services
        connects = histogram.packed(self.connects)
        answered, share = last - first, cpu / max(1, read_then_ns - read_ns) * SECOND_NS
        seconds = [self._second(*ends) for ends in zip([0, *self._marks], self._marks)]
        return Operated(began, ended, answered, self._asked, responses, services, connects, seconds, cpu, share)

    def _second(self, begin: int, end: int) -> Second:
        return Second(end - begin, histogram.packed(self.responses[begin:end]))

    def _drop_overdue(self) -> None:
        """Close connections whose answer is missing: it has not come within twice the timeout."""
        oldest = _monotonic() - 2 * self._timeout_ns
        for client in [c for c in self.clients.values() if 0 < c.sent_ns < oldest]:
            kind = REFUSED if client.dialed_ns else MISSING
            self._lose(client, kind, f"after {2 * self.plan.timeout:g} s")

    def _reconnect(self) -> None:
        """Continue with the clients that lost their connection."""
        disconnected, self._disconnected = self._disconnected, []
        for client in disconnected:
            if not client.sent_ns:
                self.busy += 1
                self._free(client, self._now)

    # Ending

    def close(self) -> Faults:
        """Read once more for bytes without a request, close all connections, and return the faults."""
        for fd, _ in self._poll.poll(0, max(1, len(self.clients))):
            client = self.clients[fd]
            try:
                self._receive(client, _read(fd, self._read_bytes), 0)
            except OSError as error:
                self._lose(client, CLOSED, f"at close: {error.strerror}")
        for client in self.clients.values():
            assert client.socket is not None
            client.socket.close()
        self._poll.close()
        return self.faults

    def _fault(self, client: Client, kind: str, what: str) -> None:
        self.faults.add(kind, f"client {client.number}: {what}")

    def _lose(self, client: Client, kind: str, what: str) -> None:
        """Count a fault after which the connection cannot be used, and close it."""
        self._fault(client, kind, what)
        self.busy -= client.dialed_ns > 0 or client.sent_ns > 0
        client.sent_ns, client.expected = 0, b""
        self._disconnect(client)
        if self._churns:
            self._disconnected.append(client)
