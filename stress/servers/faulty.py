"""A small server of both protocols with faults on request.

    python stress/servers/faulty.py --port 7000 --fault late --every 3

A check that cannot fail proves nothing: this server produces each kind of fault that the rig detects, without tseep.
The
fault affects the second request of every n-th connection, or every n-th request of all. SIGTERM ends it with the given
status.
"""

from __future__ import annotations

import argparse
import heapq
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from itertools import count

FAULTY_REQUEST = 2
RESPONSE, ERROR = 3, 4
PIECE_INTERVAL_S = 0.03  # between the pieces of an answer
BACKLOG = 1024
NEVER_S = 3600.0


class Native:
    """The frames of the Go study."""

    nothing = bytes((RESPONSE, 0))
    error = bytes((ERROR, 4)) + b"oops"
    garbage = b"+OK\r\n"
    tail = 1  # the distance of a value's last byte from the last byte of the answer, plus 1

    def request(self, data: bytes) -> tuple[int, bytes, bytes | None]:
        """Return the length of the first request, its key, and the value of a write; length 0 while it is
        incomplete."""
        size = 3 + int.from_bytes(data[1:3], "big") if len(data) >= 3 else len(data) + 1
        if len(data) < size:
            return 0, b"", None
        end = 4 + data[3]
        written = data[end + 1 : size] if end < size else None
        return size, data[4:end], written

    def value(self, value: bytes) -> bytes:
        """Return the answer to a read."""
        return bytes((RESPONSE, len(value))) + value

    stored = value


class Resp:
    """RESP, as far as GET and SET need it."""

    nothing = b"$-1\r\n"
    error = b"-ERR oops\r\n"
    garbage = b"\x03\x05hello"
    tail = 3

    def request(self, data: bytes) -> tuple[int, bytes, bytes | None]:
        """Return the length of the first request, its key, and the value of a write; length 0 while it is
        incomplete."""
        words, at = [], data.find(b"\r\n") + 2
        for _ in range(int(data[1 : at - 2]) if at > 1 else 0):
            line = data.find(b"\r\n", at)
            end = line + 2 + int(data[at + 1 : line]) if line >= 0 else len(data)
            if len(data) < end + 2:
                return 0, b"", None
            words.append(data[line + 2 : end])
            at = end + 2
        return (at, words[1], words[2] if len(words) > 2 else None) if words else (0, b"", None)

    def value(self, value: bytes) -> bytes:
        """Return the answer to a GET."""
        return b"$%d\r\n%b\r\n" % (len(value), value)

    def stored(self, value: bytes) -> bytes:
        """Return the answer to a SET."""
        return b"+OK\r\n"


class Conversation:
    """
    One connection.

    @ivar faulty: whether it has the fault.
    @ivar received: bytes of incomplete requests.
    @ivar requests: the number of requests.
    @ivar due: the monotonic time at which its last answer is sent.
    """

    def __init__(self, connection: socket.socket, faulty: bool) -> None:
        self.socket = connection
        self.faulty = faulty
        self.received = b""
        self.requests = 0
        self.due = 0.0


def pieces(protocol: Native | Resp, fault: str, answer: bytes, late: float) -> list[tuple[float, bytes | None]]:
    """Return what a fault makes of an answer: pieces, each with the seconds before it; None stands for the close."""
    last = len(answer) - protocol.tail
    changed = answer[:last] + bytes((answer[last] ^ 1,)) + answer[last + 1 :]
    wrong = protocol.value(b"x") if answer == protocol.nothing else changed
    faults: dict[str, list[tuple[float, bytes | None]]] = {
        "none": [(0, answer)],
        "split": [(0, answer[:1]), (PIECE_INTERVAL_S, answer[1:7]), (2 * PIECE_INTERVAL_S, answer[7:])],  # no fault
        "wrong": [(0, wrong)],
        "garbage": [(0, protocol.garbage)],
        "error": [(0, protocol.error)],
        "twice": [(0, answer + answer)],
        "drop": [],
        "close": [(0, answer[:3]), (0, None)],
        "late": [(late, answer)],
    }
    return faults[fault]


class Fixture:
    """The server with the faults of its command line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.protocol = Resp() if options.protocol == "resp" else Native()
        self.values: dict[bytes, bytes] = {}
        self.accepted = self.requests = 0
        self.queue: list[tuple[float, int, Conversation, bytes | None]] = []
        self.order = count()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until a signal ends the process."""
        while True:
            for key, _ in self.selector.select(self.timeout()):
                if key.data is None:
                    self.accept()
                else:
                    self.receive(key.data)
            self.send_due()
            if self.options.cut_idle and self.requests >= self.options.cut_idle:
                self.close_idle()

    def timeout(self) -> float:
        """Return the seconds until the next answer is due, or a shorter time."""
        return max(0.0, min(PIECE_INTERVAL_S, self.next_due() - time.monotonic()))

    def close_idle(self) -> None:
        """Close connections without a request."""
        for talk in [key.data for key in self.selector.get_map().values() if key.data and not key.data.requests]:
            self.send(talk, None)

    def next_due(self) -> float:
        """Return the monotonic time at which the next answer is due."""
        return self.queue[0][0] if self.queue else time.monotonic() + NEVER_S

    def accept(self) -> None:
        """Accept a connection; every n-th has the fault."""
        connection, _ = self.listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        faulty = not self.options.one_in and self.accepted % self.options.every == 0
        self.selector.register(connection, selectors.EVENT_READ, Conversation(connection, faulty))

    def receive(self, talk: Conversation) -> None:
        """Read, and answer the requests that are complete."""
        try:
            data = talk.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.send(talk, None)
        talk.received += data
        for key, written in self.complete_requests(talk):
            self.reply(talk, self.execute(key, written))

    def complete_requests(self, talk: Conversation) -> Iterator[tuple[bytes, bytes | None]]:
        """Remove and yield the complete requests."""
        while talk.received:
            size, key, written = self.protocol.request(talk.received)
            if not size:
                return
            talk.received = talk.received[size:]
            yield key, written

    def execute(self, key: bytes, written: bytes | None) -> bytes:
        """Execute a request and return its answer."""
        if written is not None:
            self.values[key] = written
            return self.protocol.stored(written)
        value = self.values.get(key)
        return self.protocol.nothing if value is None else self.protocol.value(value)

    def faulty(self, talk: Conversation) -> bool:
        """Return whether the request that was just received has the fault."""
        if not self.options.one_in:
            return talk.faulty and talk.requests == FAULTY_REQUEST
        number: int = self.requests - self.options.skip
        return bool(number > 0 and number % self.options.one_in == 0)

    def reply(self, talk: Conversation, answer: bytes) -> None:
        """Queue an answer, or what the fault makes of it, after the queued ones."""
        talk.requests += 1
        self.requests += 1
        if self.requests == self.options.stall_at:
            time.sleep(self.options.stall)
        fault = self.options.fault if self.faulty(talk) else "none"
        now = time.monotonic() + (self.options.delay if self.requests > self.options.skip else 0)
        for wait, piece in pieces(self.protocol, fault, answer, self.options.late):
            talk.due = max(now + wait, talk.due)
            heapq.heappush(self.queue, (talk.due, next(self.order), talk, piece))

    def send_due(self) -> None:
        """Send the queued pieces that are due."""
        while self.next_due() <= time.monotonic():
            _, _, talk, piece = heapq.heappop(self.queue)
            self.send(talk, piece)

    def send(self, talk: Conversation, piece: bytes | None) -> None:
        """Send bytes on a connection, or close it."""
        if talk.socket.fileno() < 0:
            return
        if piece is None:
            self.selector.unregister(talk.socket)
            talk.socket.close()
            return
        try:
            talk.socket.sendall(piece)
        except OSError:  # the client has disconnected, as the next read will show
            pass


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/servers/faulty.py")
    add = made.add_argument
    add("--port", type=int, required=True)
    add("--protocol", choices=("native", "resp"), default="native")
    add("--fault", default="none", help="kind of fault, see pieces()")
    add("--every", type=int, default=1, help="every n-th connection has the fault")
    add("--one-in", type=int, help="every n-th request of all has the fault, instead")
    add("--skip", type=int, default=0, help="number of requests before the first with a delay or fault")
    add("--late", type=float, default=0.5, help="delay of a late answer, seconds")
    add("--delay", type=float, default=0.0, help="delay of every answer, seconds")
    add("--stall-at", type=int, help="number of the request at which the server stalls")
    add("--stall", type=float, default=0.5, help="duration of the stall, seconds")
    add("--cut-idle", type=int, help="number of the request after which connections without a request are closed")
    add("--status", type=int, default=0, help="exit status after SIGTERM")
    return made


def main() -> None:
    """Run the command line."""
    options = parser().parse_args()

    def stop(number: int, frame: object) -> None:
        raise SystemExit(options.status)

    signal.signal(signal.SIGTERM, stop)
    Fixture(options).serve()


if __name__ == "__main__":
    main()
