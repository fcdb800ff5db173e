"""Tests for L{tseep.modes.workers.owner}: the owner, with workers that the test simulates."""

from __future__ import annotations

import json
import os
import select
import socket
from typing import Any
from unittest import skipUnless

from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ProcessDone
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.configuration.parameters import Config
from tseep.interfaces import IConnection, IMode, IWorker
from tseep.modes.workers import frames
from tseep.modes.workers.frames import Outbox, split
from tseep.modes.workers.owner import (
    EARLY_EXIT_S,
    MAX_MISSED_PINGS,
    MIN_RESTART_DELAY_S,
    PING_INTERVAL_S,
    WorkersMode,
)
from tseep.modes.workers.remote import ACK_INTERVAL_BYTES, MAX_UNACKED_BYTES
from tseep.server.server import TOO_MANY_CLIENTS, Server
from tseep.session.client_info import OVERHEAD, memory_of
from tseep.test.net.test_watcher import FakeReactor
from tseep.test.support import encode, log_events


class Reactor(FakeReactor):
    """A fake reactor that counts as running from the start."""

    def callWhenRunning(self, function: Any) -> None:
        function()


class Process:
    """
    A fake worker process: the test writes and reads the worker's end of the link.

    @ivar argv: the command line it was started with.
    @ivar files: the file descriptors passed to it.
    """

    def __init__(self, protocol: Any, argv: list[str], files: dict[int, Any]) -> None:
        self.protocol = protocol
        self.argv = argv
        self.files = files
        self.pid = 1000
        self.signals: list[str] = []
        self.link = socket.socket(fileno=os.dup(files[3]))
        self.link.setblocking(False)
        self.box = Outbox()
        self._rest = b""

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)
        self.end()

    def end(self) -> None:
        """Close the link and report that the process has ended."""
        self.link.close()
        self.protocol.processEnded(Failure(ProcessDone(0)))

    def open(self, number: int, reserved: bool = False) -> None:
        """Queue the frame that reports a new client."""
        facts = {"peer": f"127.0.0.1:{50000 + number}", "host": "127.0.0.1:6379", "fileno": 9, "reserved": reserved}
        self.box.add_frame(frames.OPENED, number, json.dumps(facts).encode())

    def hear(self) -> list[tuple[int, int, bytes]]:
        """Return the frames that the owner has sent since the last call."""
        sent_frames: list[tuple[int, int, bytes]] = []
        try:
            while True:
                data = self.link.recv(1 << 20)
                if not data:
                    break
                told, self._rest = split(self._rest + data)
                sent_frames += told
        except BlockingIOError:
            pass
        return sent_frames


class Failing:
    """A session whose C{receive} raises C{RuntimeError}."""

    id = 1
    extra_memory = 0

    def __init__(self, server: Server) -> None:
        self.server = server

    def receive(self, data: bytes) -> bytes:
        raise RuntimeError("as the test wants")

    def end(self) -> None:
        pass


@skipUnless(hasattr(select, "epoll"), "the platform has no epoll")
class WorkersTests(SynchronousTestCase):
    """Set-up and helpers for the tests of the owner."""

    workers = "2"

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.server = Server(Config(workers=self.workers, maxclients="3"), clock=self.reactor.seconds)
        self.processes: list[Process] = []
        self.mode = WorkersMode(self.reactor, self.server, self.spawn)
        self.addCleanup(self.clean)
        self.mode.start()

    def clean(self) -> None:
        for process in self.processes:
            process.link.close()
        for place in self.mode._slots:
            if place._link is not None and place._link.transport is not None:
                place._link.transport.abortConnection()
        self.reactor.advance(0)

    def spawn(self, protocol: Any, path: str, argv: list[str], env: Any, childFDs: dict[int, Any]) -> Process:
        self.processes.append(Process(protocol, argv, childFDs))
        return self.processes[-1]

    def turn(self) -> None:
        """Send the frames that the workers have queued, and process them in the owner."""
        for process in self.processes:
            data = process.box.pop_all()
            if data:
                process.link.setblocking(True)
                process.link.sendall(data)
                process.link.setblocking(False)
                self.mode.watcher.doRead()
        self.mode.watcher.doRead()

    def hear(self, process: Process) -> list[tuple[int, int, bytes]]:
        """Return all frames sent to a worker, reading until the owner has no more."""
        sent_frames = process.hear()
        told = sent_frames
        while told:
            self.mode.watcher.doRead()
            told = process.hear()
            sent_frames += told
        return sent_frames

    def say(self, number: int, data: bytes) -> list[tuple[int, int, bytes]]:
        """Send C{data} from a client of the first worker; return the frames that this worker then receives."""
        self.processes[0].box.add_data(number, data)
        self.turn()
        return self.hear(self.processes[0])

    def opened(self, *numbers: int) -> Process:
        """Return the first worker, with clients of these numbers connected."""
        process = self.processes[0]
        for number in numbers:
            process.open(number)
        self.turn()
        process.hear()
        return process

    def answers(self, sent_frames: list[tuple[int, int, bytes]], number: int = 1) -> bytes:
        """Return the reply bytes for one client in the frames."""
        return b"".join([text for kind, about, text in sent_frames if kind == frames.BYTES and about == number])


class ClientTests(WorkersTests):
    """Clients of workers are served like those of the other modes."""

    def test_answers(self) -> None:
        """The reply to a command is one BYTES frame."""
        self.opened(1)
        self.assertEqual([(frames.BYTES, 1, b"+PONG\r\n")], self.say(1, b"PING\r\n"))

    def test_batch(self) -> None:
        """The replies to the commands of one read are sent in one write, with one frame per client."""
        process = self.opened(1, 2)
        process.box.add_data(1, encode("SET", "a", 1))
        process.box.add_data(2, encode("GET", "a"))
        self.turn()
        self.assertEqual([(frames.BYTES, 1, b"+OK\r\n"), (frames.BYTES, 2, b"$1\r\n1\r\n")], process.hear())

    def test_interfaces(self) -> None:
        """The connection provides C{IConnection} with the addresses its worker sent; CLIENT LIST shows its worker."""
        self.opened(1)
        (session,) = self.server.sessions.values()
        verifyObject(IConnection, session.connection)
        verifyObject(IMode, self.mode)
        self.assertEqual(("127.0.0.1:50001", 9, 0), (session.connection.peer, session.connection.fileno, 0))
        self.assertIn(b" worker=0", self.answers(self.say(1, encode("CLIENT", "LIST"))))

    def test_other_workers_client(self) -> None:
        """PUBLISH reaches subscribers that are connected to another worker."""
        self.opened(1)
        other = self.processes[1]
        other.open(1)
        other.box.add_data(1, encode("SUBSCRIBE", "c"))
        self.turn()
        other.hear()
        self.assertEqual(b":1\r\n", self.answers(self.say(1, encode("PUBLISH", "c", "hi"))))
        self.assertIn(b"hi", self.answers(other.hear()))

    def test_maxclients(self) -> None:
        """A client above C{maxclients} gets Redis's error and CLOSE; a client of the reserved endpoint is admitted."""
        process = self.opened(1, 2, 3)
        process.open(4)
        process.open(5, reserved=True)
        process.box.add_data(4, b"PING\r\n")
        process.box.add_data(5, b"PING\r\n")
        self.turn()
        expected = [(frames.BYTES, 4, TOO_MANY_CLIENTS), (frames.CLOSE, 4, b""), (frames.BYTES, 5, b"+PONG\r\n")]
        self.assertEqual(expected, process.hear())

    def test_disconnect(self) -> None:
        """A client blocked in BLPOP that disconnects gets no element: the next push stays in the list."""
        process = self.opened(1, 2)
        process.box.add_data(1, encode("BLPOP", "l", 0))
        process.box.add_frame(frames.CLOSED, 1)
        self.turn()
        self.assertEqual(1, len(self.server.sessions))
        self.say(2, encode("RPUSH", "l", "x"))
        self.assertEqual(b"$1\r\nx\r\n", self.answers(self.say(2, encode("LPOP", "l")), 2))

    def test_half_close(self) -> None:
        """After a client's EOF its commands are answered, then CLOSE is sent."""
        process = self.opened(1)
        process.box.add_data(1, b"PING\r\n")
        process.box.add_frame(frames.EOF, 1)
        self.turn()
        self.assertEqual([(frames.BYTES, 1, b"+PONG\r\n"), (frames.CLOSE, 1, b"")], process.hear())
        self.assertEqual({}, self.server.sessions)

    def test_quit(self) -> None:
        """QUIT is answered, followed by CLOSE; commands after it are ignored."""
        self.opened(1)
        sent_frames = self.say(1, b"QUIT\r\nSET a b\r\n")
        self.assertEqual([(frames.BYTES, 1, b"+OK\r\n"), (frames.CLOSE, 1, b"")], sent_frames)
        self.assertEqual([], self.say(1, b"SET a b\r\n"))
        self.assertEqual(0, len(self.server.keyspace.databases[0]))

    def test_killed(self) -> None:
        """CLIENT KILL sends CLOSE; a second close sends ABORT."""
        self.opened(1, 2)
        connection = self.server.sessions[1].connection
        self.assertIn((frames.CLOSE, 1, b""), self.say(2, encode("CLIENT", "KILL", "ID", 1)))
        self.mode.call(connection.close)
        self.assertEqual([(frames.ABORT, 1, b"")], self.processes[0].hear())

    def test_failure(self) -> None:
        """An exception in a command is logged and closes its client alone."""
        self.opened(1, 2)

        self.server.sessions[1].connection._session = Failing(self.server)
        self.assertEqual([(frames.CLOSE, 1, b"")], self.say(1, b"PING\r\n"))
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual(b"+PONG\r\n", self.answers(self.say(2, b"PING\r\n"), 2))

    def test_pieces(self) -> None:
        """A frame that arrives byte by byte is processed once complete."""
        process = self.opened(1)
        process.box.add_data(1, b"PING\r\n")
        data = process.box.pop_all()
        for byte in data:
            process.link.send(bytes([byte]))
            self.mode.watcher.doRead()
        self.assertEqual(b"+PONG\r\n", self.answers(process.hear()))

    def test_commands_during_a_script(self) -> None:
        """During a script other clients' commands run, in order of arrival."""
        process = self.opened(1, 2)
        served = []

        def serve_clients() -> bytes:
            process.box.add_data(2, encode("APPEND", "a", "2"))
            process.link.send(process.box.pop_all())
            self.server.host.serve_clients()
            served.append(True)
            return b""

        real = self.server.sessions[1].connection._session
        members = {"closing": False, "pending_commands": None, "receive": lambda _, data: serve_clients()}
        fake = type("Session", (), members)()
        self.server.sessions[1].connection._session = fake
        process.box.add_data(1, b"x")
        process.box.add_data(2, encode("APPEND", "a", "1"))
        self.turn()
        process.hear()
        self.server.sessions[1].connection._session = real
        self.assertEqual([True], served)
        self.assertEqual(b"$2\r\n12\r\n", self.answers(self.say(2, encode("GET", "a")), 2))


class BackpressureTests(WorkersTests):
    """A client's commands stop while C{MAX_UNACKED_BYTES} of replies are unacknowledged; others are served."""

    def setUp(self) -> None:
        super().setUp()
        self.process = self.opened(1, 2)
        self.say(2, encode("SET", "big", "x" * ACK_INTERVAL_BYTES))

    def fill(self) -> list[tuple[int, int, bytes]]:
        """Request more reply bytes than the owner sends without an ack; return the frames sent."""
        return [frame for _ in range(4) for frame in self.say(1, encode("GET", "big"))]

    def test_ack_request(self) -> None:
        """After C{ACK_INTERVAL_BYTES} of replies the owner sends ACK_REQUEST; it continues to reply before the ack."""
        sent_frames = self.say(1, encode("GET", "big"))
        self.assertEqual((frames.ACK_REQUEST, 1, b""), sent_frames[-1])
        self.assertEqual(b"+PONG\r\n", self.answers(self.say(1, b"PING\r\n")))

    def test_unsent(self) -> None:
        """
        Output whose acknowledgement is on its way counts neither as memory nor for a limit; what is sent after the
        request counts until the ack arrives, and all of it once the window is full.
        """
        session = self.server.sessions[1]
        reply = len(b"$%d\r\n\r\n" % ACK_INTERVAL_BYTES) + ACK_INTERVAL_BYTES
        for unsent in (0, reply, 3 * reply):
            self.say(1, encode("GET", "big"))
            self.assertEqual((unsent, OVERHEAD + unsent), (session.connection.unsent, memory_of(session)))
        self.process.box.add_frame(frames.ACK, 1)
        self.turn()
        self.assertEqual(0, session.connection.unsent)

    def test_window(self) -> None:
        """At C{MAX_UNACKED_BYTES} the client's commands stop and those of others run; CLIENT LIST shows C{oll=1}."""
        sent_frames = self.fill()
        self.assertTrue(
            MAX_UNACKED_BYTES < len(self.answers(sent_frames)) <= ACK_INTERVAL_BYTES + MAX_UNACKED_BYTES + 100
        )
        self.assertEqual([], self.say(1, b"PING\r\n"))
        self.assertEqual(b"+PONG\r\n", self.answers(self.say(2, b"PING\r\n"), 2))
        listed = self.answers(self.say(2, encode("CLIENT", "LIST", "ID", 1)), 2)
        self.assertIn(b" oll=1 ", listed)

    def test_acks(self) -> None:
        """Each ack resumes the client's commands where they stopped; no reply is lost."""
        before = self.fill()
        self.assertEqual([], self.say(1, b"PING\r\n"))
        after = []
        for _ in range(4):
            self.process.box.add_frame(frames.ACK, 1)
            self.turn()
            after += self.hear(self.process)
        reply = b"$%d\r\n%b\r\n" % (ACK_INTERVAL_BYTES, b"x" * ACK_INTERVAL_BYTES)
        self.assertEqual(4 * reply + b"+PONG\r\n", self.answers(before + after))

    def test_pipeline(self) -> None:
        """A pipeline stops when its replies fill the window, and continues with the acks."""
        self.say(2, encode("SET", "n", 0))
        sent_frames = self.say(1, (encode("GET", "big") + encode("INCR", "n")) * 100)
        count = int(self.answers(self.say(2, encode("GET", "n")), 2).split(b"\r\n")[1])
        self.assertTrue(count < 40, count)
        for _ in range(200):
            self.process.box.add_frame(frames.ACK, 1)
            self.turn()
            sent_frames += self.hear(self.process)
        self.assertEqual(100, self.answers(sent_frames).count(b"$%d\r\n" % ACK_INTERVAL_BYTES))
        self.assertIn(b"100", self.answers(self.say(2, encode("GET", "n")), 2))

    def test_output_limit(self) -> None:
        """A client above C{client-output-buffer-limit normal} gets ABORT; other clients are served."""
        self.say(2, encode("CONFIG", "SET", "client-output-buffer-limit", f"normal {3 * ACK_INTERVAL_BYTES} 0 0"))
        self.assertIn((frames.ABORT, 1, b""), self.fill())
        self.assertEqual(b":1\r\n", self.answers(self.say(2, encode("EXISTS", "big")), 2))

    def test_messages(self) -> None:
        """Messages to a subscriber that sends no acks are queued up to its output buffer limit, then it gets ABORT."""
        self.say(2, encode("CONFIG", "SET", "client-output-buffer-limit", f"pubsub {8 * ACK_INTERVAL_BYTES} 0 0"))
        self.say(1, encode("SUBSCRIBE", "c"))
        publish = encode("PUBLISH", "c", "x" * ACK_INTERVAL_BYTES)
        sent_frames = [frame for _ in range(14) for frame in self.say(2, publish)]
        self.assertTrue(len(self.answers(sent_frames, 1)) < 5 * ACK_INTERVAL_BYTES)
        self.assertIn((frames.ABORT, 1, b""), sent_frames)

    def test_half_close_with_queued_messages(self) -> None:
        """After a client's EOF its queued messages are sent without waiting for acks, followed by CLOSE."""
        self.say(1, encode("SUBSCRIBE", "c"))
        sent_frames = [
            frame for _ in range(6) for frame in self.say(2, encode("PUBLISH", "c", "x" * ACK_INTERVAL_BYTES))
        ]
        self.process.box.add_frame(frames.EOF, 1)
        self.turn()
        sent_frames += self.hear(self.process)
        self.assertEqual(6, self.answers(sent_frames, 1).count(b"$%d\r\n" % ACK_INTERVAL_BYTES))
        self.assertEqual((frames.CLOSE, 1, b""), sent_frames[-1])
        self.process.box.add_frame(frames.ACK, 1)
        self.turn()
        self.assertEqual([], self.hear(self.process))

    def test_half_close_after_a_pipeline(self) -> None:
        """After a client's EOF the rest of its pipeline is answered as acks arrive, then CLOSE is sent."""
        sent_frames = self.say(1, encode("GET", "big") * 20)
        self.process.box.add_data(1, encode("ECHO", "last"))
        self.process.box.add_frame(frames.EOF, 1)
        self.turn()
        sent_frames += self.hear(self.process)
        self.assertNotIn((frames.CLOSE, 1, b""), sent_frames)
        for _ in range(40):
            self.process.box.add_frame(frames.ACK, 1)
            self.turn()
            sent_frames += self.hear(self.process)
        answers = self.answers(sent_frames)
        self.assertEqual(
            (20, True), (answers.count(b"$%d\r\n" % ACK_INTERVAL_BYTES), answers.endswith(b"$4\r\nlast\r\n"))
        )
        self.assertEqual((frames.CLOSE, 1, b""), [frame for frame in sent_frames if frame[0] != frames.ACK_REQUEST][-1])
        self.assertNotIn(1, self.server.sessions)

    def test_half_close_while_blocked(self) -> None:
        """EOF from a client blocked in BLPOP closes it at once: no element is popped for it."""
        self.say(1, encode("BLPOP", "l", 0))
        self.process.box.add_frame(frames.EOF, 1)
        self.turn()
        self.assertEqual([(frames.CLOSE, 1, b"")], self.hear(self.process))
        self.say(2, encode("RPUSH", "l", "x"))
        self.assertEqual(b":1\r\n", self.answers(self.say(2, encode("LLEN", "l")), 2))

    def test_worker_that_does_not_read(self) -> None:
        """The owner does not read from a worker whose link is full, until the worker reads again."""
        for _ in range(40):
            self.process.box.add_data(1, encode("GET", "big"))
            self.process.box.add_frame(frames.ACK, 1)
            self.process.link.send(self.process.box.pop_all())
            self.mode.watcher.doRead()
        self.process.box.add_data(2, encode("SET", "sent_frames", 1))
        self.process.link.send(self.process.box.pop_all())
        self.mode.watcher.doRead()
        self.assertIsNone(self.server.keyspace.databases[0].peek(b"sent_frames"))
        for _ in range(100):
            self.process.hear()
            self.mode.watcher.doRead()
        self.assertIsNotNone(self.server.keyspace.databases[0].peek(b"sent_frames"))


class LifecycleTests(WorkersTests):
    """L{WorkersMode} starts, pings, restarts and stops its workers."""

    def test_start(self) -> None:
        """N workers are N processes; each gets its number in C{argv}, and BEGIN."""
        self.assertEqual(2, len(self.processes))
        self.assertEqual(["0", "1"], [process.argv[3] for process in self.processes])
        self.assertEqual({"tseep-worker 127.0.0.1:6379"}, {process.argv[4] for process in self.processes})
        self.assertEqual([(frames.BEGIN, 0, b"[]")], self.processes[1].hear())
        for worker in self.server.workers:
            verifyObject(IWorker, worker)

    def test_exit(self) -> None:
        """The exit of a worker disconnects its clients alone; after a delay it is restarted, with the same number."""
        self.opened(1)
        self.processes[1].open(1)
        self.turn()
        self.processes[0].end()
        self.reactor.advance(0)
        self.assertEqual(1, len(self.server.sessions))
        self.reactor.advance(2 * MIN_RESTART_DELAY_S)
        self.assertEqual("0", self.processes[2].argv[3])
        self.assertEqual([1, 0], [worker.restarts for worker in self.server.workers])

    def test_restart_delay(self) -> None:
        """
        The restart delay doubles with each early exit; after a run of C{EARLY_EXIT_S} seconds it is
        C{MIN_RESTART_DELAY_S} again.
        """
        for pause in (2, 4, 8):
            self.processes[-1].end()
            self.reactor.advance(MIN_RESTART_DELAY_S * pause * 0.9)
            before = len(self.processes)
            self.reactor.advance(MIN_RESTART_DELAY_S * pause * 0.2)
            self.assertEqual(before + 1, len(self.processes))
        self.mode._pinging.stop()
        self.reactor.advance(EARLY_EXIT_S + 1)
        self.processes[-1].end()
        self.reactor.advance(MIN_RESTART_DELAY_S * 1.1)
        self.assertEqual(6, len(self.processes))

    def test_missed_pings(self) -> None:
        """A worker that misses C{MAX_MISSED_PINGS} pings is killed; one that answers with PONG is not."""
        for _ in range(MAX_MISSED_PINGS + 2):
            self.processes[1].box.add_frame(frames.PONG, 0, _pong())
            self.turn()
            self.reactor.advance(PING_INTERVAL_S)
        self.assertEqual([["KILL"], []], [process.signals for process in self.processes[:2]])

    def test_info(self) -> None:
        """INFO clients shows the CPU time, memory and lag of each worker's last PONG."""
        self.processes[0].box.add_frame(frames.PONG, 0, _pong(cpu_seconds=1.5, resident=4096, lag_ns=7000))
        self.opened(1)
        text = self.answers(self.say(1, encode("INFO", "clients"))).decode()
        self.assertIn("worker0:pid=1000,clients=1,cpu=1.50,rss=4096,lag_usec=7,", text)

    def test_standard_error(self) -> None:
        """A line on a worker's standard error is logged as a warning, with the worker's number."""
        events = log_events(self)
        self.processes[1].protocol.errReceived(b"oh\n")
        self.assertEqual([("oh", 1, LogLevel.warn)], [(e["text"], e["number"], e["log_level"]) for e in events])

    def test_stop(self) -> None:
        """
        C{stop} sends DRAIN; commands received before DRAINED are answered, then clients and links are closed and no
        worker is restarted.
        """
        process = self.opened(1)
        process.box.add_data(1, b"PING\r\n")
        stopped = ensureDeferred(self.mode.stop(1.0))
        self.assertIn((frames.DRAIN, 0, b""), process.hear())
        for each in self.processes:
            each.box.add_frame(frames.DRAINED)
        self.turn()
        self.reactor.pump([0.02] * 2)
        self.assertEqual([(frames.BYTES, 1, b"+PONG\r\n"), (frames.CLOSE, 1, b"")], process.hear())
        process.box.add_frame(frames.CLOSED, 1)
        self.turn()
        self.reactor.pump([0.02] * 5)
        for each in self.processes:
            self.mode.watcher.doRead()
            each.end()
        self.reactor.pump([0.02] * 5)
        self.successResultOf(stopped)
        self.assertEqual([], self.reactor.readers)
        self.assertEqual(2, len(self.processes))

    def test_stop_with_hung_workers(self) -> None:
        """C{stop} kills workers that do not answer DRAIN, and completes."""
        self.opened(1)
        stopped = ensureDeferred(self.mode.stop(1.0))
        self.reactor.pump([0.05] * 200)
        self.successResultOf(stopped)
        self.assertEqual([["KILL"]] * 2, [process.signals for process in self.processes])


def _pong(**costs: Any) -> bytes:
    return json.dumps({"cpu_seconds": 0.0, "resident": 0, "lag_ns": 0, "batches": [], **costs}).encode()
