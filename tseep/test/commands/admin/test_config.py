"""Tests for L{tseep.commands.admin.config}: CONFIG GET, SET, RESETSTAT and REWRITE."""

from __future__ import annotations

from pathlib import Path

from tseep.configuration.file import read_file
from tseep.configuration.parameters import Config
from tseep.system import oom_score
from tseep.system.oom_score import OomScore
from tseep.test.support import SessionTests, made_folder


class GetTests(SessionTests):
    def test_name(self) -> None:
        """CONFIG GET returns a plain name as the client has spelt it, once for each spelling."""
        self.assertReply([b"maxclients", b"10000"], "CONFIG", "GET", "maxclients")
        reply = [b"MaxClients", b"10000", b"maxclients", b"10000"]
        self.assertReply(reply, "CONFIG", "GET", "MaxClients", "maxclients", "max[c]lients")

    def test_patterns(self) -> None:
        """CONFIG GET matches glob patterns case-insensitively."""
        self.run_command("HELLO", 3)
        found = {b"slowlog-log-slower-than": b"10000", b"slowlog-max-len": b"128", b"databases": b"16"}
        self.assertReply(found, "CONFIG", "GET", "SLOWLOG-*", "database?")

    def test_nothing(self) -> None:
        """CONFIG GET has an empty reply for an unknown name."""
        self.assertReply([], "CONFIG", "GET", "nosuch", "nosuch*")

    def test_sizes(self) -> None:
        """CONFIG GET returns a memory size in bytes."""
        self.run_command("CONFIG", "SET", "proto-max-bulk-len", "2mb")
        self.assertReply([b"proto-max-bulk-len", b"2097152"], "CONFIG", "GET", "proto-max-bulk-len")


class SetTests(SessionTests):
    def fails(self, name: str, why: str, *pairs: object) -> None:
        """Assert that CONFIG SET fails because of one parameter."""
        text = f"ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"
        self.assertError(text, "CONFIG", "SET", *map(str, pairs))

    def test_immediate(self) -> None:
        """CONFIG SET applies new values at once."""
        self.assertReply("OK", "CONFIG", "SET", "PROTO-MAX-BULK-LEN", "2mb", "slowlog-log-slower-than", "-1")
        self.assertEqual(2**21, self.server.limits.bulk)
        self.run_command("CONFIG", "SET", "slowlog-max-len", "3")
        self.assertEqual(3, self.server.slowlog.entries.maxlen)

    def test_oom_score(self) -> None:
        """CONFIG SET applies oom-score-adj, its values too; if the system refuses it, the previous values stay."""
        path = Path(self.mktemp())
        path.write_text("22")
        self.patch(oom_score, "PATH", path)
        score = OomScore()
        self.server.host.set_oom_score = lambda mode, value: not score.apply(mode, value)
        self.assertReply("OK", "CONFIG", "SET", "oom-score-adj-values", "9 10 11")
        self.assertEqual("22", path.read_text())
        self.assertReply("OK", "CONFIG", "SET", "oom-score-adj", "yes")
        self.assertEqual("31", path.read_text())
        self.assertTrue(self.server.set_oom_score(child=True))
        self.assertEqual("33", path.read_text())
        why = "Invalid oom-score-adj-values, elements must be between -2000 and 2000."
        for wrong in ("-2001 -2001 -2001", "2001 1 1", "1 x 1"):
            self.fails("oom-score-adj-values", why, "oom-score-adj-values", wrong)
        self.fails("oom-score-adj-values", "wrong number of arguments", "oom-score-adj-values", "1 2")
        self.server.host.set_oom_score = lambda mode, value: value != -1000
        self.fails(
            "oom-score-adj",
            "Failed to set current oom_score_adj. Check server logs.",
            "oom-score-adj-values",
            "-1000 0 0",
        )
        self.assertReply([b"oom-score-adj-values", b"9 10 11"], "CONFIG", "GET", "oom-score-adj-values")

    def test_shutdown_options(self) -> None:
        """The options of a signal's shutdown are shown in Redis's order; SAVE and NOSAVE exclude each other."""
        for name in ("shutdown-on-sigterm", "shutdown-on-sigint"):
            for text, shown in (("now FORCE nosave", b"nosave now force"), ("save", b"save"), ("default", b"default")):
                self.assertReply("OK", "CONFIG", "SET", name, text)
                self.assertReply([name.encode(), shown], "CONFIG", "GET", name)
            for wrong in ("", "later", "save later"):
                why = "argument(s) must be one of the following: default, save, nosave, now, force"
                self.fails(name, why, name, wrong)
            self.fails(name, "shutdown options SAVE and NOSAVE can't be used simultaneously", name, "save nosave")

    def test_password(self) -> None:
        """A new requirepass applies to new clients; connected clients stay authenticated."""
        self.assertReply("OK", "CONFIG", "SET", "requirepass", b"\xff")
        self.assertReply("PONG", "PING")
        other = self.connect()
        self.assertError("NOAUTH Authentication required.", "PING", session=other)
        self.assertReply("OK", "AUTH", b"\xff", session=other)
        self.assertReply([b"requirepass", b"\xff"], "CONFIG", "GET", "requirepass")

    def test_all_or_none(self) -> None:
        """CONFIG SET sets no parameter if one is refused."""
        self.fails("maxclients", "argument couldn't be parsed into an integer", "timeout", 5, "maxclients", "x")
        self.fails("databases", "can't set immutable config", "timeout", 5, "databases", 4)
        text = "ERR Unknown option or number of arguments for CONFIG SET - 'NoSuch'"
        self.assertError(text, "CONFIG", "SET", "timeout", "5", "NoSuch", "6")
        self.assertEqual(0, self.server.config["timeout"])

    def test_twice(self) -> None:
        """CONFIG SET refuses a parameter that is given twice."""
        self.fails("Timeout", "duplicate parameter", "timeout", 1, "Timeout", 1)

    def test_out_of_range(self) -> None:
        """CONFIG SET refuses a value out of range, and names the range."""
        self.fails("timeout", "argument must be between 0 and 2147483647 inclusive", "timeout", 2**31)
        why = "argument must be between 1048576 and 9223372036854775807 inclusive"
        self.fails("proto-max-bulk-len", why, "proto-max-bulk-len", 1)
        self.fails("proto-max-bulk-len", "argument must be a memory value", "proto-max-bulk-len", "big")

    def test_protected(self) -> None:
        """CONFIG SET of dir and dbfilename is refused without enable-protected-configs."""
        for name, value in (("dir", "/"), ("dbfilename", "other.rdb")):
            self.fails(name, "can't set protected config", name, value)

    def test_forms(self) -> None:
        """CONFIG SET refuses what has the wrong form, with Redis's errors."""
        why = "template format is invalid or contains unknown variables"
        self.fails("proc-title-template", why, "proc-title-template", "{title} {nosuch}")
        self.fails("proc-title-template", why, "proc-title-template", "{title")
        self.assertReply("OK", "CONFIG", "SET", "proc-title-template", "TEST {{ {title} {port}")
        self.fails("bind", "Too many bind addresses specified.", "bind", "a " * 17)
        self.fails("maxmemory-clients", "percentage argument must be less or equal to 100", "maxmemory-clients", "101%")
        self.fails("unixsocketperm", "can't set immutable config", "unixsocketperm", "700")

    def test_half_a_pair(self) -> None:
        """CONFIG SET without the last value is a syntax error."""
        self.assertError("ERR syntax error", "CONFIG", "SET", "timeout", 5, "maxclients")


class ProtectedTests(SessionTests):
    """CONFIG SET of dir and dbfilename with enable-protected-configs local."""

    config = {"enable_protected_configs": "local"}

    def test_local(self) -> None:
        """Clients of this machine are permitted, others are not."""
        self.assertReply("OK", "CONFIG", "SET", "dbfilename", "other.rdb")
        self.assertEqual("other.rdb", self.server.config["dbfilename"])
        self.session.connection.peer = "10.0.0.1:1"
        text = "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config"
        self.assertError(text, "CONFIG", "SET", "dbfilename", "third.rdb")


class OtherTests(SessionTests):
    """CONFIG RESETSTAT, and CONFIG REWRITE without a file."""

    def test_resetstat(self) -> None:
        """CONFIG RESETSTAT resets the statistics of commands, of keys and of errors."""
        for command in ("GET key", "FOO", "GET", "CLIENT NOSUCH", "CLIENT ID"):
            self.run_command(*command.split())
        self.server.keyspace.expired = self.server.lazyfree.freed = self.server.cron.sweep_ns = 1
        self.server.persistence.job.forks = 1
        self.assertReply("OK", "CONFIG", "RESETSTAT")
        server = self.server
        self.assertEqual((1, 0, 0), (server.table.calls, server.keyspace.misses, server.keyspace.expired))
        self.assertEqual({}, server.stats.errors)
        self.assertEqual(0, server.table.commands[b"get"].calls.rejected)
        self.assertEqual(0, server.table.commands[b"client"].subcommands[b"id"].calls.count)
        info = self.run_command("INFO", "stats", "memory")
        for name in (b"lazyfreed_objects", b"total_forks", b"expire_cycle_cpu_milliseconds", b"expired_keys"):
            self.assertIn(b"\r\n" + name + b":0\r\n", info)

    def test_no_file(self) -> None:
        """CONFIG REWRITE without a configuration file is refused."""
        self.assertError("ERR The server is running without a config file", "CONFIG", "REWRITE")


class RewriteTests(SessionTests):
    def setUp(self) -> None:
        """Start from a configuration file that only its owner can read."""
        super().setUp()
        self.path = Path(made_folder(self), "a.conf")
        self.path.write_text("# mine\ntimeout 5\n")
        self.path.chmod(0o600)
        self.server.config_file = str(self.path)
        self.logged: list[str] = []
        self.server.host.log = lambda level, text: self.logged.append(text)

    def test_file(self) -> None:
        """CONFIG REWRITE writes the changed parameters and keeps the file's mode."""
        self.run_command("CONFIG", "SET", "timeout", "7", "maxmemory", "1mb")
        self.assertReply("OK", "CONFIG", "REWRITE")
        lines = ["# mine", "timeout 7", "# Generated by CONFIG REWRITE", "maxmemory 1048576"]
        self.assertEqual(lines, self.path.read_text().splitlines())
        self.assertEqual(0o600, self.path.stat().st_mode & 0o777)
        self.assertEqual([f"CONFIG REWRITE has written {self.path}"], self.logged)

    def test_default_user(self) -> None:
        """Users are written; the default user only if more than requirepass, which can come from a file, made it."""
        self.server.config.presume("requirepass", "secret")
        self.server.apply_config()
        self.run_command("ACL", "SETUSER", "eve", "on", ">x", "+get")
        self.assertReply("OK", "CONFIG", "REWRITE")
        self.assertNotIn("default", self.path.read_text())
        self.assertIn("user eve on", self.path.read_text())
        self.run_command("ACL", "SETUSER", "default", ">other")
        self.assertReply("OK", "CONFIG", "REWRITE")
        self.assertEqual(1, self.path.read_text().count("user default on #"))

    def test_all_parameters(self) -> None:
        """DEBUG CONFIG-REWRITE-FORCE-ALL writes every parameter; a server can read the file and has the same values."""
        self.server.config.set("enable-debug-command", "yes")
        self.assertReply("OK", "DEBUG", "CONFIG-REWRITE-FORCE-ALL")
        errors: list[str] = []
        config = Config()
        names = {directive.name for directive in read_file(str(self.path), config, errors)}
        self.assertEqual([], errors)
        self.assertLessEqual({"port", "maxmemory", "save", "client-output-buffer-limit", "hz"}, names)
        shown = [(name, self.server.config.show(name)) for name in config if name != "enable-debug-command"]
        self.assertEqual(shown, [(name, config.show(name)) for name, _ in shown])

    def test_users(self) -> None:
        """CONFIG REWRITE writes the users if there are any besides default, and if they have no aclfile."""
        self.run_command("CONFIG", "SET", "requirepass", "a b")
        self.run_command("CONFIG", "REWRITE")
        self.assertEqual('requirepass "a b"', self.path.read_text().splitlines()[-1])
        self.run_command("ACL", "SETUSER", "eve", "on", "~k*", "+get")
        self.run_command("CONFIG", "REWRITE")
        users = [line for line in self.path.read_text().splitlines() if line.startswith("user ")]
        self.assertEqual([self.run_command("ACL", "LIST")[1].decode()], users)  # requirepass gives the default user
        self.server.config.set("aclfile", "users.acl")
        self.run_command("CONFIG", "REWRITE")
        self.assertNotIn("user ", self.path.read_text())

    def test_fails(self) -> None:
        """A failed CONFIG REWRITE has an error as its reply and is logged."""
        self.server.config_file = str(self.path.parent / "nosuch" / "a.conf")
        self.assertError("ERR Rewriting config file: No such file or directory", "CONFIG", "REWRITE")
        self.assertIn("CONFIG REWRITE failed", self.logged[0])
