"""The clients of the soak. They read and write, disconnect at random, reconnect all at once, read slowly or not at all,
and know what each reply must be.

All of them run on one epoll object.
"""

from __future__ import annotations

import errno
import random
import select
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple

from rig.codec import Decoder, Reply, bulk, encode

READ_BYTES = 1 << 16
ABORTIVE_CLOSE = struct.pack("ii", 1, 0)  # for SO_LINGER: close() sends a reset
POLL_S = 0.02
EVENTS_PER_POLL = 512
CONNECTS_PER_POLL = 256
ACTIONS_PER_POLL = 64
CONNECT_TIMEOUT_S = 60.0
RDHUP = getattr(select, "EPOLLRDHUP", 0x2000)  # PyPy does not define it
HANGUP = select.EPOLLHUP | select.EPOLLERR | RDHUP

LARGE_KEY, LARGE_VALUE = "soak:big", b"0123456789" * 10_000
LARGE_REPLY = bulk(LARGE_VALUE)
CHANNELS = 16
MESSAGE_BYTES = 1000
GETS_OF_SLOW_READER = 200
BYTES_PER_SECOND_OF_SLOW_READER = 4096
RECONNECT_OF_SLOW_READER_SHARE = 0.02  # the chance each second
STORM_INTERVAL_S = 10.0
STORM_SHARE = 0.1  # of the workers that reconnect in a storm
RECHECK_DELAY_S = 10.0  # after which the server has surely executed the requests of a closed connection
DISCONNECT_SHARE = 0.005  # of requests after which the client disconnects without its reply

OK, QUEUED = Reply("+", "OK"), Reply("+", "QUEUED")
ANY_NUMBER, STATE = Reply(":", "any"), Reply("*", "state")  # in place of an expected reply


class State(NamedTuple):
    """The values of a worker's two keys: a value that it wrote, and a count."""

    value: bytes | None
    counted: int


class Client:
    """One connection. Subclasses override C{events}, connected(), received() and act()."""

    events = select.EPOLLIN | RDHUP

    def __init__(self, clients: Clients, number: int) -> None:
        self.clients, self.number = clients, number
        self.socket: socket.socket | None = None
        self.decoder = Decoder()
        self.unsent = b""

    # The connection

    def connect(self) -> None:
        """Start a non-blocking connect, with no bytes left of an earlier connection."""
        self.socket = sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.decoder, self.unsent = Decoder(), b""
        self.clients.register(self, select.EPOLLOUT)
        number = sock.connect_ex(self.clients.address)
        if number not in (0, errno.EINPROGRESS):
            self.clients.report(f"connect: {errno.errorcode.get(number, number)}")

    def disconnect(self, reset: bool) -> None:
        """Close the connection, with a reset or with a FIN."""
        if self.socket is not None:
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORTIVE_CLOSE)
            self.clients.unregister(self)
            self.socket.close()
            self.socket = None

    def send(self, data: bytes) -> None:
        """Send as much as the socket accepts, and the rest when it is writable."""
        self.unsent += data
        self.flush()

    def flush(self) -> None:
        """Send the unsent bytes as far as the socket accepts them."""
        if self.socket is not None and self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self.connection_lost(str(error))
                return
            self.clients.modify(self, self.events | (select.EPOLLOUT if self.unsent else 0))

    def handle(self, events: int) -> None:
        """Handle the events that epoll returned for the connection."""
        if events & select.EPOLLOUT:
            self.writable()
        if events & select.EPOLLIN and self.socket is not None:
            self.readable()
        elif events & HANGUP and self.socket is not None:
            self.connection_lost("closed by the server")

    def writable(self) -> None:
        """Send the unsent bytes; without any the connect has completed."""
        if self.unsent:
            self.flush()
        else:
            self.clients.modify(self, self.events)
            self.connected()

    def readable(self) -> None:
        """Read once, and handle the replies that are complete."""
        assert self.socket is not None
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.connection_lost(str(error))
            return
        if not data:
            self.connection_lost("closed by the server")
            return
        try:
            replies = self.decoder.feed(data)
        except ValueError as error:
            self.connection_lost(f"malformed reply: {error}")
            return
        for reply in replies:
            self.received(reply)

    def connection_lost(self, reason: str) -> None:
        """Report a connection that the server must not have closed, and reconnect."""
        self.disconnect(True)
        if not self.clients.ending:
            self.clients.report(f"{type(self).__name__}: {reason}")
            self.connect()

    # The kinds of clients

    def connected(self) -> None:
        """Called when the connect has completed."""

    def received(self, reply: Reply) -> None:
        """Called for each reply, in order."""

    def act(self, now: float) -> None:
        """Called regularly, to send the next request."""


class Pair:
    """Two keys and their possible states: one, or two when a request was not answered."""

    def __init__(self, name: str) -> None:
        self.value_key, self.count_key = f"soak:v:{name}", f"soak:c:{name}"
        self.states = [State(None, 0)]
        self.abandoned_at = 0.0

    @property
    def query(self) -> bytes:
        """The request for both values, whose reply fault() checks."""
        return encode("MGET", self.value_key, self.count_key)

    def fault(self, reply: Reply) -> str:
        """Return what is wrong with the reply to C{query}; empty if it is one of the states."""
        if reply.mark != "*":
            return f"{_shown(reply)} in place of two values"
        value, count = reply.plain
        found = State(value, int(count or 0))
        return "" if found in self.states else f"lost: {found!r:.90} where {self.states!r:.200} must be"


class Worker(Client):
    """
    Reads and writes keys of its own, and checks each reply.

    If it disconnects before a reply, it cannot know whether and when the request is executed. So it continues with new
    keys, and checks the old ones later.

    @ivar after: the state after the requests in flight.
    @ivar expected: the replies to them.
    @ivar old: the pairs that it has not checked since it abandoned them.
    """

    def __init__(self, clients: Clients, number: int) -> None:
        super().__init__(clients, number)
        self.lives = self.serial = 0
        self.pair = Pair(f"{number}:0")
        self.after = self.pair.states[0]
        self.expected: deque[Reply] = deque()
        self.old: deque[Pair] = deque()

    def connected(self) -> None:
        self.expected.clear()

    @property
    def state(self) -> State:
        """The values of its keys, with no request in flight."""
        return self.pair.states[0]

    def request(self, request: bytes, after: State, *expected: Reply) -> None:
        """Send a request; C{after} is the state that it leads to, C{expected} its replies."""
        self.expected.extend(expected)
        self.after = after
        self.send(request)

    @property
    def idle(self) -> bool:
        """Whether it is connected, and no request is in flight."""
        return self.socket is not None and not self.expected and not self.unsent

    def act(self, now: float) -> None:
        if not self.idle:
            return
        if self.old and now > self.old[0].abandoned_at + RECHECK_DELAY_S:
            self.recheck()
        else:
            requests = (
                self.write,
                self.write,
                self.read,
                self.increment,
                self.transact,
                self.update_list,
                self.update_expiring,
            )
            random.choice(requests)()
        if random.random() < DISCONNECT_SHARE:
            self.reconnect(random.random() < 0.5)

    def reconnect(self, reset: bool) -> None:
        """Disconnect without the replies in flight, and connect again."""
        self.abandon()
        self.disconnect(reset)
        self.clients.disconnects += 1
        self.connect()

    def abandon(self) -> None:
        """If a request is in flight, keep both possible states of its keys, and continue with new keys."""
        if self.expected:
            self.pair.states.append(self.after)
            self.pair.abandoned_at = time.monotonic()
            self.old.append(self.pair)
            self.lives += 1
            self.pair = Pair(f"{self.number}:{self.lives}")
            self.after = self.state

    def recheck(self) -> None:
        """Check the keys that it abandoned first, and delete them."""
        pair = self.old[0]
        pair.states.append(State(None, 0))  # the deletion can be executed without an answer
        delete = encode("DEL", pair.value_key, pair.count_key)
        self.request(pair.query + delete, self.state, STATE, ANY_NUMBER)

    def connection_lost(self, reason: str) -> None:
        self.abandon()
        super().connection_lost(reason)

    def next_value(self) -> bytes:
        """Return a value that no earlier one equals."""
        self.serial += 1
        return b"%d-%d-%b" % (self.number, self.serial, b"x" * (self.serial * 37 % 300))

    def write(self) -> None:
        value = self.next_value()
        self.request(encode("SET", self.pair.value_key, value), State(value, self.state.counted), OK)

    def read(self) -> None:
        self.request(encode("GET", self.pair.value_key), self.state, Reply("$", self.state.value))

    def increment(self) -> None:
        value, count = self.state
        self.request(encode("INCR", self.pair.count_key), State(value, count + 1), _number(count + 1))

    def transact(self) -> None:
        """Change both keys in a transaction."""
        value, count = self.next_value(), self.state.counted + 1
        request = [encode("MULTI"), encode("SET", self.pair.value_key, value), encode("INCR", self.pair.count_key)]
        expected = [OK, QUEUED, QUEUED, Reply("*", [OK, _number(count)])]
        self.request(b"".join([*request, encode("EXEC")]), State(value, count), *expected)

    def update_list(self) -> None:
        key = f"soak:l:{self.number}"
        request = encode("DEL", key) + encode("RPUSH", key, "a", "b", "c") + encode("LPOP", key)
        self.request(request, self.state, ANY_NUMBER, _number(3), Reply("$", b"a"))

    def update_expiring(self) -> None:
        """Add to a hash, which expires, and to a sorted set."""
        key = f"soak:h:{self.number % 500}"
        request = encode("HSET", key, f"f{self.serial % 50}", "x") + encode("EXPIRE", key, 5)
        request += encode("ZADD", "soak:z", self.serial, f"m{self.number}")
        self.request(request, self.state, ANY_NUMBER, _number(1), ANY_NUMBER)

    def received(self, reply: Reply) -> None:
        """Compare a reply with the expected one."""
        if not self.expected:
            self.clients.report(f"a reply to no request: {_shown(reply)}")
            return
        expected = self.expected.popleft()
        if expected is STATE:
            self.check(self.old.popleft(), reply)
        elif expected is ANY_NUMBER:
            if reply.mark != ":":
                self.clients.report(f"{_shown(reply)} in place of a number")
        elif reply != expected:
            self.clients.report(f"{_shown(reply)} in place of {_shown(expected)}")
        if not self.expected:
            self.pair.states = [self.after]
            self.clients.done += 1

    def check(self, pair: Pair, reply: Reply) -> None:
        """Report keys that are in none of their possible states."""
        fault = pair.fault(reply)
        if fault:
            self.clients.report(fault)

    @property
    def pairs(self) -> list[Pair]:
        """All pairs that the server has."""
        return [*self.old, self.pair]


def _number(value: int) -> Reply:
    return Reply(":", str(value))


def _shown(reply: Reply) -> str:
    return repr(reply.plain)[:60]


class SlowReader(Client):
    """Requests far more than it reads."""

    events = RDHUP

    def __init__(self, clients: Clients, number: int) -> None:
        super().__init__(clients, number)
        self.at = 0
        self.next_read = 0.0

    def connected(self) -> None:
        self.at = 0
        self.send(encode("GET", LARGE_KEY) * GETS_OF_SLOW_READER)

    def act(self, now: float) -> None:
        """Read a few bytes each second, and sometimes reconnect."""
        if self.socket is None or now < self.next_read:
            return
        self.next_read = now + 1
        if random.random() < RECONNECT_OF_SLOW_READER_SHARE:
            self.disconnect(True)
            self.connect()
            return
        try:
            data = self.socket.recv(BYTES_PER_SECOND_OF_SLOW_READER)
        except OSError:
            return
        offset = self.at % len(LARGE_REPLY)
        expected = (LARGE_REPLY * 2)[offset : offset + len(data)]
        if data != expected:
            self.clients.report(f"a slow reader got {data[:40]!r} in place of {expected[:40]!r}")
        self.at += len(data)


class Publisher(Client):
    """Publishes numbered messages on every channel."""

    def __init__(self, clients: Clients, number: int) -> None:
        super().__init__(clients, number)
        self.serial = 0
        self.unanswered = 0

    def act(self, now: float) -> None:
        if self.socket is None or self.unanswered or self.clients.ending:
            return
        self.serial += 1
        message = b"%d " % self.serial + b"x" * MESSAGE_BYTES
        self.unanswered = CHANNELS
        self.clients.published += CHANNELS * len(message)
        self.send(b"".join([encode("PUBLISH", f"soak:ch:{channel}", message) for channel in range(CHANNELS)]))

    def received(self, reply: Reply) -> None:
        self.unanswered -= 1
        if reply.mark != ":":
            self.clients.report(f"{_shown(reply)} in place of a number of subscribers")


class Subscriber(Client):
    """Subscribes to a channel, and checks that no message is missing."""

    def connected(self) -> None:
        self.last = 0
        self.send(encode("SUBSCRIBE", f"soak:ch:{self.number % CHANNELS}"))

    def received(self, reply: Reply) -> None:
        kind, _, content = reply.plain if reply.mark == "*" else (None, None, b"")
        if kind == b"message":
            serial = int(content.split()[0])
            if self.last and serial != self.last + 1:
                self.clients.report(f"message {serial} came after {self.last}")
            self.last = serial
            self.clients.messages += 1
        elif kind != b"subscribe":
            self.clients.report(f"a subscriber received {_shown(reply)}")


class NonReader(Client):
    """Subscribes to every channel and never reads, so that the server must close it."""

    events = RDHUP

    def connected(self) -> None:
        self.send(encode("PSUBSCRIBE", "soak:ch:*"))

    def connection_lost(self, reason: str) -> None:
        self.disconnect(True)
        if not self.clients.ending:
            self.clients.non_readers_closed += 1
            self.connect()


class Clients:
    """
    All clients, and the faults that they found.

    @ivar done: requests answered.
    @ivar messages: received by subscribers.
    @ivar published: bytes of the messages on all channels.
    @ivar disconnects: workers that disconnected with a request in flight.
    @ivar non_readers_closed: subscribers that the server closed, as they never read.
    @ivar faults: how often each fault was found.
    @ivar ending: whether the server may close connections, so that no client reconnects.
    """

    def __init__(self, address: tuple[str, int], clients: int, slow_readers: int, subscribers: int) -> None:
        self.address = address
        self.done = self.messages = self.published = self.disconnects = self.non_readers_closed = self.storms = 0
        self.faults: Counter[str] = Counter()
        self.ending = False
        self._epoll = select.epoll()
        self._by_fd: dict[int, Client] = {}
        self.workers = [Worker(self, number) for number in range(clients - slow_readers - 2 * subscribers - 1)]
        self.others: list[Client] = [SlowReader(self, number) for number in range(slow_readers)]
        self.others += [Subscriber(self, number) for number in range(subscribers)]
        self.others += [NonReader(self, number) for number in range(subscribers)]
        self.others.append(Publisher(self, 0))

    def report(self, fault: str) -> None:
        """Count a fault by its text."""
        self.faults[fault] += 1

    def register(self, client: Client, events: int) -> None:
        """Register a new connection with epoll."""
        assert client.socket is not None
        self._by_fd[client.socket.fileno()] = client
        self._epoll.register(client.socket.fileno(), events)

    def modify(self, client: Client, events: int) -> None:
        """Change the events of a connection."""
        assert client.socket is not None
        self._epoll.modify(client.socket.fileno(), events)

    def unregister(self, client: Client) -> None:
        assert client.socket is not None
        self._epoll.unregister(client.socket.fileno())
        del self._by_fd[client.socket.fileno()]

    def poll(self) -> None:
        """Handle the events of one poll."""
        for number, events in self._epoll.poll(POLL_S, EVENTS_PER_POLL):
            client = self._by_fd.get(number)
            if client is not None:
                client.handle(events)

    def connect(self) -> None:
        """Connect all clients, and wait until the workers are connected. Raises TimeoutError."""
        for at, client in enumerate([*self.others, *self.workers]):
            client.connect()
            if at % CONNECTS_PER_POLL == 0:
                self.poll()
        self.settle(CONNECT_TIMEOUT_S)

    def settle(self, seconds: float) -> None:
        """Wait until every worker is idle. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not all(worker.idle for worker in self.workers):
            if time.monotonic() > deadline:
                busy = sum(not worker.idle for worker in self.workers)
                raise TimeoutError(f"{busy} of {len(self.workers)} workers have no answer after {seconds:g} s")
            self.poll()

    def run(self, seconds: float, rate: float) -> Iterator[float]:
        """Run all clients; the workers together act C{rate} times a second. Yield about every second how many seconds
        have passed."""
        start = now = time.monotonic()
        actions = 0
        last_yield, last_storm = start, start
        while now < start + seconds:
            self.poll()
            now = time.monotonic()
            while actions < (now - start) * rate and now < start + seconds:
                self.workers[actions % len(self.workers)].act(now)
                actions += 1
                if actions % ACTIONS_PER_POLL == 0:
                    self.poll()
                    now = time.monotonic()
            for other in self.others:
                other.act(now)
            if now - last_storm > STORM_INTERVAL_S:
                last_storm = now
                self.storm()
            if now - last_yield >= 1:
                last_yield = now
                yield now - start

    def storm(self) -> None:
        """Reconnect a share of the workers at once."""
        self.storms += 1
        for worker in random.sample(self.workers, max(1, int(len(self.workers) * STORM_SHARE))):
            worker.reconnect(random.random() < 0.5)

    def last_requests(self) -> None:
        """Send a write from every worker. After that call the server can be killed."""
        self.ending = True
        for worker in self.workers:
            worker.write()

    def drain(self) -> None:
        """Read the replies that the server sent before its end."""
        for client in [*self.workers, *self.others]:
            while client.socket is not None:
                client.readable()
