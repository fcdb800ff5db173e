"""The clients of the soak: they work, vanish, come back all at once, read slowly or not at all, and know what must be.

Everything is one loop over one epoll object. A client has a `want`, the next reply that it waits for, and a `due`, when
it acts again; it checks each reply, and reports what is wrong to the crowd.
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

READ = 1 << 16
RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: close with a reset, as a client that vanishes
TICK = 0.02
RDHUP = getattr(select, "EPOLLRDHUP", 0x2000)  # PyPy has no name for it
GONE = select.EPOLLHUP | select.EPOLLERR | RDHUP

BIG = b"0123456789" * 10_000
BIG_REPLY = b"$%d\r\n%b\r\n" % (len(BIG), BIG)
CHANNELS = 16
MESSAGE = 1000  # bytes
SLOW_GETS = 200
SLOW_BYTES = 4096  # read in a second
STORM_SECONDS = 10.0
STORM_SHARE = 0.1
LOOK_BACK = 10.0  # seconds after which the server has surely done what a client asked for that vanished
VANISH = 0.005  # share of requests that are sent and whose answer is not waited for


ANY, STATE = b"any number", b"the state"  # in place of a reply that must come


class State(NamedTuple):
    """What a worker's two keys hold: a value that it wrote, and a count."""

    value: bytes | None
    counted: int


def command(*words: bytes | str | int) -> bytes:
    """A command as it is sent."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


def reply_end(data: bytes, at: int = 0) -> int:
    """Return where the reply that begins at a place ends; -1 if it is not whole yet."""
    line = data.find(b"\r\n", at)
    if line < 0:
        return -1
    mark, end = data[at : at + 1], line + 2
    if mark == b"$":
        size = int(data[at + 1 : line])
        end += size + 2 if size >= 0 else 0
        return end if end <= len(data) else -1
    if mark in b"*>":
        for _ in range(int(data[at + 1 : line])):
            end = reply_end(data, end)
            if end < 0:
                return -1
    return end


class Client:
    """A connection of the crowd's, and what it does with it."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd, self.number = crowd, number
        self.socket: socket.socket | None = None
        self.got = b""
        self.unsent = b""

    # The connection

    def connect(self) -> None:
        """Begin to connect."""
        self.socket = sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = self.unsent = b""
        self.crowd.watch(self, select.EPOLLOUT)
        number = sock.connect_ex(self.crowd.address)
        if number not in (0, errno.EINPROGRESS):
            self.crowd.complain(f"connect: {errno.errorcode.get(number, number)}")

    def leave(self, reset: bool) -> None:
        """Close, with a reset or in order."""
        if self.socket is not None:
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.crowd.forget(self)
            self.socket.close()
            self.socket = None

    def send(self, data: bytes) -> None:
        """Send, now as far as possible, and the rest later."""
        self.unsent += data
        self.flush()

    def flush(self) -> None:
        """Send what is left."""
        if self.socket is not None and self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self.lost(str(error))
                return
            self.crowd.rewatch(self, self.reading | (select.EPOLLOUT if self.unsent else 0))

    def wake(self, events: int) -> None:
        """Something can be done."""
        if events & select.EPOLLOUT:
            self.writable()
        if events & select.EPOLLIN and self.socket is not None:
            self.readable()
        elif events & GONE and self.socket is not None:
            self.lost("closed by the server")

    def writable(self) -> None:
        """It is connected, or can send more."""
        if self.unsent:
            self.flush()
        else:
            self.crowd.rewatch(self, self.reading)
            self.begin()

    def readable(self) -> None:
        """Read, and take whole replies."""
        assert self.socket is not None
        try:
            data = self.socket.recv(READ)
        except BlockingIOError:
            return
        except OSError as error:
            self.lost(str(error))
            return
        if not data:
            self.lost("closed by the server")
            return
        self.got += data
        self.take()

    def take(self) -> None:
        """Look at the replies that have come."""
        end = reply_end(self.got)
        while end > 0:
            reply, self.got = self.got[:end], self.got[end:]
            self.answered(reply)
            end = reply_end(self.got)

    def lost(self, why: str) -> None:
        """The server has closed the connection, which it should not."""
        self.leave(True)
        if not self.crowd.ending:
            self.crowd.complain(f"{type(self).__name__.lower()}: {why}")
            self.connect()

    # What kinds of clients differ in

    reading = select.EPOLLIN | RDHUP

    def begin(self) -> None:
        """It is connected."""

    def answered(self, reply: bytes) -> None:
        """A reply has come."""

    def act(self, now: float) -> None:
        """It is its turn."""


class Pair:
    """Two keys, and what they may hold: one state, unless a request went unanswered."""

    def __init__(self, name: str) -> None:
        self.value_key, self.count_key = f"soak:v:{name}", f"soak:c:{name}"
        self.states = [State(None, 0)]
        self.left_at = 0.0

    @property
    def look(self) -> bytes:
        """The request that tells the state."""
        return command("MGET", self.value_key, self.count_key)

    def wrong(self, reply: bytes) -> str:
        """Return what is wrong with a state; empty if nothing is."""
        parts = reply.split(b"\r\n")
        value = None if parts[1] == b"$-1" else parts[2]
        found = State(value, 0 if parts[-2] == b"$-1" else int(parts[-2]))
        return "" if found in self.states else f"lost: {found!r:.90} where {self.states!r:.200} must be"


class Worker(Client):
    """
    Writes and reads keys of its own, and knows what they must hold.

    When it goes in the middle of a request, nobody knows whether and when that is done. So it takes other keys after
    that, and looks at the old ones later.
    """

    def __init__(self, crowd: Crowd, number: int) -> None:
        super().__init__(crowd, number)
        self.lives = self.serial = 0
        self.pair = Pair(f"{number}:0")
        self.after = self.pair.states[0]
        self.want: deque[bytes] = deque()  # the replies that must come
        self.old: deque[Pair] = deque()  # the pairs that it left

    def begin(self) -> None:
        """Go on with what is its own by now."""
        self.want.clear()

    @property
    def state(self) -> State:
        """What its keys hold."""
        return self.pair.states[0]

    def ask(self, request: bytes, after: State, *wanted: bytes) -> None:
        """Send a request after which the keys are so, and whose replies must be these."""
        self.want.extend(wanted)
        self.after = after
        self.send(request)

    @property
    def idle(self) -> bool:
        """Whether it waits for nothing."""
        return self.socket is not None and not self.want and not self.unsent

    def act(self, now: float) -> None:
        """Send the next request; perhaps vanish then."""
        if not self.idle:
            return
        if self.old and now > self.old[0].left_at + LOOK_BACK:
            self.look_back()
        else:
            requests = (self.write, self.write, self.read, self.increment, self.transact, self.push, self.note)
            random.choice(requests)()
        if random.random() < VANISH:
            self.vanish(random.random() < 0.5)

    def vanish(self, reset: bool) -> None:
        """Go in the middle of whatever it is, and come back."""
        self.doubt()
        self.leave(reset)
        self.crowd.vanished += 1
        self.connect()

    def doubt(self) -> None:
        """What was asked for last may be done or not."""
        if self.want:
            self.pair.states.append(self.after)
            self.pair.left_at = time.monotonic()
            self.old.append(self.pair)
            self.lives += 1
            self.pair = Pair(f"{self.number}:{self.lives}")
            self.after = self.state

    def look_back(self) -> None:
        """See what became of the keys that it left, and remove them."""
        pair = self.old[0]
        pair.states.append(State(None, 0))  # should this be unanswered, too
        self.ask(pair.look + command("DEL", pair.value_key, pair.count_key), self.state, STATE, ANY)

    def lost(self, why: str) -> None:
        self.doubt()
        super().lost(why)

    def next_value(self) -> bytes:
        """A value that was not there before."""
        self.serial += 1
        return b"%d-%d-%b" % (self.number, self.serial, b"x" * (self.serial * 37 % 300))

    def write(self) -> None:
        """A new value."""
        value = self.next_value()
        self.ask(command("SET", self.pair.value_key, value), State(value, self.state.counted), b"+OK\r\n")

    def read(self) -> None:
        """The value that is there."""
        value = self.state.value
        expected = b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        self.ask(command("GET", self.pair.value_key), self.state, expected)

    def increment(self) -> None:
        """The next number."""
        value, count = self.state
        self.ask(command("INCR", self.pair.count_key), State(value, count + 1), b":%d\r\n" % (count + 1))

    def transact(self) -> None:
        """Both, or none."""
        value, count = self.next_value(), self.state.counted + 1
        request = [command("MULTI"), command("SET", self.pair.value_key, value), command("INCR", self.pair.count_key)]
        wanted = [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", b"*2\r\n+OK\r\n:%d\r\n" % count]
        self.ask(b"".join([*request, command("EXEC")]), State(value, count), *wanted)

    def push(self) -> None:
        """A list that is kept short."""
        key = f"soak:l:{self.number}"
        request = command("DEL", key) + command("RPUSH", key, "a", "b", "c") + command("LPOP", key)
        self.ask(request, self.state, ANY, b":3\r\n", b"$1\r\na\r\n")

    def note(self) -> None:
        """A hash and a sorted set, which expire by and by."""
        key = f"soak:h:{self.number % 500}"
        request = command("HSET", key, f"f{self.serial % 50}", "x") + command("EXPIRE", key, 5)
        request += command("ZADD", "soak:z", self.serial, f"m{self.number}")
        self.ask(request, self.state, ANY, b":1\r\n", ANY)

    def answered(self, reply: bytes) -> None:
        """Compare a reply with the one that must come."""
        if not self.want:
            self.crowd.complain(f"a reply to no request: {reply[:60]!r}")
            return
        wanted = self.want.popleft()
        if wanted is STATE:
            self.check(self.old.popleft(), reply)
        elif wanted is ANY:
            if not reply.startswith(b":"):
                self.crowd.complain(f"{reply[:60]!r} in place of a number")
        elif reply != wanted:
            self.crowd.complain(f"{reply[:60]!r} in place of {wanted[:60]!r}")
        if not self.want:
            self.pair.states = [self.after]
            self.crowd.done += 1

    def check(self, pair: Pair, reply: bytes) -> None:
        """Complain if keys hold what they must not."""
        wrong = pair.wrong(reply)
        if wrong:
            self.crowd.complain(wrong)

    @property
    def pairs(self) -> list[Pair]:
        """All keys that are there."""
        return [*self.old, self.pair]


class Slow(Client):
    """Asks for far more than it reads."""

    reading = RDHUP

    def __init__(self, crowd: Crowd, number: int) -> None:
        super().__init__(crowd, number)
        self.at = 0
        self.turn = 0.0

    def begin(self) -> None:
        self.at = 0
        self.send(command("GET", "soak:big") * SLOW_GETS)

    def act(self, now: float) -> None:
        """Read a little each second; begin again at times."""
        if self.socket is None or now < self.turn:
            return
        self.turn = now + 1
        if random.random() < 0.02:
            self.leave(True)
            self.connect()
            return
        try:
            data = self.socket.recv(SLOW_BYTES)
        except OSError:
            return
        place = self.at % len(BIG_REPLY)
        expected = (BIG_REPLY * 2)[place : place + len(data)]
        if data != expected:
            self.crowd.complain(f"a slow reader got {data[:40]!r} in place of {expected[:40]!r}")
        self.at += len(data)


class Publisher(Client):
    """Publishes numbered messages on every channel."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        super().__init__(crowd, number)
        self.serial = 0
        self.missing = 0

    def act(self, now: float) -> None:
        if self.socket is None or self.missing or self.crowd.ending:
            return
        self.serial += 1
        message = b"%d " % self.serial + b"x" * MESSAGE
        self.missing = CHANNELS
        self.send(b"".join([command("PUBLISH", f"soak:ch:{channel}", message) for channel in range(CHANNELS)]))

    def answered(self, reply: bytes) -> None:
        self.missing -= 1
        if not reply.startswith(b":"):
            self.crowd.complain(f"{reply[:60]!r} in place of a number of subscribers")


class Subscriber(Client):
    """Hears a channel, and sees that no message is missing."""

    def begin(self) -> None:
        self.last = 0
        self.send(command("SUBSCRIBE", f"soak:ch:{self.number % CHANNELS}"))

    def answered(self, reply: bytes) -> None:
        parts = reply.split(b"\r\n")
        if parts[2] == b"message":
            serial = int(parts[6].split()[0])
            if self.last and serial != self.last + 1:
                self.crowd.complain(f"message {serial} came after {self.last}")
            self.last = serial
            self.crowd.heard += 1
        elif parts[2] != b"subscribe":
            self.crowd.complain(f"a subscriber was told {reply[:60]!r}")


class Deaf(Client):
    """Subscribes to everything and never reads: the server has to close it, and does no wrong by that."""

    reading = RDHUP

    def begin(self) -> None:
        self.send(command("PSUBSCRIBE", "soak:ch:*"))

    def lost(self, why: str) -> None:
        self.leave(True)
        if not self.crowd.ending:
            self.crowd.deaf_closed += 1
            self.connect()


class Crowd:
    """
    All clients, and what they found.

    @ivar done: requests answered; heard: messages; vanished: workers that went without a word; deaf_closed: subscribers
        that never read, and were closed for that.
    @ivar complaints: what was wrong, and how often.
    """

    def __init__(self, address: tuple[str, int], clients: int, slow: int, subscribers: int) -> None:
        self.address = address
        self.done = self.heard = self.vanished = self.deaf_closed = self.storms = 0
        self.complaints: Counter[str] = Counter()
        self.ending = False
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self.workers = [Worker(self, number) for number in range(clients - slow - 2 * subscribers - 1)]
        self.others: list[Client] = [Slow(self, number) for number in range(slow)]
        self.others += [Subscriber(self, number) for number in range(subscribers)]
        self.others += [Deaf(self, number) for number in range(subscribers)]
        self.others.append(Publisher(self, 0))

    def complain(self, text: str) -> None:
        """Something is wrong."""
        self.complaints[text] += 1

    def watch(self, client: Client, events: int) -> None:
        """Wake a new connection."""
        assert client.socket is not None
        self._clients[client.socket.fileno()] = client
        self._epoll.register(client.socket.fileno(), events)

    def rewatch(self, client: Client, events: int) -> None:
        """Wake a connection for other events."""
        assert client.socket is not None
        self._epoll.modify(client.socket.fileno(), events)

    def forget(self, client: Client) -> None:
        """Wake it no more."""
        assert client.socket is not None
        self._epoll.unregister(client.socket.fileno())
        del self._clients[client.socket.fileno()]

    def poll(self) -> None:
        """Serve whoever is ready."""
        for number, events in self._epoll.poll(TICK, 512):
            client = self._clients.get(number)
            if client is not None:
                client.wake(events)

    def connect(self) -> None:
        """Connect everybody, a part at a time; raises TimeoutError if that does not end."""
        for at, client in enumerate([*self.others, *self.workers]):
            client.connect()
            if at % 256 == 0:
                self.poll()
        self.settle(60)

    def settle(self, seconds: float) -> None:
        """Wait until every worker is connected and waits for nothing; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not all(worker.idle for worker in self.workers):
            if time.monotonic() > deadline:
                busy = sum(not worker.idle for worker in self.workers)
                raise TimeoutError(f"{busy} of {len(self.workers)} workers have no answer after {seconds:g} s")
            self.poll()

    def run(self, seconds: float, rate: float) -> Iterator[float]:
        """Let everybody act, the workers together so many times a second; yields about each second how long it was."""
        start = now = time.monotonic()
        turn = 0
        told, stormed = start, start
        while now < start + seconds:
            self.poll()
            now = time.monotonic()
            while turn < (now - start) * rate and now < start + seconds:
                self.workers[turn % len(self.workers)].act(now)
                turn += 1
                if turn % 64 == 0:
                    self.poll()
                    now = time.monotonic()
            for other in self.others:
                other.act(now)
            if now - stormed > STORM_SECONDS:
                stormed = now
                self.storm()
            if now - told >= 1:
                told = now
                yield now - start

    def storm(self) -> None:
        """Let a part of the workers go and come back at once."""
        self.storms += 1
        for worker in random.sample(self.workers, max(1, int(len(self.workers) * STORM_SHARE))):
            worker.vanish(random.random() < 0.5)

    def last_requests(self) -> None:
        """Let every worker ask for something; from now on the server may end, and no one comes back."""
        self.ending = True
        for worker in self.workers:
            worker.write()

    def drain(self) -> None:
        """The server has ended: take the answers that have come from it still."""
        for client in [*self.workers, *self.others]:
            while client.socket is not None:
                client.readable()

    def close(self) -> None:
        """Let everybody go."""
        self.ending = True
        for client in [*self.workers, *self.others]:
            client.leave(True)
