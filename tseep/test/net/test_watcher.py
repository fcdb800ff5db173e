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
    """A fake reactor that records its readers and calls none."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: Any) -> None:
        pass  # the tests add no writers to the reactor


class Descriptor:
    """A transport that records its reads, writes and the loss of its connection."""

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
    """A transport that implements C{readConnectionLost}."""

    def readConnectionLost(self, reason: Any) -> None:
        self.events.append(("read", reason.value))


@skipUnless(hasattr(select, "epoll"), "the platform has no epoll")
class WatcherTests(SynchronousTestCase):
    """L{Watcher} serves all ready descriptors of one epoll in one iteration of the reactor."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.watcher = Watcher(self.reactor)
        self.watcher.start()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        if self.reactor.readers:
            self.watcher.stop()

    def client(self, kind: Any = Descriptor) -> Any:
        """Return a transport of this class; its attribute C{far} is the other end of its connection."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        near.setblocking(False)
        descriptor = kind(near)
        descriptor.far = far
        return descriptor

    def reading(self, kind: Any = Descriptor) -> Any:
        """Return a transport that is registered for reading."""
        descriptor = self.client(kind)
        self.watcher.addReader(descriptor)
        return descriptor

    def test_interfaces(self) -> None:
        """The watcher is an C{IReactorFDSet} for transports and an C{IReadDescriptor} for the reactor."""
        verifyObject(IReactorFDSet, self.watcher)
        verifyObject(IReadDescriptor, self.watcher)

    def test_one_reader(self) -> None:
        """The reactor has the watcher as its one reader, readable when any client is."""
        clients = [self.reading() for _ in range(3)]
        self.assertEqual(self.reactor.readers, [self.watcher])
        self.assertEqual(select.select([self.watcher], [], [], 0)[0], [])
        clients[1].far.send(b"x")
        self.assertEqual(select.select([self.watcher], [], [], 0)[0], [self.watcher])

    def test_ready_descriptors(self) -> None:
        """C{doRead} serves all ready descriptors and no others."""
        clients = [self.reading() for _ in range(5)]
        for client in clients[:4]:
            client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual([client.events for client in clients], [[b"x"]] * 4 + [[]])

    def test_batches(self) -> None:
        """More ready descriptors than C{MAX_BATCH} are served in several batches of one C{doRead}."""
        self.patch(watcher, "MAX_BATCH", 2)
        clients = [self.reading() for _ in range(5)]
        for client in clients:
            client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual([client.events for client in clients], [[b"x"]] * 5)

    def test_budget(self) -> None:
        """C{serve} stops after the batch in which its time budget expires; the watcher stays readable."""
        self.patch(watcher, "MAX_BATCH", 2)
        clients = [self.reading() for _ in range(5)]
        for client in clients:
            client.far.send(b"x")
        self.watcher.serve(-1.0)
        self.assertEqual(sum(len(client.events) for client in clients), 2)
        self.assertEqual(select.select([self.watcher], [], [], 0)[0], [self.watcher])

    def test_write(self) -> None:
        """A registered writer is served when its socket is writable; its reads continue."""
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
        """A removed descriptor is not served; removing it again has no effect."""
        client = self.reading()
        client.far.send(b"x")
        self.watcher.removeReader(client)
        self.watcher.removeReader(client)
        self.watcher.removeWriter(client)
        self.watcher.doRead()
        self.assertEqual(client.events, [])

    def test_removed_during_a_batch(self) -> None:
        """A descriptor removed during a batch is not served, even if it was ready."""
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
        """C{getReaders}, C{getWriters} and C{removeAll} list the registered descriptors."""
        reader, writer = self.reading(), self.client()
        self.watcher.addWriter(writer)
        self.assertEqual(self.watcher.getReaders(), [reader])
        self.assertEqual(self.watcher.getWriters(), [writer])
        self.assertEqual(set(self.watcher.removeAll()), {reader, writer})
        self.assertEqual(self.watcher.getReaders() + self.watcher.getWriters(), [])

    def test_result_ends_the_connection(self) -> None:
        """A value returned by C{doRead} or C{doWrite} is the reason of C{connectionLost}."""
        client = self.reading()
        client.result = CONNECTION_LOST
        client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual(client.events, [b"x", CONNECTION_LOST])
        self.assertEqual(self.watcher.getReaders(), [])

    def test_half_close(self) -> None:
        """For a transport with C{readConnectionLost} EOF is reported there, not to C{connectionLost}."""
        client = self.reading(HalfCloseable)
        client.result = CONNECTION_DONE
        client.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual(client.events, [b"x", ("read", CONNECTION_DONE)])

    def test_hang_up(self) -> None:
        """Bytes received before a hang-up are read before the loss is reported."""
        client = self.reading()
        client.far.send(b"x")
        client.far.close()
        self.watcher.serve(-1.0)
        self.assertEqual(client.events[0], b"x")

    def test_hang_up_of_a_writer(self) -> None:
        """A hang-up is reported to a descriptor registered for writing alone."""
        client = self.client()
        client.doWrite = lambda: self.fail("nothing can be written")
        client.far.close()
        client.socket.shutdown(socket.SHUT_RD)
        self.watcher.addWriter(client)
        self.watcher.serve(-1.0)
        self.assertEqual(client.events, [CONNECTION_LOST])

    def test_failure(self) -> None:
        """An exception in C{doRead} is logged and closes that connection alone."""
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
        """After C{stop} no descriptor is served and the reactor has no reader."""
        client = self.reading()
        self.watcher.stop()
        self.assertEqual(self.reactor.readers, [])
        self.watcher.removeReader(client)
