"""Tests for L{tseep.scripting.functions} and the commands about functions.

redis-server is compared in tests/server/test_scripts.py.
"""

from __future__ import annotations

from tseep.test.support import SessionTests

LIBRARY = """#!lua name=lib
redis.register_function('set', function(keys, args) return redis.call('SET', keys[1], args[1]) end)
redis.register_function{
  function_name = 'get', callback = function(keys) return redis.call('GET', keys[1]) end, flags = {'no-writes'}
}
"""


class FunctionsTests(SessionTests):
    """Libraries, and the functions that they register."""

    def setUp(self) -> None:
        super().setUp()
        self.assertReply(b"lib", "FUNCTION", "LOAD", LIBRARY)

    def test_call(self) -> None:
        """A function is given its keys and arguments as tables."""
        self.assertReply("OK", "FCALL", "set", 1, "k", "v")
        self.assertReply(b"v", "FCALL_RO", "get", 1, "k")

    def test_read_only(self) -> None:
        """FCALL_RO calls only what says that it changes nothing."""
        self.assertError(
            "ERR Can not execute a script with write flag using *_ro command.", "FCALL_RO", "set", 1, "k", "v"
        )

    def test_replace(self) -> None:
        """A library takes the place of its predecessor with all of its functions."""
        self.assertError("ERR Library 'lib' already exists", "FUNCTION", "LOAD", LIBRARY)
        self.run_command(
            "FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nredis.register_function('one', function() return 1 end)"
        )
        self.assertReply(1, "FCALL", "one", 0)
        self.assertError("ERR Function not found", "FCALL", "get", 0)

    def test_failed_replacement(self) -> None:
        """A library that cannot be loaded leaves its predecessor in place."""
        self.assertError(
            "ERR No functions registered", "FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nlocal nothing = 1"
        )
        self.assertReply(None, "FCALL", "get", 1, "k")

    def test_same_function(self) -> None:
        """Two libraries have no function of the same name."""
        self.assertError("ERR Function set already exists", "FUNCTION", "LOAD", LIBRARY.replace("lib", "other"))

    def test_delete(self) -> None:
        """With a library its functions go."""
        self.assertReply("OK", "FUNCTION", "DELETE", "lib")
        self.assertError("ERR Function not found", "FCALL", "get", 1, "k")
        self.assertError("ERR Library not found", "FUNCTION", "DELETE", "lib")

    def test_kept(self) -> None:
        """FLUSHALL leaves libraries alone; FUNCTION FLUSH does not."""
        self.run_command("FLUSHALL")
        self.assertReply(None, "FCALL", "get", 1, "k")
        self.assertReply("OK", "FUNCTION", "FLUSH")
        self.assertReply([], "FUNCTION", "LIST")

    def test_list(self) -> None:
        """FUNCTION LIST tells of each function what it has said of itself."""
        ((_, name, _, engine, _, functions, _, code),) = self.run_command("FUNCTION", "LIST", "WITHCODE")
        self.assertEqual((b"lib", b"LUA", LIBRARY.encode()), (name, engine, code))
        self.assertEqual([b"name", b"get", b"description", None, b"flags", ["no-writes"]], functions[1])

    def test_stats(self) -> None:
        """FUNCTION STATS counts libraries and functions."""
        stats = self.run_command("FUNCTION", "STATS")
        self.assertEqual([b"LUA", [b"libraries_count", 1, b"functions_count", 2]], stats[3])
