"""
The counters of calls and errors: INFO's C{commandstats} and C{errorstats} after transactions, scripts and blocking
commands that are refused or fail, and the replies to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.client import Client, encode
from ..support.servers import Redis, Tseep, until

STALE = "debug set-active-expire 0 ; set x foo px 1 ; debug sleep 0.01"
PING = "multi ; ping ; exec ; debug set-active-expire 1"

BLOCKED = "xgroup create s g $ mkstream ; @2! xreadgroup group g c block 0 streams s >"

SCENARIOS = {
    "unknown": "nosuch x ; client nosuch ; get ; get a b ; set a",
    "type": "set a x ; lpush a y ; incr a ; hget a f",
    "exec arity": "multi ; set a 1 ; exec x ; ping ; exec",
    "queue errors": "multi ; set a ; nosuch ; get a ; exec ; exec ; discard",
    "no multi": "multi ; watch a ; multi ; exec",
    "not allowed": "multi ; client reply on ; exec ; multi ; save ; exec",
    "failing config": "multi ; set a 1 ; config set nosuch 1 ; config set maxmemory bad ; exec ; get a",
    "failing inside": "multi ; set a x ; incr a ; lpush a y ; exec",
    "noperm": "acl setuser u on nopass ~a* +@all -incr -exec ; auth u x ; incr a ; get b ; multi ; incr a ; set a 1 ; "
    "exec ; discard ; multi ; set a 2 ; exec ; ping",
    "noperm at exec": "acl setuser u on nopass ~* +@all ; auth u x ; multi ; incr a ; get a ; "
    "acl setuser u -incr ~x resetkeys ~b ; exec",
    "scripts": "set a x ; eval [return redis.call('incr','a')] 0 ; eval [return redis.pcall('incr','a')] 0 ; "
    "eval [return redis.call('nosuch')] 0 ; eval [return redis.pcall('nosuch')] 0 ; "
    "eval [return redis.call('get')] 0 ; eval [redis.pcall('incr','a') return 1] 0 ; "
    "eval [return redis.error_reply('MY error')] 0 ; eval [return {err='X y'}] 0 ; "
    "eval [error('boom')] 0 ; eval [return redis.call('subscribe','x')] 0 ; evalsha x 0 ; eval [bad] 0 ; "
    "eval_ro [return redis.call('set','a','b')] 0 ; multi ; eval [return redis.call('incr','a')] 0 ; exec",
    "script noperm": "acl setuser u on nopass ~a* +@all -incr ; auth u x ; eval [return redis.call('incr','a')] 0 ; "
    "eval [return redis.pcall('get','b')] 0",
    "oom": "set a 1 ; config set maxmemory 1 ; set a 2 ; get a ; lpush l x ; incr a ; multi ; get a ; set a 3 ; exec ; "
    "multi ; ping ; exec ; del a ; eval [return redis.call('set','a','x')] 0 ; eval [return redis.call('get','a')] 0 ; "
    "eval [#!lua flags=allow-oom|return redis.call('set','a','x')] 0 ; config set maxmemory 0",
    "oom at exec": "set b x ; multi ; set a 1 ; get a ; @2 config set maxmemory 1 ; exec ; multi ; "
    "@2 config set maxmemory 0 ; get a ; @2 config set maxmemory 1 ; exec ; @2 config set maxmemory 0 ; get a",
    "oom and watch": "set a 1 ; watch a ; multi ; set a 2 ; @2 set a 3 ; @2 config set maxmemory 1 ; exec ; "
    "@2 config set maxmemory 0 ; get a",
    "blocking in multi": "multi ; blpop a 0 ; brpoplpush a b 0 ; blmove a b left left 0 ; bzpopmin a 0 ; "
    "blmpop 0 1 a left ; bzmpop 0 1 a min ; xread block 0 streams a 0 ; exec",
    "blocking in scripts": "eval [return redis.call('blpop','a',0)] 0 ; "
    "eval [return redis.call('brpoplpush','a','b',0)] 0 ; "
    "eval [return redis.call('xread','block',0,'streams','a',0)] 0 ; xgroup create s g $ mkstream ; "
    "eval [return redis.pcall('xreadgroup','group','g','c','block',0,'streams','s','>')] 0",
    "blocked, served": "@2! blpop a 0 ; lpush a x ; @2?",
    "blocked, wrong type": "@2! blmove a b left left 0 ; set b x ; lpush a x ; @2? ; @2 get b",
    "blocked, unblocked": "@2! blpop a 0 ; @2 unblock ; @2? ; @2! blpop a 0 ; @2 unblock error ; @2?",
    "blocked, timeout": "@2! blpop a 0.01 ; @2?",
    "group destroyed": f"{BLOCKED} ; xgroup destroy s g ; @2?",
    "group deleted": f"{BLOCKED} ; del s ; @2?",
    "group replaced": f"{BLOCKED} ; set s x ; @2?",
    "group set back": "xadd s 1-1 f v ; xgroup create s g $ ; @2! xreadgroup group g c block 0 streams s > ; "
    "xgroup setid s g 0 ; xadd s 2-1 f v ; @2?",
    "group served": f"{BLOCKED} ; xadd s 1-1 f v ; @2?",
    "swapped": f"{BLOCKED} ; swapdb 0 1 ; @2? ; swapdb 0 1",
    "watch stale": f"{STALE} ; watch x ; {PING}",
    "watch stale, flushed": f"{STALE} ; watch x ; flushall ; {PING}",
    "watch stale, deleted": f"{STALE} ; watch x ; get x ; del x ; {PING}",
    "watch stale, set": f"{STALE} ; watch x ; set x 1 ; {PING}",
    "watch, expired": f"set x foo px 30 ; watch x ; debug sleep 0.05 ; {PING}",
    "watch, expired, read": f"set x foo px 30 ; watch x ; debug sleep 0.05 ; get x ; {PING}",
    "watch missing, flushed": f"set y 1 ; watch x ; flushall ; {PING}",
    "watch, flushed": f"set x 1 ; watch x ; @2 flushdb ; {PING}",
    "watch, other flushed": f"set x 1 ; watch x ; @2 select 1 ; @2 set y 1 ; @2 flushdb ; {PING}",
    "watch, other set": f"set x 1 ; watch x ; @2 select 1 ; @2 set x 1 ; {PING}",
    "watch, unwatch": f"set x 1 ; watch x ; @2 set x 2 ; unwatch ; {PING}",
    "watch, discard": f"set x 1 ; watch x ; @2 set x 2 ; multi ; discard ; {PING}",
    "watch, renamed over": f"set x 1 ; watch x ; @2 set y 2 ; @2 rename y x ; {PING}",
    "watch, swapped": f"select 1 ; set x 1 ; watch x ; select 0 ; swapdb 0 1 ; {PING} ; flushall",
    "watch missing, swapped": f"set x 1 ; select 1 ; watch x ; swapdb 0 1 ; {PING} ; flushall",
    "watch, swapped elsewhere": f"set x 1 ; watch x ; swapdb 1 2 ; {PING}",
    "watch stale, swapped": f"{STALE} ; watch x ; swapdb 0 1 ; {PING}",
    "watch missing, stale swapped in": f"{STALE} ; select 1 ; watch x ; swapdb 0 1 ; {PING} ; select 0",
    "watch stale, stale swapped in": f"select 1 ; {STALE} ; select 0 ; set x bar px 1 ; debug sleep 0.01 ; select 1 ; "
    f"watch x ; swapdb 0 1 ; {PING}",
    "watch, own changes": f"set x 1 ; watch x ; set x 2 ; {PING}",
    "watch twice": f"watch x ; watch x ; @2 set x 1 ; {PING} ; set x 2 ; {PING}",
    "persistence in multi": "multi ; bgsave ; bgsave schedule ; exec ; config set appendonly no",
    "quit": "set a 1 ; multi ; quit",
    "auth": "auth nosuch bad ; hello 3 auth nosuch bad ; hello 9 ; select 100 ; select x",
    "group ids": "xgroup create s g - mkstream ; xgroup create s h + ; xgroup setid s g + ; xgroup setid s g - ; "
    "xinfo groups s ; xgroup setid s g abc",
    "brpoplpush in multi": "multi ; brpoplpush a b 0 ; exec ; hello 3 ; multi ; brpoplpush a b 0 ; "
    "blmove a b left left 0 ; exec",
    "caching": "client tracking on bcast ; client caching yes ; client caching no ; client tracking off ; "
    "client caching yes ; client tracking on optin ; client caching no ; client caching yes ; client tracking off",
}
"""
By name the commands: of the first client, or with C{@2} of the second. C{@2!} blocks; C{@2?} reads the reply. Text in
brackets is one word, and C{|} in it a line feed.
"""


class Conversation:
    """Two clients of a server, and its counters."""

    def __init__(self, server: Tseep | Redis) -> None:
        self._server = server
        self._operator = server.connect()
        self._operator("FLUSHALL")
        self._operator("ACL", "DELUSER", "u")
        self._clients = {"1": server.connect(), "2": server.connect()}
        self._ids = {name: client("CLIENT", "ID") for name, client in self._clients.items()}
        self._operator("SCRIPT", "FLUSH")
        self._operator("CONFIG", "RESETSTAT")

    def play(self, text: str) -> list[Any]:
        """Run the commands. Return their replies, and the counters."""
        replies = []
        for part in text.split(" ; "):
            target, _, command = part.strip().partition(" ") if part.startswith("@") else ("@1", "", part.strip())
            client = self._clients[target[1]]
            words = re.findall(r"\[.*?\](?= |$)|\S+", command)
            words = [word[1:-1].replace("|", "\n") if word.startswith("[") else word for word in words]
            if target.endswith("?"):
                replies.append(client.reply())
            elif target.endswith("!"):
                client.send(encode(*words))
                until(self._is_blocked, "the client is blocked")
            elif words[0] == "unblock":
                self._operator("CLIENT", "UNBLOCK", self._ids[target[1]], *words[1:])
            else:
                replies.append(self._ask(client, words))
        return [*map(repr, replies), *self._counters()]

    @staticmethod
    def _ask(client: Client, words: list[str]) -> Any:
        reply = client.ask(*words)
        return words[0] if words[0] in ("hello",) and reply.mark != "-" else reply

    def _is_blocked(self) -> bool:
        return b"blocked_clients:1" in self._operator("INFO", "clients")

    def _counters(self) -> list[str]:
        text = self._operator("INFO", "commandstats", "errorstats").decode()
        lines = re.sub(r"usec=.*?,usec_per_call=.*?,", "", text).splitlines()
        own = ("cmdstat_info:", "cmdstat_client|unblock", "cmdstat_config|resetstat")
        return sorted(line for line in lines if ":" in line and not line.startswith(own))

    def close(self) -> None:
        for client in (*self._clients.values(), self._operator):
            client.close()


@pytest.fixture(scope="module")
def theirs() -> Iterator[Redis]:
    with Redis("--enable-debug-command", "yes") as server:
        yield server


@pytest.mark.parametrize("name", SCENARIOS)
def test_statistics(v2: Tseep, theirs: Redis, name: str) -> None:
    """The replies and the counters are those of redis-server."""
    results = []
    for server in (v2, theirs):
        conversation = Conversation(server)
        results.append(conversation.play(SCENARIOS[name]))
        conversation.close()
    ours, right = results
    assert ours == right
