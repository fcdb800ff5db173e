"""Tests of L{tseep.web.guard}."""

from __future__ import annotations

from base64 import b64encode

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from tseep.test.browsing import SiteTests

ELSEWHERE = IPv4Address("TCP", "192.0.2.7", 50000)


def basic(name: str, password: str) -> str:
    """A header of RFC 7617."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


class OpenTests(SiteTests):
    """A server without a password."""

    def test_own_machine(self) -> None:
        """Its own machine sees it, by loopback or a Unix socket, asked by an address or as localhost."""
        self.assertEqual(200, self.get("/live.json").status)
        self.assertEqual(200, self.get("/live.json", IPv6Address("TCP", "::1", 5), host="[::1]:80").status)
        self.assertEqual(200, self.get("/live.json", UNIXAddress(None), host="whatever").status)
        self.assertEqual(200, self.get("/live.json", host="localhost:8000").status)

    def test_elsewhere(self) -> None:
        """Nobody else does, and is told why."""
        refused = self.get("/live.json", ELSEWHERE)
        self.assertEqual(403, refused.status)
        self.assertIn(b"--protected-mode no", refused.body)

    def test_other_name(self) -> None:
        """A page of somebody else's, whose name leads here, does not."""
        self.assertEqual(403, self.get("/live.json", host="evil.example").status)

    def test_unprotected(self) -> None:
        """Without protected mode everybody does."""
        self.server.config.set("protected-mode", "no")
        self.assertEqual(200, self.get("/live.json", ELSEWHERE, host="tseep.example").status)

    def test_default_user_that_may_not(self) -> None:
        """If clients may do little without a password, they may not look either."""
        self.run_command("ACL", "SETUSER", "default", "-info")
        self.assertEqual(401, self.get("/live.json").status)


class PasswordTests(SiteTests):
    """A server with a password, and with users."""

    config = {"requirepass": "secret"}

    def setUp(self) -> None:
        """Of the users one may look, one not, and one is off."""
        super().setUp()
        self.run_command("AUTH", "secret")
        self.run_command("ACL", "SETUSER", "eve", "on", ">pw", "+info", "+slowlog|get", "+client|list")
        self.run_command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all", "-slowlog")
        self.run_command("ACL", "SETUSER", "old", "off", ">pw", "~*", "+@all")

    def status(self, *user: str) -> int:
        """What a user is answered."""
        return self.get("/live.json", ELSEWHERE, authorization=basic(*user)).status

    def test_asks(self) -> None:
        """Without a password one is asked for it, wherever one is."""
        refused = self.get("/live.json")
        self.assertEqual(401, refused.status)
        self.assertIn("basic realm", refused.headers["www-authenticate"])
        self.assertNotIn(b"samples", refused.body)

    def test_every_page(self) -> None:
        """So it is for each page but that of health."""
        asked = {path: self.get(path).status for path in ("/", "/live.js", "/metrics", "/nosuch", "/health")}
        self.assertEqual({"/": 401, "/live.js": 401, "/metrics": 401, "/nosuch": 401, "/health": 200}, asked)

    def test_password(self) -> None:
        """The password opens, with the default user's name or without one."""
        self.assertEqual(
            (200, 200, 401), (self.status("default", "secret"), self.status("", "secret"), self.status("", ""))
        )

    def test_users(self) -> None:
        """A user may look who may run the commands that tell the same."""
        found = [self.status(name, "pw") for name in ("eve", "bob", "old", "nosuch")]
        self.assertEqual([200, 401, 401, 401], found)
        self.assertEqual(401, self.status("eve", "wrong"))

    def test_nonsense(self) -> None:
        """A header that makes no sense opens nothing."""
        self.assertEqual(401, self.get("/live.json", authorization="Basic !!!").status)
        self.assertEqual(401, self.get("/live.json", authorization="Bearer secret").status)
