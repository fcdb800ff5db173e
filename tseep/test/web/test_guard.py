"""Tests of L{tseep.web.guard}."""

from __future__ import annotations

from base64 import b64encode

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from tseep.test.browsing import SiteTests

ELSEWHERE = IPv4Address("TCP", "192.0.2.7", 50000)


def basic(name: str, password: str) -> str:
    """Return the C{Authorization} header of HTTP basic authentication (RFC 7617)."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


class OpenTests(SiteTests):
    """Access to a server without a password."""

    def test_own_machine(self) -> None:
        """
        A client on the same machine gets the page, by loopback or Unix socket, with an address or localhost as
        C{Host}.
        """
        self.assertEqual(200, self.get("/live.json").status)
        self.assertEqual(200, self.get("/live.json", IPv6Address("TCP", "::1", 5), host="[::1]:80").status)
        self.assertEqual(200, self.get("/live.json", UNIXAddress(None), host="whatever").status)
        self.assertEqual(200, self.get("/live.json", host="localhost:8000").status)

    def test_elsewhere(self) -> None:
        """In protected mode a remote client gets 403, with the remedy in the body."""
        refused = self.get("/live.json", ELSEWHERE)
        self.assertEqual(403, refused.status)
        self.assertIn(b"--protected-mode no", refused.body)

    def test_other_name(self) -> None:
        """A C{Host} header with another name gets 403: protection against DNS rebinding."""
        self.assertEqual(403, self.get("/live.json", host="evil.example").status)

    def test_unprotected(self) -> None:
        """With C{protected-mode no} remote clients and any C{Host} are allowed."""
        self.server.config.set("protected-mode", "no")
        self.assertEqual(200, self.get("/live.json", ELSEWHERE, host="tseep.example").status)

    def test_default_user_that_may_not(self) -> None:
        """If the default user lacks INFO, requests without credentials get 401."""
        self.run_command("ACL", "SETUSER", "default", "-info")
        self.assertEqual(401, self.get("/live.json").status)


class PasswordTests(SiteTests):
    """Access to a server with a password and ACL users."""

    config = {"requirepass": "secret"}

    def setUp(self) -> None:
        """User eve has the required permissions, bob lacks one, old is off."""
        super().setUp()
        self.run_command("AUTH", "secret")
        self.run_command("ACL", "SETUSER", "eve", "on", ">pw", "+info", "+slowlog|get", "+client|list")
        self.run_command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all", "-slowlog")
        self.run_command("ACL", "SETUSER", "old", "off", ">pw", "~*", "+@all")

    def status(self, *user: str) -> int:
        """Return the HTTP status of a remote request with these credentials."""
        return self.get("/live.json", ELSEWHERE, authorization=basic(*user)).status

    def test_asks(self) -> None:
        """Without credentials the reply is 401 with a C{WWW-Authenticate} header, also on the same machine."""
        refused = self.get("/live.json")
        self.assertEqual(401, refused.status)
        self.assertIn("basic realm", refused.headers["www-authenticate"])
        self.assertNotIn(b"samples", refused.body)

    def test_every_page(self) -> None:
        """Every path but C{/health} and C{/alive} requires credentials."""
        asked = {path: self.get(path).status for path in ("/", "/live.js", "/metrics", "/nosuch")}
        self.assertEqual(dict.fromkeys(asked, 401), asked)
        self.assertEqual((200, 200), (self.get("/health").status, self.get("/alive").status))

    def test_password(self) -> None:
        """The password is accepted with the default user's name or an empty one."""
        self.assertEqual(
            (200, 200, 401), (self.status("default", "secret"), self.status("", "secret"), self.status("", ""))
        )

    def test_users(self) -> None:
        """A user is allowed if its ACL rules permit INFO, SLOWLOG GET and CLIENT LIST, and its password is right."""
        found = [self.status(name, "pw") for name in ("eve", "old", "nosuch")]
        self.assertEqual([200, 401, 401], found)
        self.assertEqual((401, 401), (self.status("eve", "wrong"), self.status("bob", "wrong")))

    def test_permissions(self) -> None:
        """A user that lacks permissions gets 403 with their names on every page, and no request for credentials."""
        for path in ("/", "/live.json", "/metrics"):
            refused = self.get(path, ELSEWHERE, authorization=basic("bob", "pw"))
            self.assertEqual(403, refused.status)
            self.assertIn(b"User bob has no permission for SLOWLOG GET.", refused.body)
            self.assertNotIn("www-authenticate", refused.headers)
        self.run_command("ACL", "SETUSER", "bob", "-info", "-client|list")
        refused = self.get("/", ELSEWHERE, authorization=basic("bob", "pw"))
        self.assertIn(b"permission for INFO, SLOWLOG GET, CLIENT LIST.", refused.body)

    def test_nonsense(self) -> None:
        """A malformed header or another scheme gets 401."""
        self.assertEqual(401, self.get("/live.json", authorization="Basic !!!").status)
        self.assertEqual(401, self.get("/live.json", authorization="Bearer secret").status)
