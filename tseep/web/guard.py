"""Access control: the pages require permission for INFO, SLOWLOG GET and CLIENT LIST."""

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

_NEEDED = {
    "INFO": [b"info"],
    "SLOWLOG GET": [b"slowlog", b"get"],
    "CLIENT LIST": [b"client", b"list"],
}
"""The commands whose permissions the pages require, by the name for messages."""

PROTECTED = (
    b"Protected mode: this server has no password, so it answers only requests from its own machine, to an IP address "
    b"or to localhost. Set a password for the default user, or use --protected-mode no.\n"
)

_FORBIDDEN = b"User %s has no permission for %s. Users of these pages need it: see ACL SETUSER.\n"


class Refused(Resource):
    """Answers every request with 403 and a reason."""

    isLeaf = True

    def __init__(self, reason: bytes) -> None:
        super().__init__()
        self._reason = reason

    def render(self, request: Any) -> bytes:
        request.setResponseCode(403)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return self._reason


class Guarded(Resource):
    """
    Requires HTTP basic authentication (RFC 7617) as a user with the necessary permissions, unless the default user has
    them and needs no password. An empty user name is the default user. The answer to missing or wrong credentials is
    401, to a user without the permissions 403.

    @param pages: the protected pages; C{public}: those without access control.
    """

    def __init__(self, mode: IMode, pages: Resource, public: Resource) -> None:
        super().__init__()
        self._mode = mode
        self._pages = pages
        self._public = public
        portal = Portal(_Realm(mode, pages), [_Checker(mode)])
        self._locked = HTTPAuthSessionWrapper(portal, [BasicCredentialFactory(b"tseep")])

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
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
        """Return whether no password is needed, and whether protected mode is on."""
        server = self._mode.server
        users = server.users
        return users.open and not _missing(server, users.default), server.config["protected-mode"] == "yes"


def _missing(server: Server, user: User) -> list[str]:
    """Return the commands that a user needs for the pages and has no permission for."""
    return [name for name, argv in _NEEDED.items() if user.check(server.table.lookup(argv), argv) is not None]


def _is_local(request: Any) -> bool:
    """
    Return whether a request comes from this machine and names the host by address or as localhost. Any other name may
    be a DNS rebinding attack: a foreign page whose name resolves to this machine.
    """
    address = request.getClientAddress()
    if isinstance(address, UNIXAddress):
        return True
    return ipaddress.ip_address(address.host).is_loopback and _is_plain(request.getRequestHostname().decode("latin-1"))


def _is_plain(host: str) -> bool:
    """Return whether a host is an IP address or C{localhost}."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True


@implementer(ICredentialsChecker)
class _Checker:
    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, mode: IMode) -> None:
        self._mode = mode

    def requestAvatarId(self, credentials: Any) -> Any:
        """
        Return the name of the user.

        @raise UnauthorizedLogin: if user or password is wrong.
        """
        name = credentials.username or b"default"
        users = self._mode.server.users
        if ask(self._mode, lambda: users.find(name, credentials.password)) is None:
            raise UnauthorizedLogin()
        return name


@implementer(IRealm)
class _Realm:
    def __init__(self, mode: IMode, pages: Resource) -> None:
        self._mode = mode
        self._pages = pages

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> tuple[Any, Resource, Callable[[], None]]:
        """Return the pages, or for a user that lacks permissions their names."""
        server = self._mode.server

        def missing() -> list[str]:
            user = server.users.named.get(avatarId)  # it may have been deleted since the login
            return list(_NEEDED) if user is None else _missing(server, user)

        lacking = ask(self._mode, missing)
        resource = Refused(_FORBIDDEN % (avatarId, ", ".join(lacking).encode())) if lacking else self._pages
        return IResource, resource, lambda: None
