"""Tests for L{tseep.net.watcher}."""

from __future__ import annotations

import select
import socket
from typing import Any
from unittest import skipUnless

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.net import watcher
from tseep.net.watcher import Watcher


class FakeReactor(Clock):
    """A reactor that remembers its readers, for the test to wake."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: Any) -> None:
        pass  # nobody writes here


class Descriptor:
    """A client's transport that notes what happens to it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.events: list[Any] = []
        self.result: Any = None

    def fileno(self) -> int:
        return self.socket.fileno()

    def logPrefix(self) -> str:
        return "Descriptor"

    def doRead(self) -> Any:
        self.events.append(self.socket.recv(100))
        return self.result

    def doWrite(self) -> Any:
        self.events.append("write")
        return self.result

    def connectionLost(self, reason: Any) -> None:
        self.events.append(reason.value)


class HalfCloseable(Descriptor):
    """One that wants to know that only its reading is over."""

    def readConnectionLost(self, reason: Any) -> None:
        self.events.append(("read", reason.value))


@skipUnless(hasattr(select, "epoll"), "the platform has no epoll")
class WatcherTests(SynchronousTestCase):
    """Whoever is ready is woken, in one turn of the reactor."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.watcher = Watcher(self.reactor)
        self.watcher.start()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        if self.reactor.readers:
            self.watcher.stop()

    def client(self, kind: Any = Descriptor) -> Any:
        """A transport of that kind, with C{far} for the other end of its connection."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        near.setblocking(False)
        descriptor = kind(near)
        descriptor.far = far
        return descriptor

    def reading(self, kind: Any = Descriptor) -> Any:
        """A transport that the watcher wakes to read."""
        descriptor = self.client(kind)
        self.watcher.addReader(descriptor)
        return descriptor

    def test_interfaces(self) -> None:
        """It is a reactor for file descriptors, and a reader for the reactor."""
        verifyObject(IReactorFDSet, self.watcher)
        verifyObject(IReadDescriptor, self.watcher)

    def test_one_reader(self) -> None:
        """The reactor sees a single reader, however many clients there are, ready when one of them is."""
        clients = [self.reading() for _ in range(3)]
        self.assertEqual(self.reactor.readers, [self.watcher])
        self.assertEqual(select.select([self.watcher], [], [], 0)[0], [])
        clients[1].far.send(b"x")
        self.assertEqual(select.select([self.watcher], [], [], 0)[0], [self.watcher])

    def test_wakes_all_that_are_ready(self) -> None:
        """One turn serves everybody who is ready, and nobody else."""
        clients = [self.reading() for _ in range(5)]
        for client in clients[:4]:
            client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual([client.events for client in clients], [[b"x"]] * 4 + [[]])

    def test_more_than_a_batch(self) -> None:
        """Batch follows batch until nobody is ready."""
        self.patch(watcher, "MAX_BATCH", 2)
        clients = [self.reading() for _ in range(5)]
        for client in clients:
            client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual([client.events for client in clients], [[b"x"]] * 5)

    def test_budget(self) -> None:
        """When its budget is spent it stops after the batch, and is ready again."""
        self.patch(watcher, "MAX_BATCH", 2)
        clients = [self.reading() for _ in range(5)]
        for client in clients:
            client.far.send(b"x")
        self.watcher.serve(-1.0)
        self.assertEqual(sum(len(client.events) for client in clients), 2)
        self.assertEqual(select.select([self.watcher], [], [], 0)[0], [self.watcher])

    def test_write(self) -> None:
        """A writer is woken when its socket takes bytes, and reading goes on beside it."""
        client = self.reading()
        self.watcher.addWriter(client)
        client.far.send(b"x")
        self.watcher.serve(-1.0)
        self.assertEqual(client.events, [b"x", "write"])
        self.watcher.removeWriter(client)
        client.far.send(b"y")
        self.watcher.doRead()
        self.assertEqual(client.events, [b"x", "write", b"y"])

    def test_remove(self) -> None:
        """Who was removed is not woken, and may be removed again."""
        client = self.reading()
        client.far.send(b"x")
        self.watcher.removeReader(client)
        self.watcher.removeReader(client)
        self.watcher.removeWriter(client)
        self.watcher.doRead()
        self.assertEqual(client.events, [])

    def test_removed_in_the_same_batch(self) -> None:
        """One who lets another go keeps it from being woken, even if both were ready."""
        first, second = self.reading(), self.reading()
        for client in (first, second):
            client.far.send(b"x")

        def let_all_go() -> None:
            self.watcher.removeAll()

        first.doRead = second.doRead = let_all_go
        removed: list[Any] = []
        remove_all = self.watcher.removeAll
        self.watcher.removeAll = lambda: removed.append(remove_all()) or []
        self.watcher.doRead()
        self.assertEqual(len(removed), 1)
        self.assertEqual(set(removed[0]), {first, second})

    def test_lists(self) -> None:
        """It knows who reads and who writes."""
        reader, writer = self.reading(), self.client()
        self.watcher.addWriter(writer)
        self.assertEqual(self.watcher.getReaders(), [reader])
        self.assertEqual(self.watcher.getWriters(), [writer])
        self.assertEqual(set(self.watcher.removeAll()), {reader, writer})
        self.assertEqual(self.watcher.getReaders() + self.watcher.getWriters(), [])

    def test_result_ends_the_connection(self) -> None:
        """What doRead or doWrite returns is the reason why the connection is lost."""
        client = self.reading()
        client.result = CONNECTION_LOST
        client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual(client.events, [b"x", CONNECTION_LOST])
        self.assertEqual(self.watcher.getReaders(), [])

    def test_half_close(self) -> None:
        """A clean end of reading is told as that to who wants to know."""
        client = self.reading(HalfCloseable)
        client.result = CONNECTION_DONE
        client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual(client.events, [b"x", ("read", CONNECTION_DONE)])

    def test_hang_up(self) -> None:
        """A connection that is dead when its bytes are read has its bytes read first."""
        client = self.reading()
        client.far.send(b"x")
        client.far.close()
        self.watcher.serve(-1.0)
        self.assertEqual(client.events[0], b"x")

    def test_hang_up_of_a_writer(self) -> None:
        """One who only writes learns that the other end is gone."""
        client = self.client()
        client.doWrite = lambda: self.fail("nothing can be written")
        client.far.close()
        client.socket.shutdown(socket.SHUT_RD)
        self.watcher.addWriter(client)
        self.watcher.serve(-1.0)
        self.assertEqual(client.events, [CONNECTION_LOST])

    def test_failure(self) -> None:
        """A client whose turn raises is logged and lost; the others have their turn."""
        bad, good = self.reading(), self.reading()
        error = RuntimeError("a fault")

        def fail() -> None:
            raise error

        bad.doRead = fail
        for client in (bad, good):
            client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual([failure.value for failure in self.flushLoggedErrors(RuntimeError)], [error])
        self.assertEqual((bad.events, good.events), ([error], [b"x"]))

    def test_stop(self) -> None:
        """Once it is stopped nobody is woken and the reactor is rid of it."""
        client = self.reading()
        self.watcher.stop()
        self.assertEqual(self.reactor.readers, [])
        self.watcher.removeReader(client)
