"""Who may look: whoever may run INFO, SLOWLOG GET and CLIENT LIST."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Callable

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.address import UNIXAddress
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from zope.interface import implementer

from tseep.web.pages import harden
from tseep.web.query import ask

if TYPE_CHECKING:
    from tseep.access.users import User
    from tseep.interfaces import IMode
    from tseep.server.server import Server

_NEEDED = ([b"info"], [b"slowlog", b"get"], [b"client", b"list"])

PROTECTED = (
    b"Protected mode: this server has no password, so it shows itself to its own machine alone, asked by an address or "
    b"as localhost. Set a password for the default user, or say --protected-mode no.\n"
)


class Refused(Resource):
    """A page that nobody sees, with the reason."""

    isLeaf = True

    def __init__(self, reason: bytes) -> None:
        super().__init__()
        self._reason = reason

    def render(self, request: Any) -> bytes:
        """The reason."""
        request.setResponseCode(403)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return self._reason


class Guarded(Resource):
    """
    Lets those look who may: everybody, if the default user needs no password; else whoever gives, by HTTP's basic
    authentication (RFC 7617), the name and the password of a user, without a name the default user's.

    @param pages: what is guarded; C{public}: what is not.
    """

    def __init__(self, mode: IMode, pages: Resource, public: Resource) -> None:
        super().__init__()
        self._mode = mode
        self._pages = pages
        self._public = public
        portal = Portal(_Realm(pages), [_Checker(mode)])
        self._locked = HTTPAuthSessionWrapper(portal, [BasicCredentialFactory(b"tseep")])

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        """The page, or what stands before it."""
        harden(request)
        if path in self._public.children:
            return self._public.children[path]
        is_open, protected = ask(self._mode, self._state)
        if not is_open:
            return self._locked.getChildWithDefault(path, request)
        if protected and not _is_local(request):
            return Refused(PROTECTED)
        return self._pages.getChildWithDefault(path, request)

    def _state(self) -> tuple[bool, bool]:
        """Whether no password is needed, and whether that goes for this machine alone."""
        server = self._mode.server
        users = server.users
        return users.open and _may_look(server, users.default), server.config["protected-mode"] == "yes"


def _may_look(server: Server, user: User) -> bool:
    return all(user.check(server.table.lookup(argv), argv) is None for argv in _NEEDED)


def _is_local(request: Any) -> bool:
    """
    Whether a request is of this machine, and meant for it: a page of somebody else's could let a browser here ask by a
    name that leads here (DNS rebinding), but not by an address.
    """
    address = request.getClientAddress()
    if isinstance(address, UNIXAddress):
        return True
    return ipaddress.ip_address(address.host).is_loopback and _is_plain(request.getRequestHostname().decode("latin-1"))


def _is_plain(host: str) -> bool:
    """Whether a host is named by its address, or is localhost."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True


@implementer(ICredentialsChecker)
class _Checker:
    """Knows the server's users."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, mode: IMode) -> None:
        self._mode = mode

    def requestAvatarId(self, credentials: Any) -> Any:
        """
        The name of the user.

        @raise UnauthorizedLogin: if there is none, or one who may not look.
        """
        name = credentials.username or b"default"
        server = self._mode.server

        def find() -> bool:
            user = server.users.find(name, credentials.password)
            return user is not None and _may_look(server, user)

        if not ask(self._mode, find):
            raise UnauthorizedLogin()
        return name


@implementer(IRealm)
class _Realm:
    """The pages, for everybody the same."""

    def __init__(self, pages: Resource) -> None:
        self._pages = pages

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> tuple[Any, Resource, Callable[[], None]]:
        """The pages."""
        return IResource, self._pages, lambda: None
