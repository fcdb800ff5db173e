"""The watcher: all clients in one epoll object, which the reactor sees as a single reader."""

from __future__ import annotations

import select
from time import perf_counter
from typing import Any, Callable

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

_log = Logger("tseep.modes.watcher.Watcher")

_IN = getattr(select, "EPOLLIN", 0)
_OUT = getattr(select, "EPOLLOUT", 0)
_GONE = getattr(select, "EPOLLHUP", 0) | getattr(select, "EPOLLERR", 0)

BUDGET = 0.002
"""Seconds that the watcher serves its clients before the reactor has its turn."""

BATCH = 256
"""Most events of one look at the epoll object."""


@implementer(IReactorFDSet, IReadDescriptor)
class Watcher:
    """
    Wakes whoever can read or write, batch after batch.

    The reactor pays its cost of an event (a mask to decode, a logging context, a look at its timers) once for a
    batch of clients instead of once for each. That works because an epoll descriptor can itself be polled: it is
    readable while any of its clients is ready.

    @param reactor: the reactor that watches the watcher.
    @param after_batch: called when a batch was served: the place for what is done once for all of them.
    @ivar batches: how often how many were ready at once: number I{b} counts less than 2**b, and at least half of that.
    """

    def __init__(self, reactor: Any, after_batch: Callable[[], None] = lambda: None) -> None:
        self._reactor = reactor
        self._after_batch = after_batch
        self._epoll = select.epoll()
        self.batches = [0] * (BATCH.bit_length() + 1)
        self._readers: dict[int, Any] = {}
        self._writers: dict[int, Any] = {}
        self.callLater = reactor.callLater  # transports ask their reactor for it

    def start(self) -> None:
        """Begin to be watched."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Let everyone go: no client is woken again."""
        self._reactor.removeReader(self)
        self._readers.clear()
        self._writers.clear()
        self._epoll.close()

    # IReactorFDSet, for the clients' transports

    def addReader(self, reader: Any) -> None:
        """Wake C{reader} when it can read."""
        self._watch(reader, self._readers)

    def addWriter(self, writer: Any) -> None:
        """Wake C{writer} when it can write."""
        self._watch(writer, self._writers)

    def removeReader(self, reader: Any) -> None:
        """Don't wake C{reader} to read."""
        self._unwatch(reader, self._readers)

    def removeWriter(self, writer: Any) -> None:
        """Don't wake C{writer} to write."""
        self._unwatch(writer, self._writers)

    def removeAll(self) -> list[Any]:
        """Wake nobody any more. Returns those who would have been woken."""
        removed = list({id(one): one for one in self.getReaders() + self.getWriters()}.values())
        for one in removed:
            self.removeReader(one)
            self.removeWriter(one)
        return removed

    def getReaders(self) -> list[Any]:
        """Those who are woken when they can read."""
        return list(self._readers.values())

    def getWriters(self) -> list[Any]:
        """Those who are woken when they can write."""
        return list(self._writers.values())

    def _watch(self, one: Any, ones: dict[int, Any]) -> None:
        fd = one.fileno()
        if fd in ones:
            return
        known = fd in self._readers or fd in self._writers
        ones[fd] = one
        (self._epoll.modify if known else self._epoll.register)(fd, self._mask(fd))

    def _unwatch(self, one: Any, ones: dict[int, Any]) -> None:
        fd = one.fileno()
        if ones.get(fd) is not one:
            return
        del ones[fd]
        mask = self._mask(fd)
        if mask:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.unregister(fd)

    def _mask(self, fd: int) -> int:
        return (_IN if fd in self._readers else 0) | (_OUT if fd in self._writers else 0)

    # IReadDescriptor, for the reactor

    def fileno(self) -> int:
        """The epoll object's own descriptor."""
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        """What the reactor calls it in its log."""
        return "Watcher"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has let go of it."""

    def doRead(self) -> None:
        """Serve whoever is ready, until nobody is or the budget is spent."""
        self.serve(BUDGET)

    def serve(self, budget: float) -> None:
        """
        Serve whoever is ready, until nobody is or the budget is spent.

        @param budget: seconds, looked at after each batch.
        """
        deadline = perf_counter() + budget
        poll, readers, batches = self._epoll.poll, self._readers, self.batches
        while True:
            events = poll(0, BATCH)
            batches[len(events).bit_length()] += 1
            for fd, event in events:
                one = readers.get(fd) or self._writers.get(fd)
                if one is None:  # let go earlier in the same batch
                    continue
                try:
                    why = one.doRead() if event == _IN else self._wake(one, fd, event)
                except Exception as error:
                    _log.failure("Error while serving a client; closing its connection")
                    why = error
                if why is not None:
                    self._disconnect(one, why, bool(event & _IN))
            self._after_batch()
            if not events or perf_counter() > deadline:
                return

    def _wake(self, one: Any, fd: int, event: int) -> Any:
        """
        Let one client read and write, for any but the commonest of events.

        @return: why its connection is lost, None if it is not.
        """
        if event & _IN:
            why = one.doRead()
        elif event & _GONE:
            why = CONNECTION_DONE if fd in self._readers else CONNECTION_LOST
        else:
            why = None
        if why is None and event & _OUT and fd in self._writers:
            why = one.doWrite()
        return why

    def _disconnect(self, one: Any, why: BaseException, reading: bool) -> None:
        """Tell one client that its connection is lost, or in half, as the reactors of Twisted do."""
        self.removeReader(one)
        if reading and why is CONNECTION_DONE and hasattr(one, "readConnectionLost"):
            one.readConnectionLost(Failure(why))
            return
        self.removeWriter(one)
        one.connectionLost(Failure(why))
