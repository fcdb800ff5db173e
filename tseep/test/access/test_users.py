"""Tests of L{tseep.access.users}, L{tseep.access.log} and L{tseep.commands.admin.acl}.

tests/server/test_acl.py compares with redis-server.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import List

from hypothesis import given, settings
from hypothesis import strategies as st

from tseep.configuration.file import USER, read_directives, rewritten
from tseep.errors import BadRule
from tseep.test.support import Error, SessionTests, made_folder

DENIED = Error("NOPERM this user has no permissions to run the 'set' command")

RULES = [
    "on", "off", "nopass", "resetpass", "reset", ">p", "<p", ">", "#", "!x", "~*", "~a", "~", "%R~a", "%RW~b", "%~",
    "%W~", "&*", "&c", "&", "allkeys", "allchannels", "resetkeys", "resetchannels", "+@all", "-@all", "+@read",
    "-@nosuch", "+get", "-get", "+config|get", "+get|x", "+get|x y", "+|", "-", "+", "(~a +get)", "(", ")", "()",
    "(~q", "+set)", "clearselectors", "~a\"b", "~'", "sanitize-payload", "~\\x41", "~a\u3000b", "~a\x85b", "~a\x1cb",
    "~\udcff", "nosuch",
]  # fmt: skip


class AclTests(SessionTests):
    """Who may do what."""

    def make(self, *rules: str) -> None:
        """Make a user C{u} without password."""
        self.assertReply("OK", "ACL", "SETUSER", "u", "reset", "on", "nopass", *rules)

    def be(self) -> None:
        """Be that user."""
        self.assertReply("OK", "AUTH", "u", "")

    def test_passwords(self) -> None:
        """Of passwords only the digest is kept; several may be right, and none is while the user is off."""
        self.assertReply("OK", "ACL", "SETUSER", "u", ">one", ">two", "+ping")
        (user,) = [user for user in self.server.users.named.values() if user.name == b"u"]
        self.assertEqual([hashlib.sha256(word).hexdigest() for word in (b"one", b"two")], user.hashes)
        self.assertFalse(user.accepts(b"one"))
        self.run_command("ACL", "SETUSER", "u", "on")
        self.assertEqual([True, True, False], [user.accepts(word) for word in (b"one", b"two", b"three")])

    def test_all_or_nothing(self) -> None:
        """If one rule is wrong, none is applied, and no user is made."""
        self.assertIn("ERR Error in ACL SETUSER", str(self.run_command("ACL", "SETUSER", "u", "on", "+nosuch")))
        self.assertReply([b"default"], "ACL", "USERS")
        self.assertError("ERR Usernames can't contain spaces or null characters", "ACL", "SETUSER", "a b")

    def test_quick_ways(self) -> None:
        """A user with all permissions goes the quick way; one who has not does not, whatever its command."""
        self.make("+@all", "~*", "&*")
        self.be()
        self.assertIs(self.session._dispatch, self.server.dispatch)
        self.run_command("ACL", "SETUSER", "u", "-set")
        self.assertEqual({}, self.session._dispatch)
        self.assertReply(DENIED, "SET", "a", 1)
        self.assertReply(None, "GET", "a")
        self.run_command("ACL", "SETUSER", "u", "+@all")
        self.assertReply("OK", "SET", "a", 1)

    def test_native(self) -> None:
        """The seed's protocol is the default user's, whose permissions hold there, too."""
        self.assertReply("OK", "ACL", "SETUSER", "default", "resetkeys", "~b", "-set")
        other = self.connect()
        self.assertIn(b"one of the keys", other.receive(b"\x01\x00\x02\x01a"))
        self.assertIn(b"'set' command", other.receive(b"\x02\x00\x04\x01b\x01x"))
        self.assertEqual(b"\x03\x00", other.receive(b"\x01\x00\x02\x01b"))

    def test_nothing_is_shown(self) -> None:
        """Passwords are not in the slow log."""
        self.run_command("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.run_command("ACL", "SETUSER", "u", ">secret")
        self.assertNotIn(b"secret", repr(self.run_command("SLOWLOG", "GET")).encode())

    def test_log(self) -> None:
        """What was denied is logged, the same within a minute as one, up to as many entries as are asked for."""
        self.run_command("CONFIG", "SET", "acllog-max-len", 2)
        self.make("+get", "+acl")
        self.be()
        for seconds in (0, 30, 61):
            self.clock.advance(seconds)
            self.run_command("SET", "a", 1)
        self.run_command("GET", "a")
        log = [dict(zip(entry[::2], entry[1::2])) for entry in self.run_command("ACL", "LOG")]
        shown = [(entry[b"reason"], entry[b"object"], entry[b"count"]) for entry in log]
        self.assertEqual([(b"key", b"a", 1), (b"command", b"set", 1)], shown)
        self.assertReply("OK", "ACL", "LOG", "RESET")
        self.assertReply([], "ACL", "LOG")

    def test_genpass(self) -> None:
        """A password is of as many bits as are asked for, and another each time."""
        first = self.run_command("ACL", "GENPASS")
        self.assertEqual((64, 2), (len(first), len(self.run_command("ACL", "GENPASS", 5))))
        self.assertNotEqual(first, self.run_command("ACL", "GENPASS"))

    def test_pubsub_default(self) -> None:
        """New users may use all channels, if that is asked for."""
        self.run_command("CONFIG", "SET", "acl-pubsub-default", "allchannels")
        self.run_command("ACL", "SETUSER", "u")
        self.assertReply([b"user default on nopass ~* &* +@all", b"user u off &* -@all"], "ACL", "LIST")

    def test_delete_oneself(self) -> None:
        """Who deletes its own user gets the answer, and goes."""
        self.make("+@all")
        self.be()
        self.assertReply(1, "ACL", "DELUSER", "u")
        self.assertTrue(self.session.closing)

    @settings(deadline=None, derandomize=True, database=None, max_examples=500)
    @given(st.lists(st.one_of(st.sampled_from(RULES), st.text(max_size=4)), max_size=8))
    def test_anything(self, rules: List[str]) -> None:
        """Whatever the rules, they are refused, or the user is the same when it was written and read again."""
        self.setUp()
        users, path = self.server.users, Path(made_folder(self), "users.acl")
        try:
            users.change(b"u", rules)
        except BadRule:
            return
        shown = [user.show() for user in users.named.values()]
        users.save(path)
        users.load(path)
        self.assertEqual(sorted(shown), sorted(user.show() for user in users.named.values()))
        lines = rewritten([], self.server.config, shown)
        path.write_bytes(b"\n".join(lines))
        directives = [each for each in read_directives(str(path)) if each.name == USER]
        self.assertEqual([line.split(" ") for line in shown], [[USER, *each.words] for each in directives])
