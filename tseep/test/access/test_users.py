"""Tests for L{tseep.access.users}, L{tseep.access.log} and L{tseep.commands.admin.acl}.

tests/server/test_acl.py compares with redis-server.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tseep.configuration.file import USER, read_directives, rewritten
from tseep.errors import AclRuleError
from tseep.test.properties import given, settings, st
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
    def make(self, *rules: str) -> None:
        """Define the user C{u}: enabled, without a password, with these rules."""
        self.assertReply("OK", "ACL", "SETUSER", "u", "reset", "on", "nopass", *rules)

    def be(self) -> None:
        """Authenticate the session as the user C{u}."""
        self.assertReply("OK", "AUTH", "u", "")

    def test_passwords(self) -> None:
        """A user has several passwords, of which only SHA-256 digests are stored; a disabled user accepts none."""
        self.assertReply("OK", "ACL", "SETUSER", "u", ">one", ">two", "+ping")
        (user,) = [user for user in self.server.users.named.values() if user.name == b"u"]
        self.assertEqual([hashlib.sha256(word).hexdigest() for word in (b"one", b"two")], user.hashes)
        self.assertFalse(user.accepts(b"one"))
        self.run_command("ACL", "SETUSER", "u", "on")
        self.assertEqual([True, True, False], [user.accepts(word) for word in (b"one", b"two", b"three")])

    def test_all_or_nothing(self) -> None:
        """ACL SETUSER with one invalid rule applies no rule and creates no user."""
        self.assertIn("ERR Error in ACL SETUSER", str(self.run_command("ACL", "SETUSER", "u", "on", "+nosuch")))
        self.assertReply([b"default"], "ACL", "USERS")
        self.assertError("ERR Usernames can't contain spaces or null characters", "ACL", "SETUSER", "a b")

    def test_fast_path(self) -> None:
        """A session uses the fast-path dispatch table only if its user has all permissions."""
        self.make("+@all", "~*", "&*")
        self.be()
        self.assertIs(self.session._dispatch, self.server.table.dispatch)
        self.run_command("ACL", "SETUSER", "u", "-set")
        self.assertEqual({}, self.session._dispatch)
        self.assertReply(DENIED, "SET", "a", 1)
        self.assertReply(None, "GET", "a")
        self.run_command("ACL", "SETUSER", "u", "+@all")
        self.assertReply("OK", "SET", "a", 1)

    def test_native(self) -> None:
        """Commands in the Go study's binary frames run as the default user, with its permissions."""
        self.assertReply("OK", "ACL", "SETUSER", "default", "resetkeys", "~b", "-set")
        other = self.connect()
        self.assertIn(b"one of the keys", other.receive(b"\x01\x00\x02\x01a"))
        self.assertIn(b"'set' command", other.receive(b"\x02\x00\x04\x01b\x01x"))
        self.assertEqual(b"\x03\x00", other.receive(b"\x01\x00\x02\x01b"))

    def test_slow_log(self) -> None:
        """The slow log does not show the passwords of ACL SETUSER."""
        self.run_command("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.run_command("ACL", "SETUSER", "u", ">secret")
        self.assertNotIn(b"secret", repr(self.run_command("SLOWLOG", "GET")).encode())

    def test_log(self) -> None:
        """ACL LOG counts equal denials within a minute in one entry, and keeps acllog-max-len entries."""
        self.run_command("CONFIG", "SET", "acllog-max-len", 2)
        self.make("+get", "+acl")
        self.be()
        for seconds in (0, 30, 61):
            self.pass_time(seconds)
            self.run_command("SET", "a", 1)
        self.run_command("GET", "a")
        log = [dict(zip(entry[::2], entry[1::2])) for entry in self.run_command("ACL", "LOG")]
        shown = [(entry[b"reason"], entry[b"object"], entry[b"count"]) for entry in log]
        self.assertEqual([(b"key", b"a", 1), (b"command", b"set", 1)], shown)
        self.assertReply("OK", "ACL", "LOG", "RESET")
        self.assertReply([], "ACL", "LOG")

    def test_log_of_a_command(self) -> None:
        """The client in ACL LOG shows the denied command as its last one."""
        self.make("+ping", "+acl")
        self.be()
        self.run_command("PING")
        self.run_command("SET", "a", 1)
        (entry,) = self.run_command("ACL", "LOG")
        self.assertIn(b" cmd=set ", dict(zip(entry[::2], entry[1::2]))[b"client-info"])

    def test_rules_without_effect(self) -> None:
        """ACL GETUSER omits rules that change nothing, as Redis 7.0 does; with all commands, the fast path is used."""
        for rules, shown in (
            (["+client|id", "+@all", "+client|id", "+@read"], b"+@all"),
            (["+get", "-get", "-module|load"], b"-@all"),
            (["-client", "+client|id", "+cluster|info"], b"-@all +client|id +cluster|info"),
            (["+@all", "-client|id", "+client|id"], b"+@all"),
            (["+select|0", "+select|1", "+select"], b"-@all +select"),
        ):
            self.make("~*", "&*", *rules)
            user = self.run_command("ACL", "GETUSER", "u")
            self.assertEqual(shown, dict(zip(user[::2], user[1::2]))[b"commands"])
            self.assertEqual(shown != b"+@all", self.server.users.named[b"u"].restricted, rules)

    def test_file_in_folder(self) -> None:
        """A relative path of the aclfile is in C{dir}, as in Redis."""
        folder = made_folder(self)
        self.server.config.set("dir", folder)
        self.server.config.set("aclfile", "users.acl")
        self.make("+get")
        self.assertReply("OK", "ACL", "SAVE")
        self.assertIn("user u on nopass", Path(folder, "users.acl").read_text())
        self.assertReply(1, "ACL", "DELUSER", "u")
        self.assertReply("OK", "ACL", "LOAD")
        self.assertReply([b"default", b"u"], "ACL", "USERS")

    def test_sort_by_any_key(self) -> None:
        """SORT with a BY or GET pattern requires permission to read all keys from the selector that permits SORT."""
        self.run_command("RPUSH", "l", "x")
        self.run_command("SET", "x", "secret")
        get = Error("ERR GET option of SORT denied due to insufficient ACL permissions.")
        by = Error("ERR BY option of SORT denied due to insufficient ACL permissions.")
        allowed = {
            "+@all ~l*": False, "+@all ~*": True, "+@all %R~*": True, "+@all %W~* %R~l": False,
            "%R~l (+sort +sort_ro +eval +multi +exec %R~* %W~l)": True, "+@all %R~l (+get %R~*)": False,
        }  # fmt: skip
        for rules, may in allowed.items():
            self.make("+auth", *rules.split(" (")[0].split(), *[f"({rest}" for rest in rules.split(" (")[1:]])
            self.be()
            for name in ("SORT", "SORT_RO"):
                self.assertReply([b"secret"] if may else get, name, "l", "BY", "nosort", "GET", "*")
                self.assertReply([b"x"] if may else by, name, "l", "BY", "y_*", "ALPHA")
                self.assertReply([b"x"], name, "l", "BY", "nosort")
                self.assertError("ERR syntax error", name, "l", "nonsense", "GET", "*")
            self.run_command("AUTH", "default", "")
        self.assertReply([], "ACL", "LOG")

    def test_sort_by_any_key_elsewhere(self) -> None:
        """The same holds for SORT in a script, in a transaction and in ACL DRYRUN."""
        self.run_command("RPUSH", "l", "x")
        self.make("+@all", "~l")
        self.assertReply(
            b"GET option of SORT denied due to insufficient ACL permissions.",
            "ACL",
            "DRYRUN",
            "u",
            "SORT",
            "l",
            "GET",
            "*",
        )
        self.assertReply("OK", "ACL", "DRYRUN", "u", "SORT", "l", "BY", "nosort")
        denied = b"This user has no permissions to access the 'b' key"
        self.assertReply(denied, "ACL", "DRYRUN", "u", "SORT", "l", "STORE", "l", "STORE", "b")
        self.be()
        self.assertIn("ERR GET option of SORT denied", self.run_command("SORT", "l", "GET", "*", "STORE", "l"))
        text = "ERR GET option of SORT denied due to insufficient ACL permissions."
        reply = self.run_command("EVAL", "return redis.call('SORT', 'l', 'GET', '*')", 0)
        self.assertTrue(reply.startswith(text), reply)
        self.run_command("MULTI")
        self.assertReply("QUEUED", "SORT", "l", "GET", "*")
        self.assertReply([Error(text)], "EXEC")

    def test_empty_key(self) -> None:
        """The pattern C{*} matches no empty key or channel, as in Redis; an empty pattern does."""
        self.make("+@all", "%W~*", "&a", "&?*")
        self.be()
        self.assertReply("OK", "SET", "x", 1)
        self.assertIn("one of the keys", self.run_command("SET", "", 1))
        self.assertIn("one of the channels", self.run_command("PUBLISH", "", 1))
        self.run_command("AUTH", "default", "")
        self.make("+@all", "~", "&")
        self.be()
        self.assertReply("OK", "SET", "", 1)
        self.assertReply(0, "PUBLISH", "", 1)

    def test_bad_name(self) -> None:
        """Loading an ACL file fails on a user name with a tab or a NUL byte, as ACL SETUSER does."""
        path = Path(made_folder(self), "users.acl")
        for name in ("a\tb", "a\0", "\v"):
            path.write_text(f"user {name} on\n")
            error = self.assertRaises(AclRuleError, self.server.users.load, path)
            self.assertIn("users.acl:1: Usernames can't contain spaces or null characters", str(error))

    def test_empty_name(self) -> None:
        """A user with an empty name is the same after the ACL file was saved and loaded."""
        path = Path(made_folder(self), "users.acl")
        self.assertReply("OK", "ACL", "SETUSER", "", "on", ">p", "+get", "~a")
        shown = self.server.users.named[b""].show()
        self.server.users.save(path)
        self.server.users.load(path)
        self.assertEqual([b"", b"default"], sorted(self.server.users.named))
        self.assertEqual(shown, self.server.users.named[b""].show())

    def test_genpass(self) -> None:
        """ACL GENPASS returns a new password of the given number of bits each time."""
        first = self.run_command("ACL", "GENPASS")
        self.assertEqual((64, 2), (len(first), len(self.run_command("ACL", "GENPASS", 5))))
        self.assertNotEqual(first, self.run_command("ACL", "GENPASS"))

    def test_pubsub_default(self) -> None:
        """With acl-pubsub-default allchannels a new user has access to all channels."""
        self.run_command("CONFIG", "SET", "acl-pubsub-default", "allchannels")
        self.run_command("ACL", "SETUSER", "u")
        self.assertReply([b"user default on nopass ~* &* +@all", b"user u off &* -@all"], "ACL", "LIST")

    def test_delete_own_user(self) -> None:
        """A client that deletes its own user gets the reply and is disconnected."""
        self.make("+@all")
        self.be()
        self.assertReply(1, "ACL", "DELUSER", "u")
        self.assertTrue(self.session.closing)

    @settings(deadline=None, derandomize=True, database=None, max_examples=500)
    @given(st.lists(st.one_of(st.sampled_from(RULES), st.text(max_size=4)), max_size=8))
    def test_anything(self, rules: list[str]) -> None:
        """Random rules are refused, or define a user that survives a round trip through the ACL file and redis.conf."""
        self.setUp()
        users, path = self.server.users, Path(made_folder(self), "users.acl")
        try:
            users.change(b"u", rules)
        except AclRuleError:
            return
        shown = [user.show() for user in users.named.values()]
        users.save(path)
        users.load(path)
        self.assertEqual(sorted(shown), sorted(user.show() for user in users.named.values()))
        lines = rewritten([], self.server.config, shown)
        path.write_bytes(b"\n".join(lines))
        directives = [each for each in read_directives(str(path), []) if each.name == USER]
        self.assertEqual([line.split(" ") for line in shown], [[USER, *each.words] for each in directives])
