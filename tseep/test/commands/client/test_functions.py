"""
Tests for L{tseep.scripting.functions}: FUNCTION, FCALL and FCALL_RO.

tests/server/test_scripts.py compares with redis-server.
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
    def setUp(self) -> None:
        super().setUp()
        self.assertReply(b"lib", "FUNCTION", "LOAD", LIBRARY)

    def test_call(self) -> None:
        """FCALL passes keys and arguments to a function as tables."""
        self.assertReply("OK", "FCALL", "set", 1, "k", "v")
        self.assertReply(b"v", "FCALL_RO", "get", 1, "k")

    def test_read_only(self) -> None:
        """FCALL_RO refuses functions without the flag no-writes."""
        self.assertError(
            "ERR Can not execute a script with write flag using *_ro command.", "FCALL_RO", "set", 1, "k", "v"
        )

    def test_replace(self) -> None:
        """FUNCTION LOAD REPLACE replaces a library and all of its functions."""
        self.assertError("ERR Library 'lib' already exists", "FUNCTION", "LOAD", LIBRARY)
        self.run_command(
            "FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nredis.register_function('one', function() return 1 end)"
        )
        self.assertReply(1, "FCALL", "one", 0)
        self.assertError("ERR Function not found", "FCALL", "get", 0)

    def test_failed_replacement(self) -> None:
        """A FUNCTION LOAD REPLACE that fails keeps the old library."""
        self.assertError(
            "ERR No functions registered", "FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nlocal nothing = 1"
        )
        self.assertReply(None, "FCALL", "get", 1, "k")

    def test_same_function(self) -> None:
        """FUNCTION LOAD refuses a function that another library has registered."""
        self.assertError("ERR Function set already exists", "FUNCTION", "LOAD", LIBRARY.replace("lib", "other"))

    def test_delete(self) -> None:
        """FUNCTION DELETE removes a library and its functions."""
        self.assertReply("OK", "FUNCTION", "DELETE", "lib")
        self.assertError("ERR Function not found", "FCALL", "get", 1, "k")
        self.assertError("ERR Library not found", "FUNCTION", "DELETE", "lib")

    def test_kept(self) -> None:
        """FLUSHALL keeps libraries; FUNCTION FLUSH removes them."""
        self.run_command("FLUSHALL")
        self.assertReply(None, "FCALL", "get", 1, "k")
        self.assertReply("OK", "FUNCTION", "FLUSH")
        self.assertReply([], "FUNCTION", "LIST")

    def test_list(self) -> None:
        """FUNCTION LIST returns each function's name, description and flags, and the library's code."""
        ((_, name, _, engine, _, functions, _, code),) = self.run_command("FUNCTION", "LIST", "WITHCODE")
        self.assertEqual((b"lib", b"LUA", LIBRARY.encode()), (name, engine, code))
        self.assertEqual([b"name", b"get", b"description", None, b"flags", ["no-writes"]], functions[1])

    def test_stats(self) -> None:
        """FUNCTION STATS returns the numbers of libraries and functions."""
        stats = self.run_command("FUNCTION", "STATS")
        self.assertEqual([b"LUA", [b"libraries_count", 1, b"functions_count", 2]], stats[3])
