"""Tests for L{tseep.commands.admin.debug}: DEBUG and enable-debug-command."""

from __future__ import annotations

from tseep.commands.admin import debug
from tseep.test.support import START, SessionTests, decode

REFUSAL = (
    'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local '
    "connection, otherwise you need to set this option in the configuration file, and then restart the server."
)


class PermissionTests(SessionTests):
    def test_no(self) -> None:
        """DEBUG is refused unless enable-debug-command allows it."""
        self.assertError(REFUSAL, "DEBUG", "HELP")
        self.assertError(REFUSAL, "DEBUG", "NOSUCH")


class LocalTests(SessionTests):
    config = {"enable_debug_command": "local"}

    def test_local(self) -> None:
        """With enable-debug-command local, only clients of the same machine or of a Unix socket can run DEBUG."""
        for peer, host, allowed in [
            ("127.0.0.1:1", "127.0.0.1:6379", True),
            ("[::1]:1", "[::1]:6379", True),
            (":0", "/run/tseep.sock:0", True),
            ("10.0.0.1:1", "10.0.0.2:6379", False),
            ("[::2]:1", "[::1]:6379", False),
        ]:
            self.session.connection.peer, self.session.connection.host = peer, host
            self.assertEqual(not allowed, self.run_command("DEBUG", "ERROR", "x") == REFUSAL, peer)


class DebugTests(SessionTests):
    config = {"enable_debug_command": "yes"}

    def test_unknown(self) -> None:
        """DEBUG refuses unknown subcommands and wrong numbers of arguments."""
        for argv in (["NOSUCH"], ["SLEEP"], ["sleep", "0", "1"], ["HELP", "x"]):
            text = f"ERR unknown subcommand or wrong number of arguments for '{argv[0]}'. Try DEBUG HELP."
            self.assertError(text, "DEBUG", *argv)

    def test_sleep(self) -> None:
        """DEBUG SLEEP blocks for the given seconds, at most 10^9; an invalid or negative number is 0."""
        slept: list[float] = []
        self.patch(debug.time, "sleep", slept.append)
        for text in ("1.5", ".25", "abc", "-1", "2x", "9" * 400):
            self.assertReply("OK", "DEBUG", "SLEEP", text)
        self.assertEqual([1.5, 0.25, 0.0, 0.0, 2.0, 1e9], slept)

    def test_object(self) -> None:
        """DEBUG OBJECT reports encoding and idle time of a key without touching it."""
        self.run_command("SET", "key", "value")
        self.pass_time(5)
        found = rf"^Value at:0x[0-9a-f]+ refcount:1 encoding:embstr serializedlength:6 lru:{START & 0xFFFFFF} "
        for _ in range(2):
            self.assertRegex(self.run_command("DEBUG", "OBJECT", "key"), found + "lru_seconds_idle:5$")
        self.assertError("ERR no such key", "DEBUG", "OBJECT", "nosuch")

    def test_active_expire(self) -> None:
        """DEBUG SET-ACTIVE-EXPIRE 0 stops the expire cycle until 1 is set."""
        self.run_command("SET", "key", "value", "PX", 1)
        self.assertReply("OK", "DEBUG", "SET-ACTIVE-EXPIRE", 0)
        self.pass_time(5)
        self.server.cron.run()
        self.assertEqual(1, len(self.session.db))
        self.assertReply("OK", "DEBUG", "SET-ACTIVE-EXPIRE", 1)
        self.server.cron.run()
        self.assertEqual(0, len(self.session.db))

    def test_pause_cron(self) -> None:
        """DEBUG PAUSE-CRON 1 stops the periodic tasks until 0 is set."""
        self.run_command("SET", "key", "value", "PX", 1)
        self.pass_time(5)
        for paused, left in (1, 1), (0, 0):
            self.assertReply("OK", "DEBUG", "PAUSE-CRON", paused)
            self.server.cron.run()
            self.assertEqual(left, len(self.session.db))

    def test_deny_scripts(self) -> None:
        """After DEBUG SET-DISABLE-DENY-SCRIPTS 1 scripts can call commands that they may not call."""
        script = "return redis.call('DEBUG', 'DIGEST')"
        refused = self.run_command("EVAL", script, 0)
        self.assertIn("This Redis command is not allowed from script", refused)
        self.assertReply("OK", "DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
        self.assertReply("0" * 40, "EVAL", script, 0)
        self.assertReply("OK", "DEBUG", "SET-DISABLE-DENY-SCRIPTS", 0)
        self.assertReply(refused, "EVAL", script, 0)

    def test_replication_id(self) -> None:
        """DEBUG CHANGE-REPL-ID changes master_replid in INFO, and not run_id."""
        before = self.server.replication_id, self.server.run_id
        self.assertReply("OK", "DEBUG", "CHANGE-REPL-ID")
        self.assertIn(f"master_replid:{self.server.replication_id}\r\n".encode(), self.run_command("INFO"))
        self.assertEqual([False, True], [self.server.replication_id == before[0], self.server.run_id == before[1]])

    def test_digest_of_encodings(self) -> None:
        """The digest of a value does not depend on its encoding."""
        self.run_command("SADD", "set", 1, 2)
        self.run_command("HSET", "hash", "f", "v")
        self.run_command("ZADD", "zset", 1, "a")
        before = self.run_command("DEBUG", "DIGEST-VALUE", "set", "hash", "zset")
        self.run_command("SADD", "set", "x")
        self.run_command("SREM", "set", "x")
        self.run_command("HSET", "hash", "x" * 99, "v")
        self.run_command("HDEL", "hash", "x" * 99)
        self.run_command("ZADD", "zset", 1, "x" * 99)
        self.run_command("ZREM", "zset", "x" * 99)
        self.assertReply(b"hashtable", "OBJECT", "ENCODING", "hash")
        self.assertReply(before, "DEBUG", "DIGEST-VALUE", "set", "hash", "zset")

    def test_expired(self) -> None:
        """DEBUG DIGEST-VALUE and DEBUG OBJECT know a key that has expired but was not removed."""
        self.run_command("SET", "key", "value", "PX", 1)
        before = self.run_command("DEBUG", "DIGEST-VALUE", "key", "nosuch")
        self.assertEqual("0" * 40, before[1])
        self.pass_time(5)
        self.assertReply(before, "DEBUG", "DIGEST-VALUE", "key", "nosuch")
        self.assertIn("embstr", self.run_command("DEBUG", "OBJECT", "key"))

    def test_populate(self) -> None:
        """DEBUG POPULATE notifies WATCH and publishes only the event of new keys."""
        self.run_command("CONFIG", "SET", "notify-keyspace-events", "EAn")
        other = self.connect()
        self.run_command("PSUBSCRIBE", "*", session=other)
        self.run_command("WATCH", "p:0")
        self.assertReply("OK", "DEBUG", "POPULATE", 1, "p")
        self.run_command("MULTI")
        self.assertReply(None, "EXEC")
        self.assertEqual([[b"pmessage", b"*", b"__keyevent@0__:new", b"p:0"]], self.sent(other))

    def test_tables(self) -> None:
        """DEBUG HTSTATS reports the numbers of keys and of volatile keys."""
        self.run_command("MSET", "a", "1", "b", "2")
        empty = "No stats available for empty dictionaries\n"
        text = self.run_command("DEBUG", "HTSTATS", 0).decode()
        self.assertRegex(text, rf"^\[Dictionary HT\]\n number of elements: 2\n bytes: \d+\n\[Expires HT\]\n{empty}$")
        self.assertError("ERR Out of range database", "DEBUG", "HTSTATS", 16)

    def test_checksums(self) -> None:
        """DEBUG SET-SKIP-CHECKSUM-VALIDATION 1 lets RESTORE and FUNCTION RESTORE accept wrong checksums."""
        self.run_command("SET", "key", "value")
        self.run_command("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() end)")
        for dump, restore in (
            (["DUMP", "key"], ["RESTORE", "copy", "0"]),
            (["FUNCTION", "DUMP"], ["FUNCTION", "RESTORE"]),
        ):
            wrong = self.run_command(*dump)[:-8] + bytes(7) + b"x"
            self.run_command("FUNCTION", "FLUSH")
            self.assertError("ERR DUMP payload version or checksum are wrong", *restore, wrong)
            self.assertReply("OK", "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1)
            self.assertReply("OK", *restore, wrong)
            self.assertReply("OK", "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 0)
            self.run_command("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() end)")
            self.run_command("DEL", "copy")

    def test_log(self) -> None:
        """DEBUG LOG writes a line to the log."""
        lines: list[tuple[int, str]] = []
        self.patch(self.server.host, "log", lambda *line: lines.append(line))
        self.assertReply("OK", "DEBUG", "LOG", "some words")
        self.assertEqual([(3, "DEBUG LOG: some words")], lines)

    def test_without_effect(self) -> None:
        """DEBUG REPLYBUFFER and QUICKLIST-PACKED-THRESHOLD check their arguments."""
        for words in ("PEAK-RESET-TIME 100", "PEAK-RESET-TIME NEVER", "PEAK-RESET-TIME RESET", "RESIZING 0"):
            self.assertReply("OK", "DEBUG", "REPLYBUFFER", *words.split())
        integer = "ERR value is not an integer or out of range"
        self.assertError(integer, "DEBUG", "REPLYBUFFER", "PEAK-RESET-TIME", "x")
        self.assertIn("wrong number of arguments for 'REPLYBUFFER'", self.run_command("DEBUG", "REPLYBUFFER", "x", 1))
        self.assertReply("OK", "DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1b")
        text = "ERR argument must be a memory value bigger than 1 and smaller than 4gb"
        for size in ("5gb", "x"):
            self.assertError(text, "DEBUG", "QUICKLIST-PACKED-THRESHOLD", size)

    def test_error(self) -> None:
        """DEBUG ERROR replies with the given error, on one line."""
        self.assertError("MYCODE some words", "DEBUG", "ERROR", "MYCODE some\nwords")

    def test_protocol(self) -> None:
        """DEBUG PROTOCOL replies with an example of each type, in RESP2 and in RESP3."""
        for name, second, third in [
            ("string", b"$11\r\nHello World\r\n", b"$11\r\nHello World\r\n"),
            ("integer", b":12345\r\n", b":12345\r\n"),
            ("double", b"$5\r\n3.141\r\n", b",3.141\r\n"),
            (
                "bignum",
                b"$37\r\n1234567999999999999999999999999999999\r\n",
                b"(1234567999999999999999999999999999999\r\n",
            ),
            ("null", b"$-1\r\n", b"_\r\n"),
            ("array", b"*3\r\n:0\r\n:1\r\n:2\r\n", b"*3\r\n:0\r\n:1\r\n:2\r\n"),
            ("set", b"*3\r\n:0\r\n:1\r\n:2\r\n", b"~3\r\n:0\r\n:1\r\n:2\r\n"),
            ("map", b"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
            (
                "attrib",
                b"$39\r\nSome real reply following the attribute\r\n",
                b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
                b"$39\r\nSome real reply following the attribute\r\n",
            ),
            (
                "push",
                b"-ERR RESP2 is not supported by this command\r\n",
                b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n",
            ),
            ("verbatim", b"$25\r\nThis is a verbatim\nstring\r\n", b"=29\r\ntxt:This is a verbatim\nstring\r\n"),
            ("true", b":1\r\n", b"#t\r\n"),
            ("false", b":0\r\n", b"#f\r\n"),
        ]:
            self.session.set_protocol(2)
            self.assertEqual(second, self.send("DEBUG", "PROTOCOL", name))
            self.session.set_protocol(3)
            self.assertEqual(third, self.send("DEBUG", "PROTOCOL", name))

    def test_wrong_protocol(self) -> None:
        """DEBUG PROTOCOL refuses an unknown type and names all types."""
        types = "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
        text = f"ERR Wrong protocol type name. Please use one of the following: {types}"
        self.assertError(text, "DEBUG", "PROTOCOL", "foo")
        self.assertEqual(set(types.encode().split(b"|")), set(debug.TYPES))

    def test_help(self) -> None:
        """DEBUG HELP has two lines for each subcommand: its syntax and its description."""
        (lines,) = decode(self.send("DEBUG", "HELP"))
        self.assertEqual("SLEEP seconds", lines[-4])
        self.assertEqual(1 + 2 * len(debug._SUBCOMMANDS), len(lines))
        self.assertIn("DIGEST", lines)
