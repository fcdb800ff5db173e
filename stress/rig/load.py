"""The load: many clients in one process, on one epoll.

All of a process's clients are connected before any of them sends (but where the workload is connecting).
In a closed loop each sends its next requests when it has its answers; in an open loop when they are planned,
or as soon after as its connection is free.

Costs are kept off the loop: requests are ready before the release, answers are compared in one step,
latencies go into arrays, and the histograms are made after the run.
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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rig import histogram, pacing
from rig.codec import Verdict, difference, judge
from rig.faults import CLOSED, ERROR, LATE, MISSING, REFUSED, WRONG, Faults
from rig.workloads import Request, Supply, Workload

CONNECTING = 256  # connects under way at once in one process; a listen backlog is no longer
BATCH = 64  # answers taken from one poll, so that the clock is looked at often enough
TICK_NS = 10**8  # between looks at the clock at least
LOOK_NS = 10**9  # between looks for what is overdue at most
SECOND = 10**9
TOLD = 80  # bytes of an error that are shown
CONNECT_SECONDS = 120  # for all clients together
READ_LEAST, READ_MOST = 4096, 1 << 20
NEVER = 1 << 62
MILLISECOND = 10**6
COARSE_NS = 2 * MILLISECOND  # epoll's waits are rounded up to milliseconds; short ones are select's
# socket.IP_BIND_ADDRESS_NO_PORT, which Python names since 3.12: take the port at connect, where
# one port can serve several source addresses.
BIND_ADDRESS_NO_PORT = 24
IN, OUT = select.EPOLLIN, select.EPOLLOUT

_monotonic, _read, _write = time.monotonic_ns, os.read, os.write


class Plan(NamedTuple):
    """One process's part of the load; times in seconds. `rounds` is None where a duration decides, and
    `duration` where rounds do."""

    address: tuple[str, int]
    sources: list[str]  # the source address of each client, "" for any
    first: int  # the number of the first client among all
    clients: int  # of all processes
    active: int  # of all clients, so many work
    workload: Workload
    pacing: pacing.Pacing
    rounds: int | None
    warmup: float
    duration: float | None
    timeout: float
    seed: int

    def works(self, number: int) -> bool:
        """Return whether a client is one of those that work; they are spread evenly among all."""
        return number * self.active // self.clients != (number + 1) * self.active // self.clients


class Connected(NamedTuple):
    """How connecting went: when it began and ended (monotonic ns), and a histogram."""

    began_ns: int
    ended_ns: int
    latencies: bytes


class Second(NamedTuple):
    """The answers of one second, and a histogram of their response times."""

    answers: int
    latencies: bytes


class Operated(NamedTuple):
    """How the operations went. The measured time (monotonic ns) is that from the first send to the last
    answer where rounds were asked, and else the duration. `answered` came in it; the histograms hold
    also those that came after its end. `asked` were planned in it, in an open loop. `cpu_seconds` and
    the share of a core are this process's own."""

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


class Client:
    """One client, and where it stands."""

    __slots__ = (
        "closing",
        "dialed_ns",
        "ends",
        "expected",
        "fd",
        "judged",
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
        self.expected = b""  # all answers that are due; nothing: none is
        self.ends: tuple[int, ...] = ()
        self.judged = 0  # of the answers that are due
        self.received = b""  # the beginning of the next answer, that came in pieces
        self.unsent = b""  # requests that the socket had no room for, or no connection yet
        self.planned_ns = self.sent_ns = 0  # of what is due; 0: nothing is
        self.dialed_ns = 0  # since when it is connecting; 0: it is not
        self.closing = False  # it waits for the server's end of the connection
        self.waiting: deque[int] | None = None  # planned starts that are past, while others are due


class Load:
    """The clients of one process: connect(), operate(), close(), in this order. `board` is where others
    can see, at `place`, how many connections and then answers there have been."""

    def __init__(self, plan: Plan, board: memoryview, place: int) -> None:
        self.plan = plan
        self.faults = Faults()
        self.crowd = [Client(plan.first + at, source) for at, source in enumerate(plan.sources)]
        self.clients: dict[int, Client] = {}  # with a connection, or connecting, by descriptor
        self.busy = 0  # clients that are connecting, or waiting for an answer
        self.connects, self.services = array("q"), array("q")
        self._open = plan.pacing.rate is not None
        self.responses = array("q") if self._open else self.services
        self._active = [client for client in self.crowd if plan.works(client.number)]
        self._churns = plan.workload.churns
        self._codec = plan.workload.codec
        self._board, self._place = board, place
        self._parent = os.getppid()
        self._timeout_ns = int(plan.timeout * SECOND)
        self._look_every = min(LOOK_NS, max(TICK_NS, self._timeout_ns // 4))
        self._hurt: list[Client] = []  # that lost a connection, where the workload is connecting
        self._poll = select.epoll()
        self._start = self._dial if self._churns else self._send
        self._free = self._next_planned if self._open else self._again
        self._done = self._hang_up if self._churns else self._free  # called when all answers are in
        self._now = self._answered_ns = self._end_ns = 0
        self._most = self._supply()
        gc.collect()
        gc.disable()  # the loop makes no cycles, and a collection would stop all clients

    def _supply(self) -> int:
        """Give the clients their requests; return how many bytes to read at once."""
        plan = self.plan
        # Kept to the end, as to free it takes long.
        self._requests = Supply(plan.workload, plan.rounds, plan.seed, plan.first, len(self._active))
        for client in self._active:
            client.requests = self._requests.of(client.number)
        most = plan.workload.pipeline * (max(*plan.workload.values.high, 255) + 16)
        return min(READ_MOST, max(READ_LEAST, most))

    # Connecting

    def connect(self) -> Connected:
        """Connect every client, unless the workload does it."""
        began = _monotonic()
        deadline = began + CONNECT_SECONDS * SECOND
        waiting = iter(() if self._churns else self.crowd)
        tried = look = 0
        while True:
            for client in waiting:
                tried += 1
                self.busy += 1
                self._connect(client)
                if self.busy >= CONNECTING:
                    break
            if not self.busy:
                break
            self._serve(TICK_NS)
            self._board[self._place] = tried - self.busy
            if self._now >= look:
                self._heed_parent()
                self._refuse_overdue(deadline)
                look = self._now + TICK_NS
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
        oldest = NEVER if self._now > deadline_ns else self._now - self._timeout_ns
        for client in [c for c in self.clients.values() if 0 < c.dialed_ns < oldest]:
            self._lose(client, REFUSED, "no connection in time")

    # Operating

    def operate(self, start_ns: int) -> Operated:
        """At the given monotonic time let the clients work, and see them through."""
        plan = self.plan
        duration = plan.duration
        self._set_clocks(start_ns, plan.warmup, duration)
        Path("/proc/self/timerslack_ns").write_text("1")  # of a timer, which is else 50 us late
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
        self._measure_ns = start_ns + int(warmup * SECOND)
        self._end_ns = NEVER if duration is None else self._measure_ns + int(duration * SECOND)
        self._second_ns = start_ns + SECOND
        self._look_ns = start_ns + self._look_every
        self._tick_ns = start_ns
        self._marks: list[int] = []  # answers at the end of each second
        self._edges: list[tuple[int, float]] = []  # answers, and CPU, when the measuring begins and ends
        self._asked = 0

    def _run_closed(self) -> None:
        for at, client in enumerate(self._active):
            if client.fd >= 0 or self._churns:
                self.busy += 1
                self._start(client, 0)
            if at % BATCH == 0:
                self._serve(0)
        while self.busy or (self._hurt and self._now < self._end_ns):
            self._serve(TICK_NS)
            if self._now >= self._tick_ns:
                self._tick()

    def _run_open(self, start_ns: int) -> None:
        plan, groups = self.plan, self.plan.workload.pipeline
        assert plan.pacing.rate is not None
        if not self._active:
            return
        seed = f"{plan.seed}/{plan.first}"
        each = plan.pacing._replace(rate=plan.pacing.rate / groups)
        phase = plan.first / plan.clients
        starts = pacing.starts(each, len(self._active) / plan.active, phase, seed)
        turns = pacing.turns(plan.pacing, len(self._active), seed)
        planned = start_ns + next(starts)
        while True:
            while planned <= self._now and planned < self._end_ns:
                self._asked += groups * (planned >= self._measure_ns)
                self._plan(self._active[next(turns)], planned)
                planned = start_ns + next(starts)
            if planned >= self._end_ns <= self._now and not self.busy:
                break
            self._serve(max(0, min(planned, self._end_ns) - _monotonic()) if self._now < self._end_ns else TICK_NS)
            if self._now >= self._tick_ns:
                self._tick()

    def _plan(self, client: Client, planned_ns: int) -> None:
        """Send what is planned, or let it wait for the client's connection to be free."""
        if client.sent_ns or client.waiting:
            if client.waiting is None:
                client.waiting = deque()
            client.waiting.append(planned_ns)
        elif client.fd >= 0 or self._churns:
            self.busy += 1
            self._start(client, planned_ns)

    def _serve(self, nanoseconds: int) -> None:
        """Wait for so long at most, and take what came."""
        if 0 < nanoseconds < COARSE_NS:
            select.select((self._poll,), (), (), nanoseconds / 1e9)
            nanoseconds = 0
        events = self._poll.poll(max(0, min(nanoseconds, TICK_NS) - MILLISECOND) / 1e9, BATCH)
        self._now = _monotonic()
        clients, most = self.clients, self._most
        for fd, mask in events:
            client = clients[fd]
            if mask != IN and self._wrote(client, mask):
                continue
            try:
                data = _read(fd, most)
            except OSError as error:
                self._lose(client, CLOSED, f"at receive: {error.strerror}")
                continue
            now = _monotonic()  # as redis-benchmark, memtier_benchmark and wrk2 have it, when it is read
            if data == client.expected and data and not client.received:
                self._record(client, now, len(client.ends))
                self._done(client, now)
            else:
                self._suspect(client, data, now)
        self._board[self._place] = len(self.services)

    def _wrote(self, client: Client, mask: int) -> bool:
        """Go on with a client that is connected now, or can send more; return whether that is all."""
        if client.dialed_ns:
            self._connected(client)
            return True
        if mask & OUT:
            self._send_rest(client)
        return not mask & ~OUT or client.fd < 0

    def _send(self, client: Client, planned_ns: int) -> None:
        """Send the client's next requests, if it has more."""
        request = next(client.requests, None)
        if request is None:
            self._rest(client)
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
        """Send what the socket had no room for, or no connection."""
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
        """Begin a connection for the client's next requests, if it has more."""
        request = next(client.requests, None)
        if request is None:
            self._rest(client)
            return
        client.unsent, client.expected, client.ends = request
        client.sent_ns = now = _monotonic()
        client.planned_ns = planned_ns or now
        self._connect(client)

    def _record(self, client: Client, now: int, answers: int) -> None:
        """Write down the latency of so many answers."""
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
            self._rest(client)

    def _next_planned(self, client: Client, now: int) -> None:
        if client.waiting and now < self._end_ns:
            self._start(client, client.waiting.popleft())
        else:
            self._rest(client)

    def _rest(self, client: Client) -> None:
        client.expected, client.sent_ns = b"", 0
        self.busy -= 1

    def _suspect(self, client: Client, data: bytes, now: int) -> None:
        """Look closer at what is not at once all right answers."""
        if not data:
            self._ended(client, now)
            return
        if not client.expected:
            self._lose(client, WRONG, f"bytes nobody asked for: {data[:16]!r}")
            return
        data = client.received + data
        while data and client.judged < len(client.ends):
            begin, end = ((0, *client.ends)[client.judged + at] for at in (0, 1))
            length = self._judge(client, data, client.expected[begin:end], now)
            if length == 0:
                break
            data = data[length:]
        self._judged(client, data, now)

    def _judged(self, client: Client, data: bytes, now: int) -> None:
        """Go on when answers were looked at, with what is left of the bytes."""
        if client.fd < 0:
            return
        client.received = data
        if client.judged < len(client.ends):
            return
        client.judged, client.received = 0, b""
        if data:
            self._lose(client, WRONG, f"bytes nobody asked for: {data[:16]!r}")
        else:
            self._done(client, now)

    def _judge(self, client: Client, data: bytes, expected: bytes, now: int) -> int:
        """Look at the next answer; return its length, or 0 if there is no more to do."""
        verdict, length = judge(self._codec, data, expected)
        if verdict is Verdict.PARTIAL:
            return 0
        if verdict is Verdict.GARBAGE:
            self._lose(client, WRONG, f"no answer of the protocol: {data[:16]!r}")
            return 0
        if verdict is Verdict.ERROR:
            self._fault(client, ERROR, repr(data[:length][:TOLD]))
        elif verdict is Verdict.WRONG:
            self._fault(client, WRONG, difference(data[:length], expected))
        client.judged += 1
        self._record(client, now, 1)
        return length

    def _ended(self, client: Client, now: int) -> None:
        """The server ended the connection."""
        if not client.closing:
            what = f"{len(client.received)} bytes into an answer" if client.expected else "with no answer due"
            self._lose(client, CLOSED, f"by the server, {what}")
            return
        self._disconnect(client)
        self._free(client, now)

    # Connections that are made for a request

    def _hang_up(self, client: Client, now: int) -> None:
        """Say that no more comes. The server ends the connection then; what else it sends is wrong."""
        assert client.socket is not None
        client.closing, client.expected = True, b""
        try:
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the server has ended it already, which the next read tells
            pass

    def _disconnect(self, client: Client) -> None:
        assert client.socket is not None
        del self.clients[client.fd]
        client.socket.close()  # the kernel takes a closed socket out of the epoll
        client.socket, client.fd = None, -1
        client.closing, client.dialed_ns, client.unsent = False, 0, b""
        client.received, client.judged = b"", 0

    # The clock

    def _tick(self) -> None:
        self._heed_parent()
        now, done = self._now, len(self.services)
        while self._second_ns <= now:
            self._marks.append(done)
            self._second_ns += SECOND
        for edge in (self._measure_ns, self._end_ns)[len(self._edges) :]:
            if edge <= now:
                self._edges.append((done, time.process_time()))
        if self._look_ns <= now:
            self._give_up_overdue()
            self._comfort()
            self._look_ns = now + self._look_every
        self._tick_ns = min(now + TICK_NS, self._second_ns, *(self._measure_ns, self._end_ns)[len(self._edges) :])

    def _heed_parent(self) -> None:
        if os.getppid() != self._parent:
            raise SystemExit("the stress run is gone")

    def _finish(self) -> None:
        """The last answer is in."""
        self._now = _monotonic()
        self._tick()
        self._marks.append(len(self.services))
        while len(self._edges) < 2:
            self._edges.append((len(self.services), time.process_time()))

    def _operated(self, began: int) -> Operated:
        (first, cpu), (last, cpu_then) = self._edges
        began = max(began, self._measure_ns) if self.plan.warmup else began
        # What never came is not waited for in the figures: the last answer ends the rounds.
        ended = self._answered_ns if self.plan.duration is None else self._end_ns
        cpu = cpu_then - cpu
        services = histogram.packed(self.services[first:])
        responses = histogram.packed(self.responses[first:]) if self._open else services
        connects = histogram.packed(self.connects)
        answered, share = last - first, cpu / max(1, ended - began) * SECOND
        seconds = [self._second(*ends) for ends in zip([0, *self._marks], self._marks)]
        return Operated(began, ended, answered, self._asked, responses, services, connects, seconds, cpu, share)

    def _second(self, begin: int, end: int) -> Second:
        return Second(end - begin, histogram.packed(self.responses[begin:end]))

    def _give_up_overdue(self) -> None:
        """Past the timeout an answer is late; past twice the timeout it is missing."""
        oldest = _monotonic() - 2 * self._timeout_ns
        for client in [c for c in self.clients.values() if 0 < c.sent_ns < oldest]:
            kind = REFUSED if client.dialed_ns else MISSING
            self._lose(client, kind, f"after {2 * self.plan.timeout:g} s")

    def _comfort(self) -> None:
        """Let clients whose connection was lost try another one."""
        hurt, self._hurt = self._hurt, []
        for client in hurt:
            if not client.sent_ns:
                self.busy += 1
                self._free(client, self._now)

    # Ending

    def close(self) -> Faults:
        """Take a last look for bytes that nobody asked for, close all, and return the faults."""
        for fd, _ in self._poll.poll(0, max(1, len(self.clients))):
            client = self.clients[fd]
            try:
                self._suspect(client, _read(fd, self._most), 0)
            except OSError as error:
                self._lose(client, CLOSED, f"at the end: {error.strerror}")
        for client in self.clients.values():
            assert client.socket is not None
            client.socket.close()
        self._poll.close()
        return self.faults

    def _fault(self, client: Client, kind: str, what: str) -> None:
        self.faults.add(kind, f"client {client.number}: {what}")

    def _lose(self, client: Client, kind: str, what: str) -> None:
        """Count a fault after which the connection is of no more use."""
        self._fault(client, kind, what)
        self.busy -= client.dialed_ns > 0 or client.sent_ns > 0
        client.sent_ns, client.expected = 0, b""
        self._disconnect(client)
        if self._churns:
            self._hurt.append(client)
