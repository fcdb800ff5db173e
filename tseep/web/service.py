"""The Twisted service of C{--metrics}: HTTP server and sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.resource import Resource

from tseep.net import address
from tseep.net.ports import port_of
from tseep.system.repeated import Repeated
from tseep.web.guard import Guarded
from tseep.web.metrics import Metrics
from tseep.web.pages import Alive, Health, add_page
from tseep.web.samples import Samples
from tseep.web.site import DEADLINE, BoundedSite

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.interfaces import IMode

_log = Logger("tseep.web.service.WebService")


def make_site(reactor: Any, mode: IMode, samples: Samples) -> BoundedSite:
    """Return the site with the live page (C{/}), C{/metrics}, C{/health} and C{/alive}."""
    pages, public = Resource(), Resource()
    add_page(pages, mode, samples)
    pages.putChild(b"metrics", Metrics(mode))
    public.putChild(b"health", Health(mode))
    public.putChild(b"alive", Alive(mode))
    return BoundedSite(Guarded(mode, pages, public), timeout=DEADLINE, reactor=reactor)


class WebService(Service):
    """
    Serves metrics, health and the live page of one server.

    @param mode: the mode of that server. HTTP connections are independent of it and use the reactor directly.
    @param endpoints: Twisted's strings for server endpoints.
    """

    def __init__(self, reactor: Any, mode: IMode, endpoints: Sequence[str]) -> None:
        self._reactor = reactor
        self._endpoints = endpoints
        self._ports: list[Any] = []
        self._samples = Samples(mode.server)
        self._site = make_site(reactor, mode, self._samples)
        self._repeated = Repeated(lambda text: _log.error("{text}", text=text))
        self._sampling = LoopingCall(self._repeated.run, "Sampling", lambda: mode.call(self._samples.take))
        self._sampling.clock = reactor

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotStart: if an endpoint cannot be listened on.
        """
        self._ports = [port_of(self._listen, endpoint, "--metrics") for endpoint in self._endpoints]

    def _listen(self, endpoint: str) -> Deferred[Any]:
        return serverFromString(self._reactor, endpoint).listen(self._site)

    def startService(self) -> None:
        """Start sampling, and log the addresses."""
        super().startService()
        self._sampling.start(1.0)
        addresses = ", ".join([address.show(port.getHost()) for port in self._ports])
        _log.info("the live page, /metrics and /health are on {addresses}", addresses=addresses)

    def stopService(self) -> Deferred[Any]:
        """Close the ports. Open connections end with the process."""
        super().stopService()
        self._sampling.stop()
        return gatherResults([maybeDeferred(port.stopListening) for port in self._ports])
