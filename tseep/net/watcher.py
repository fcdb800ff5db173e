"""The watcher: an epoll object for all clients, which is a single reader of the reactor."""

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
_HANGUP = getattr(select, "EPOLLHUP", 0) | getattr(select, "EPOLLERR", 0)

TIME_BUDGET_S = 0.002
"""Seconds after which the watcher returns to the reactor."""

MAX_BATCH = 256
"""Maximum number of events of client C{epoll_wait}."""


@implementer(IReactorFDSet, IReadDescriptor)
class Watcher:
    """
    Calls C{doRead} and C{doWrite} of ready clients, batch after batch.

    The reactor's cost of an event (decoding a mask, a logging context, checking its timers) is paid once for a batch of
    clients instead of once for each. This is possible because an epoll descriptor can itself be polled: it is readable
    while any of its clients is ready.

    @param reactor: the reactor that watches the watcher.
    @param after_batch: called after each batch.
    @ivar batches: histogram of ready clients per C{epoll_wait}. Item I{b} counts the batches with at least 2**(b-1)
        and less than 2**b clients.
    """

    def __init__(self, reactor: Any, after_batch: Callable[[], None] = lambda: None) -> None:
        self._reactor = reactor
        self._after_batch = after_batch
        self._epoll = select.epoll()
        self.batches = [0] * (MAX_BATCH.bit_length() + 1)
        self._readers: dict[int, Any] = {}
        self._writers: dict[int, Any] = {}
        self.callLater = reactor.callLater  # transports call it of their reactor

    def start(self) -> None:
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Close the epoll object. No client is called again."""
        self._reactor.removeReader(self)
        self._readers.clear()
        self._writers.clear()
        self._epoll.close()

    # IReactorFDSet, for the clients' transports

    def addReader(self, reader: Any) -> None:
        self._watch(reader, self._readers)

    def addWriter(self, writer: Any) -> None:
        self._watch(writer, self._writers)

    def removeReader(self, reader: Any) -> None:
        self._unwatch(reader, self._readers)

    def removeWriter(self, writer: Any) -> None:
        self._unwatch(writer, self._writers)

    def removeAll(self) -> list[Any]:
        """Remove and return all readers and writers."""
        removed = list({id(client): client for client in self.getReaders() + self.getWriters()}.values())
        for client in removed:
            self.removeReader(client)
            self.removeWriter(client)
        return removed

    def getReaders(self) -> list[Any]:
        return list(self._readers.values())

    def getWriters(self) -> list[Any]:
        return list(self._writers.values())

    def _watch(self, client: Any, clients: dict[int, Any]) -> None:
        fd = client.fileno()
        if fd in clients:
            return
        known = fd in self._readers or fd in self._writers
        clients[fd] = client
        (self._epoll.modify if known else self._epoll.register)(fd, self._mask(fd))

    def _unwatch(self, client: Any, clients: dict[int, Any]) -> None:
        fd = client.fileno()
        if clients.get(fd) is not client:
            return
        del clients[fd]
        mask = self._mask(fd)
        if mask:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.unregister(fd)

    def _mask(self, fd: int) -> int:
        return (_IN if fd in self._readers else 0) | (_OUT if fd in self._writers else 0)

    # IReadDescriptor, for the reactor

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "Watcher"

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing: the reactor has removed the watcher."""

    def doRead(self) -> None:
        """Serve the ready clients, for at most about L{TIME_BUDGET_S}."""
        self.serve(TIME_BUDGET_S)

    def serve(self, budget: float, wait: float = 0) -> None:
        """
        Serve the ready clients until there are none or the budget is spent.

        @param budget: seconds, checked after each batch.
        @param wait: how many seconds to wait for clients, if none is ready.
        """
        if wait:
            self._epoll.poll(wait, 1)  # served below: epoll reports what is not read yet again
        deadline = perf_counter() + budget
        poll, readers, batches = self._epoll.poll, self._readers, self.batches
        while True:
            events = poll(0, MAX_BATCH)
            batches[len(events).bit_length()] += 1
            for fd, event in events:
                client = readers.get(fd) or self._writers.get(fd)
                if client is None:  # removed earlier in the same batch
                    continue
                try:
                    reason = client.doRead() if event == _IN else self._handle(client, fd, event)
                except Exception as error:
                    _log.failure("Error while serving a client; closing its connection")
                    reason = error
                if reason is not None:
                    self._disconnect(client, reason, bool(event & _IN))
            self._after_batch()
            if not events or perf_counter() > deadline:
                return

    def _handle(self, client: Any, fd: int, event: int) -> Any:
        """
        Call C{doRead} and C{doWrite} for an event that is not just EPOLLIN.

        @return: the reason if the connection is lost, else None.
        """
        if event & _IN:
            reason = client.doRead()
        elif event & _HANGUP:
            reason = CONNECTION_DONE if fd in self._readers else CONNECTION_LOST
        else:
            reason = None
        if reason is None and event & _OUT and fd in self._writers:
            reason = client.doWrite()
        return reason

    def _disconnect(self, client: Any, reason: BaseException, reading: bool) -> None:
        """Call C{readConnectionLost} or C{connectionLost} of a client, as Twisted's reactors do."""
        self.removeReader(client)
        if reading and reason is CONNECTION_DONE and hasattr(client, "readConnectionLost"):
            client.readConnectionLost(Failure(reason))
            return
        self.removeWriter(client)
        client.connectionLost(Failure(reason))
