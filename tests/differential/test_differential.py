"""
The same calls to tseep and to redis-server 7.0, which is the oracle: every reply must be the same, to its type.

What is compared with some tolerance, and what not at all, is listed here in one place: L{WITHIN}, L{LOOSE},
L{BY_HAND}. C{HYPOTHESIS_PROFILE=long} tries far more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, Callable

import pytest
from hypothesis import given, note, settings

from ..support.client import Client, Reply
from ..support.servers import Redis, Tseep
from . import families
from .grammar import KEYS, Grammar

WITHIN = {"ttl": 1, "pttl": 1000, "expiretime": 1, "pexpiretime": 1000}
"""Replies that depend on the time: by how much they may differ for each second that the example has taken."""

_ACL = "cat deluser dryrun genpass getuser help list load log save setuser users whoami"

BY_HAND = {
    "auth": "with a password: test_clients and test_vectors; without one, L{LISTED}",
    **dict.fromkeys(
        [f"client|{name}" for name in ("tracking", "caching", "getredir", "trackinginfo", "pause", "unpause")],
        "change what the clients are sent: test_conversations",
    ),
    "monitor": "shows the other clients: test_conversations",
    **dict.fromkeys([f"acl|{name}" for name in _ACL.split()], "changes who may do what: test_acl"),
    **dict.fromkeys(("save", "bgsave", "bgrewriteaof", "lastsave"), "write files: test_snapshots, test_aof"),
    "dump": "the servers choose among several forms of a value: test_snapshots",
    "client|unblock": "ends another client's waiting: L{LISTED}, test_blocking",
    "pubsub|help": "the words are our own: test_help",
    **dict.fromkeys(("multi", "exec", "discard", "watch", "unwatch"), "change what replies mean: L{LISTED}"),
    **dict.fromkeys(
        ("subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"),
        "have a reply for every argument: L{LISTED}, tseep.test.coordination.test_pubsub",
    ),
    **dict.fromkeys(
        ("publish", "spublish", "pubsub|channels", "pubsub|numpat", "pubsub|numsub"),
        "need subscribers: L{LISTED}, tseep.test.coordination.test_pubsub",
    ),
    **dict.fromkeys(
        ("pubsub|shardchannels", "pubsub|shardnumsub"),
        "need subscribers: L{LISTED}, tseep.test.coordination.test_pubsub",
    ),
    "client|kill": "closes connections: L{LISTED}, test_clients",
    "client|reply": "leaves commands without replies: test_vectors",
    "client|list": "shows the other clients: test_client_info",
    "client|setinfo": "Redis has it from 7.2 on: test_vectors",
    "client|no-touch": "Redis has it from 7.2 on: test_vectors",
    "client|help": "the words are our own: test_help",
    "command|help": "the words are our own: test_help",
    "config|help": "the words are our own: test_help",
    "latency|help": "the words are our own: test_help",
    "memory|help": "the words are our own: test_help",
    "object|help": "the words are our own: test_help",
    "slowlog|help": "the words are our own: test_help",
    "command|count": "without its subcommand it is COMMAND, in another order: test_command_info",
    "command|docs": "test_command_docs",
    "command|info": "test_command_info",
    "command|list": "test_command_list",
    "command|getkeys": "its arguments are a whole command: L{LISTED}",
    "command|getkeysandflags": "its arguments are a whole command: L{LISTED}",
    "config|get": "the servers are set up differently: L{LISTED}, test_config",
    "config|set": "changes the servers for later examples: test_config",
    "config|resetstat": "L{LISTED}",
    "config|rewrite": "needs a configuration file: L{LISTED}",
    "debug": "no documented arguments: L{LISTED}",
    "info": "test_info",
    "latency|doctor": "the words are our own: test_latency",
    "latency|graph": "the words are our own: test_latency",
    "latency|histogram": "measures: test_latency",
    "memory|doctor": "the words are our own",
    "memory|malloc-stats": "the words are our own",
    "memory|stats": "measures: test_memory",
    "memory|usage": "measures: test_memory",
    "memory|purge": "L{LISTED}",
    **dict.fromkeys(
        ("module|load", "module|loadex", "module|unload"), "are refused: tseep.test.commands.admin.test_modules"
    ),
    "module|help": "the words are our own: test_help",
    **dict.fromkeys(
        ("migrate", "psync", "replconf", "replicaof", "slaveof", "sync"),
        "act on another server, or make redis-server a replica: tseep.test.commands.admin.test_replication",
    ),
    "lolwut": "redis-server draws: tseep.test.commands.admin.test_server",
    "restore-asking": "another name of RESTORE: tseep.test.commands.data.test_dumping",
    "quit": "closes the connection: test_vectors",
    "shutdown": "ends the server: test_clients",
    "time": "test_time",
    **families.merged("BY_HAND"),
}
"""Commands that no random sequence calls, why, and where they are tried instead."""

GROUPS = [
    *("string", "bitmap", "generic", "connection", "server", "transactions", "pubsub", "cluster"),
    *families.GROUPS,
]


def _in_any_order(reply: Reply) -> list[Any]:
    return sorted(repr(part) for part in reply.value)


def _without_id(reply: Reply) -> list[Any]:
    """HELLO's map, flat, but for the client's number."""
    parts = list(reply.value)
    at = next((i for i, part in enumerate(parts) if part.value == b"id"), None)
    if at is not None:
        del parts[at + 1]
    return parts


def _fields_of_client(line: str) -> dict[str, str]:
    """What CLIENT INFO says, but for addresses, numbers and sizes, which are each server's own."""
    fields = dict(re.findall(r"(\S+?)=(\S*)", line))
    fields["flags"] = fields["flags"].replace("U", "") or "N"  # the oracle's clients come through a Unix socket
    return {name: fields.get(name, "none") for name in ("name", "db", "flags", "multi", "sub", "cmd", "user", "resp")}


LOOSE: dict[str, Callable[[Reply], Any]] = {
    "keys": _in_any_order,
    "hello": _without_id,
    "client|info": lambda reply: _fields_of_client(text(reply.plain)),
    "config|get": _in_any_order,
    "object|idletime": lambda reply: int(reply.value) >= 0,  # Redis's small integers share theirs
    "client|id": lambda reply: int(reply.value) > 0,
    **families.merged("LOOSE"),
}
"""What of a command's replies is compared, where that is not all of it. Errors are compared whole."""


BUT_FOR_FLOATS = {"object|encoding": (b"int", b"embstr"), "object|refcount": (2147483647, 1)}
"""Where Redis keeps a text, since INCRBYFLOAT left the number there; to tseep it is a number like any other."""


WHOLE = {
    "hash": [b"HGETALL"],
    "list": [b"LRANGE", b"0", b"-1"],
    "set": [b"SMEMBERS"],
    "zset": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"],
    "stream": [b"XRANGE", b"-", b"+"],
}
"""By type, what tells all of a value: the command, and what follows the key."""


class Pair:
    """A client of each server; what one is asked, the other is asked too."""

    def __init__(self, ours: Tseep, theirs: Redis) -> None:
        self.ours = ours.connect()
        self.theirs = theirs.connect()

    def begin(self, protocol: int, entries: int = 100) -> None:
        """Begin an example: no keys, a fresh connection's state; values are small up to a number of entries."""
        self._floated = False
        self._began = time.monotonic()
        for client in (self.ours, self.theirs):
            assert client("RESET") == "RESET"
            assert client("CLIENT", "NO-EVICT", "OFF") == "OK"  # which RESET leaves on
            assert isinstance(client("HELLO", protocol), (list, dict))
            assert client("FLUSHALL") == "OK"
            limits = ("hash-max-listpack-entries", "set-max-intset-entries", "zset-max-listpack-entries")
            assert client("CONFIG", "SET", *[word for name in limits for word in (name, entries)]) == "OK"
            # or a pause of the machine would show in the slow log
            assert client("CONFIG", "SET", "slowlog-log-slower-than", "-1") == "OK"
            assert client("SLOWLOG", "RESET") == "OK"

    def compare_keys(self) -> None:
        """Look at what the example has made of the keys, in the database that it is in."""
        for key in KEYS:
            for words in ([b"TYPE", key], [b"OBJECT", b"ENCODING", key], [b"PEXPIRETIME", key], self._whole(key)):
                note(f"at the end: {words}")
                self.compare(words)

    def _whole(self, key: bytes) -> list[bytes]:
        """The call that tells all of a value."""
        words = WHOLE.get(self.theirs("TYPE", key), [b"GET"])
        return [words[0], key, *words[1:]]

    def compare(self, words: list[bytes]) -> None:
        """Ask both, and compare the replies."""
        if _waits_for_ever(words):
            return
        ours, theirs = self.ours.ask(*words), self.theirs.ask(*words)
        self._floated = self._floated or words[0].lower() == b"incrbyfloat"
        if ours == theirs:
            return
        name = command_name(words)
        if self._floated and name in BUT_FOR_FLOATS and BUT_FOR_FLOATS[name] == (ours.plain, theirs.plain):
            return
        assert ours.mark == theirs.mark, _difference(words, ours, theirs)
        if ours.mark == "-" or theirs.value is None or ours.value is None:
            assert ours == theirs, _difference(words, ours, theirs)
        if self._is_ordered(name, words):
            assert ours == theirs, _difference(words, ours, theirs)
        elif name in SCANS:
            assert self._walk(self.ours, words, ours) == self._walk(self.theirs, words, theirs)
        elif name == "randomkey":
            assert self.ours("EXISTS", ours.value) == self.theirs("EXISTS", theirs.value) == 1
        elif name in WITHIN:
            near = (int(ours.value) >= 0) == (int(theirs.value) >= 0)
            apart = abs(int(ours.value) - int(theirs.value))
            elapsed = time.monotonic() - self._began
            assert near and apart <= WITHIN[name] * (1 + elapsed), _difference(words, ours, theirs)
        else:
            look = LOOSE.get(name, lambda reply: reply)
            assert look(ours) == look(theirs), _difference(words, ours, theirs)

    def _is_ordered(self, name: str, words: list[bytes]) -> bool:
        """Whether a command replies elements of values that all are small to Redis, which keeps them in order."""
        keys = words[1:2] if name in ORDERED else words[1:] if name in ("sinter", "sunion", "sdiff") else []
        return bool(keys) and all(self.theirs("OBJECT", "ENCODING", key) in (b"listpack", b"intset") for key in keys)

    def _walk(self, client: Client, words: list[bytes], reply: Reply) -> list[tuple[bytes, ...]]:
        """A whole SCAN, as a set; a walk that begins in the middle is anyone's."""
        place, width = SCANS[command_name(words)]
        if words[place] != b"0":
            return []
        found: set[tuple[bytes, ...]] = set()
        while True:
            cursor, elements = reply.plain
            found.update(zip(*[iter(elements)] * width))
            if cursor == b"0":
                return sorted(found)
            reply = client.ask(*words[:place], cursor, *words[place + 1 :])


ORDERED = ("hgetall", "hkeys", "hvals", "smembers", "hscan", "sscan", "zscan")
"""Commands that reply all elements of one value."""

SCANS = {"scan": (1, 1), "hscan": (2, 2), "sscan": (2, 1), "zscan": (2, 2)}
"""Where each has its cursor, and of how many words an element is."""

TIMEOUTS = {
    **dict.fromkeys(("blpop", "brpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax"), -1),
    **dict.fromkeys(("blmpop", "bzmpop"), 1),
}
"""Commands that wait, and where they say how long."""


def _waits_for_ever(words: list[bytes]) -> bool:
    """Whether a call may wait without an end."""
    place = TIMEOUTS.get(command_name(words))
    return place is not None and len(words) > 1 and words[place] in (b"0", b"-0", b"00")


def command_name(words: list[bytes]) -> str:
    """The command that is called, as C{client|id} if it is a subcommand."""
    name = words[0].decode("latin-1").lower()
    containers = ("client", "command", "config", "object", "latency", "memory", "slowlog", "xinfo", "xgroup")
    if name in containers and len(words) > 1:
        return f"{name}|{words[1].decode('latin-1').lower()}"
    return name


def _difference(words: list[bytes], ours: Reply, theirs: Reply) -> str:
    return f"{words}\n    tseep: {ours}\n    redis: {theirs}"


def text(value: Any) -> Any:
    """A plain reply with text in place of bytes, and sets sorted."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {text(key): text(each) for key, each in value.items()}
    return [text(each) for each in value] if isinstance(value, list) else value


def _docs(client: Client) -> dict[str, Any]:
    client("HELLO", 3)
    return text(client("COMMAND", "DOCS"))


@pytest.fixture(scope="module")
def docs(oracle: Redis) -> dict[str, Any]:
    """What redis-server's COMMAND DOCS says of each command."""
    with oracle.connect() as client:
        return _docs(client)


@pytest.fixture(scope="module")
def pair(running: Tseep, oracle: Redis) -> Iterator[Pair]:
    """A client of each."""
    clients = Pair(running, oracle)
    yield clients
    clients.ours.close()
    clients.theirs.close()


@pytest.fixture(scope="module")
def v2_pair(v2: Tseep, oracle: Redis) -> Iterator[Pair]:
    """A client of each, where the mode makes no difference."""
    clients = Pair(v2, oracle)
    yield clients
    clients.ours.close()
    clients.theirs.close()


def _full_names(docs: dict[str, Any], groups: list[str]) -> list[str]:
    """Commands and subcommands of some groups, without containers."""
    names = []
    for name, about in docs.items():
        if about["group"] in groups:
            names += list(about.get("subcommands") or [name])
    return sorted(names)


def _generated(docs: dict[str, Any], groups: list[str]) -> list[str]:
    return [name for name in _full_names(docs, groups) if name not in BY_HAND]


def _try(
    pair: Pair, grammar: Grammar, names: list[str], protocol: int, share: float, begin: Sequence[list[bytes]] = ()
) -> None:
    """Compare sequences of calls: a share of as many examples as the profile says."""
    examples = max(1, int(settings.default.max_examples * share))

    @settings(max_examples=examples)
    @given(grammar.sequences(names, list(begin)))
    def check(calls: list[list[bytes]]) -> None:
        pair.begin(protocol, entries=3)
        for number, words in enumerate(calls):
            note(f"{number}: {words}")
            pair.compare(words)
        pair.compare_keys()

    check()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", [group for group in GROUPS if group not in ("transactions", "pubsub", "scripting")])
def test_sequences_of_a_family(v2_pair: Pair, docs: dict[str, Any], group: str, protocol: int) -> None:
    """Calls of one family's commands, among those that make and show keys, are answered as by redis-server."""
    names = _generated(docs, [group])
    if group in ("string", "bitmap", "generic"):
        names += ["set", "get", "object|encoding"]
    begin = families.begin(group)
    if begin:
        names += ["del", "type", "object|encoding", "copy", "rename"]
    _try(v2_pair, Grammar(docs), names, protocol, 1, begin)


@pytest.mark.parametrize("protocol", [2, 3])
def test_sequences_of_all(pair: Pair, docs: dict[str, Any], protocol: int) -> None:
    """Calls of all families in one sequence are answered as by redis-server, in each mode."""
    _try(pair, Grammar(docs), _generated(docs, GROUPS), protocol, 0.5)


LISTED = """
MULTI
MULTI
WATCH a
SET lt 1
INCR lt
LPUSH lt x
PING
EXEC
EXEC
DISCARD
MULTI
GET
SET lt 2
EXEC
MULTI
NOSUCH
DISCARD
WATCH lt
SET lt 3
MULTI
GET lt
EXEC
WATCH lt
UNWATCH
SET lt 4
MULTI
GET lt
BLPOP none 0
HGETALL none
SMEMBERS none
EXEC
MULTI x
WATCH
MULTI
EXEC
MULTI
SUBSCRIBE
EXEC
DEL lt
PUBLISH nobody x
SPUBLISH nobody x
PUBLISH nobody
PUBSUB CHANNELS
PUBSUB CHANNELS a*
PUBSUB NUMSUB
PUBSUB NUMSUB a b
PUBSUB NUMPAT
PUBSUB SHARDCHANNELS
PUBSUB SHARDCHANNELS a*
PUBSUB SHARDNUMSUB
PUBSUB SHARDNUMSUB a
PUBSUB NONSENSE
UNSUBSCRIBE
UNSUBSCRIBE a
PUNSUBSCRIBE
SUNSUBSCRIBE
SUBSCRIBE
SUBSCRIBE a
SUBSCRIBE a
PSUBSCRIBE a*
SSUBSCRIBE s
CLIENT INFO
PUBSUB CHANNELS
PING
PING x
SET a 1
UNSUBSCRIBE a
PUNSUBSCRIBE a*
GET a
SUNSUBSCRIBE s
GET a
SUBSCRIBE x
RESET
CONFIG SET notify-keyspace-events lKE$
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events AKEmn
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events ?
CONFIG SET notify-keyspace-events KEmn$gx
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events A
CONFIG GET client-output-buffer-limit
AUTH
AUTH x
AUTH default x
AUTH nobody x
AUTH a b c
CLIENT KILL
CLIENT KILL 127.0.0.1:1
CLIENT KILL nonsense
CLIENT KILL ID 999999999
CLIENT KILL ID 0
CLIENT KILL ID -1
CLIENT KILL ID abc
CLIENT KILL ID
CLIENT KILL TYPE pubsub
CLIENT KILL TYPE nosuch
CLIENT KILL TYPE master SKIPME yes
CLIENT KILL USER nobody
CLIENT KILL USER default ID 999999999
CLIENT KILL ADDR 127.0.0.1:1 LADDR 127.0.0.1:2
CLIENT KILL SKIPME maybe
CLIENT KILL ID 999999999 NONSENSE yes
CLIENT UNBLOCK 999999999
CLIENT UNBLOCK abc
CLIENT UNBLOCK 999999999 NONSENSE
CLIENT UNBLOCK 999999999 ERROR
CLIENT REPLY
CLIENT REPLY ON
CLIENT REPLY NONSENSE
CLIENT LIST TYPE nosuch
CLIENT LIST TYPE pubsub
CLIENT LIST ID abc
CLIENT LIST ID 999999999
CLIENT LIST ID
CLIENT LIST NONSENSE
CLIENT LIST TYPE normal ID 1
CLIENT NO-EVICT ON
CLIENT INFO
RESET
CLIENT INFO
COMMAND COUNT x
COMMAND LIST FILTERBY
COMMAND LIST FILTERBY NONSENSE x
COMMAND LIST FILTERBY MODULE nosuch
COMMAND LIST FILTERBY ACLCAT nosuch
COMMAND LIST FILTERBY PATTERN nosuch
COMMAND LIST NONSENSE
COMMAND DOCS nosuch
COMMAND INFO nosuch
COMMAND INFO nosuch get|x config|nosuch
COMMAND GETKEYS
COMMAND GETKEYS GET a
COMMAND GETKEYS GET
COMMAND GETKEYS SET a b EX 10
COMMAND GETKEYS MSET a 1 b 2
COMMAND GETKEYS MSET a 1 b
COMMAND GETKEYS DEL a b c
COMMAND GETKEYS BITOP AND dest a b
COMMAND GETKEYS OBJECT ENCODING a
COMMAND GETKEYS COPY a b
COMMAND GETKEYS RENAME a b
COMMAND GETKEYS PING
COMMAND GETKEYS NOSUCH a
COMMAND GETKEYS CLIENT ID
COMMAND GETKEYSANDFLAGS
COMMAND GETKEYSANDFLAGS SET a b
COMMAND GETKEYSANDFLAGS SET a b GET
COMMAND GETKEYSANDFLAGS GET a
COMMAND GETKEYSANDFLAGS RENAME a b
COMMAND GETKEYSANDFLAGS COPY a b
COMMAND GETKEYSANDFLAGS BITFIELD a GET u8 0
COMMAND GETKEYSANDFLAGS BITFIELD a SET u8 0 1
COMMAND GETKEYSANDFLAGS DEL a b
COMMAND GETKEYSANDFLAGS UNLINK a
COMMAND GETKEYSANDFLAGS GETEX a
COMMAND GETKEYSANDFLAGS BITOP AND dest a b
COMMAND GETKEYSANDFLAGS PING
COMMAND NONSENSE
CONFIG
CONFIG GET
CONFIG GET nosuch
CONFIG GET maxmemory
CONFIG GET MAXMEMORY
CONFIG GET save
CONFIG GET appendonly
CONFIG GET databases
CONFIG GET timeout requirepass
CONFIG GET timeout timeout
CONFIG GET proto-max-bulk-len
CONFIG GET client-query-buffer-limit
CONFIG GET slowlog-log-slower-than slowlog-max-len latency-monitor-threshold
CONFIG SET
CONFIG SET timeout
CONFIG SET nosuch 1
CONFIG SET timeout abc
CONFIG SET timeout -1
CONFIG SET timeout 5000 timeout 6000
CONFIG SET timeout 5000 nosuch 1
CONFIG SET timeout 5000 maxclients abc
CONFIG GET timeout
CONFIG SET databases 20
CONFIG SET slowlog-max-len -1
CONFIG SET proto-max-bulk-len 1
CONFIG SET proto-max-bulk-len nonsense
CONFIG SET maxclients 0
CONFIG SET timeout 7000 slowlog-max-len 100
CONFIG GET timeout
CONFIG SET timeout 0 slowlog-max-len 128
CONFIG RESETSTAT
CONFIG RESETSTAT x
CONFIG REWRITE
CONFIG NONSENSE
DEBUG
DEBUG NONSENSE
DEBUG SLEEP 0
DEBUG SLEEP
INFO a b
INFO nosuch
LATENCY NONSENSE
LATENCY HISTORY
LATENCY LATEST
LATENCY RESET
LATENCY RESET nosuch
LATENCY HISTORY nosuch
LATENCY GRAPH nosuch
LATENCY HISTOGRAM nosuch
MEMORY
MEMORY USAGE
MEMORY USAGE nosuch
MEMORY USAGE nosuch SAMPLES
MEMORY USAGE nosuch SAMPLES abc
MEMORY USAGE nosuch SAMPLES -1
MEMORY USAGE nosuch NONSENSE 1
MEMORY PURGE
MEMORY NONSENSE
OBJECT
OBJECT ENCODING
OBJECT NONSENSE a
SHUTDOWN NONSENSE
SHUTDOWN SAVE NOSAVE
SHUTDOWN ABORT
SHUTDOWN NOW ABORT
SLOWLOG
SLOWLOG GET
SLOWLOG GET 1 2
SLOWLOG LEN x
SLOWLOG NONSENSE
TIME x
NOSUCH
NOSUCH a b c
GET
get
"""
"""Calls that are compared one after the other, each with whole replies."""


def _listed() -> list[list[bytes]]:
    return [line.encode().split() for line in (LISTED + families.listed()).splitlines() if line.strip()]


@pytest.mark.parametrize("protocol", [2, 3])
def test_listed_calls(pair: Pair, protocol: int) -> None:
    """Calls that random sequences leave out are answered as by redis-server; all that are not are shown."""
    pair.begin(protocol)
    different = []
    for words in _listed():
        try:
            pair.compare(words)
        except AssertionError as difference:
            different.append(str(difference))
    assert not different, f"{len(different)} replies differ:\n" + "\n".join(different)


def test_long_unknown_command(v2_pair: Pair) -> None:
    """An unknown command with many or long arguments is shown cut in the same place."""
    v2_pair.begin(2)
    for words in (
        [b"N" * 200],
        [b"nosuch", b"x" * 200],
        [b"nosuch", *[b"y" * 50] * 5],
        [b"a\r\nb", b"c\nd"],
        [b"a\0b", b"c\0d"],
        [b""],
    ):
        v2_pair.compare(words)


def _flat_info(reply: list[Any]) -> Iterator[list[Any]]:
    for entry in reply:
        yield entry
        yield from _flat_info(entry[9])


def _facts(entry: list[Any]) -> dict[str, Any]:
    """One entry of COMMAND INFO, but for subcommands, with what has no order sorted."""
    specs = [{**spec, "flags": sorted(spec["flags"]), "notes": ""} for spec in entry[8]]
    return {
        "arity": entry[1],
        "flags": sorted(entry[2]),
        "keys": entry[3:6],
        "acl": sorted(entry[6]),
        "tips": entry[7],
        "key specs": specs,
    }


def _command_info(client: Client, names: list[str]) -> dict[str, dict[str, Any]]:
    client("HELLO", 3)
    reply = [entry for entry in text(client("COMMAND", "INFO", *names)) if entry is not None]
    return {entry[0]: _facts(entry) for entry in _flat_info(reply)}


DOCUMENTED_BETTER = [
    "command|getkeys",
    "command|getkeysandflags",
    "failover",
    "geosearch",
    "geosearchstore",
    "xinfo|stream",
    "xtrim",
]
"""Commands whose arguments redis-server does not document, or groups in another way than it says elsewhere."""

ONLY_OURS = ["client|no-touch", "client|setinfo"]
"""Commands of Redis 7.2 that tseep has because today's clients send them."""


def _known_names(client: Client) -> list[str]:
    return sorted(text(client("COMMAND", "LIST")))


def test_command_list(v2: Tseep, oracle: Redis) -> None:
    """COMMAND LIST has every command and subcommand of redis-server, those of Redis 7.2 that are listed, no others."""
    with v2.connect() as client, oracle.connect() as theirs:
        assert set(_known_names(client)) == set(_known_names(theirs)) | set(ONLY_OURS)


def test_every_command_is_tried(v2: Tseep, docs: dict[str, Any]) -> None:
    """No command or subcommand of tseep is left out of the random sequences without a reason."""
    with v2.connect() as client:
        ours = [name for name in _command_info(client, _known_names(client)) if "|" in name or name not in docs]
    tried = set(_full_names(docs, GROUPS)) | set(BY_HAND)
    assert not set(ours) - tried


def test_command_info(v2: Tseep, oracle: Redis) -> None:
    """COMMAND INFO of every command and subcommand gives the same facts as redis-server's."""
    with v2.connect() as client, oracle.connect() as theirs:
        names = _known_names(client)
        ours, expected = _command_info(client, names), _command_info(theirs, names)
    different = {name: (ours[name], expected.get(name)) for name in ours if ours[name] != expected.get(name)}
    lines = [f"{name}\n    tseep: {a}\n    redis: {b}" for name, (a, b) in different.items() if name not in ONLY_OURS]
    assert not lines, f"{len(lines)} differ:\n" + "\n".join(lines)


def _documented_arguments(arguments: list[dict[str, Any]]) -> list[Any]:
    """What of an argument's documentation is a fact; the name of a group of arguments is only a word for it."""
    whole = [_with_its_group(each) for each in arguments]
    return [
        (
            None if each["type"] in ("oneof", "block") else each["name"],
            each["type"],
            each.get("token"),
            sorted(each.get("flags", [])),
            _documented_arguments(each.get("arguments", [])),
        )
        for each in whole
    ]


def _with_its_group(argument: dict[str, Any]) -> dict[str, Any]:
    """An argument in the place of a group that holds nothing else."""
    if argument["type"] != "block" or len(argument["arguments"]) != 1:
        return argument
    (only,) = argument["arguments"]
    return {"token": argument.get("token"), **only, "flags": [*argument.get("flags", []), *only.get("flags", [])]}


def _documented(docs: dict[str, Any]) -> dict[str, Any]:
    facts = {}
    for name, about in docs.items():
        for full, each in {name: about, **about.get("subcommands", {})}.items():
            facts[full] = {
                "since": each["since"],
                "group": each["group"],
                "arguments": _documented_arguments(each.get("arguments", [])),
            }
    return facts


def test_command_docs(v2: Tseep, docs: dict[str, Any]) -> None:
    """COMMAND DOCS gives the same facts of every command and its arguments, and a summary in words."""
    with v2.connect() as client:
        ours = _docs(client)
    assert all(about["summary"] for about in ours.values())
    mine, theirs = _documented(ours), _documented(docs)
    lines = [
        f"{name}\n    tseep: {mine[name]}\n    redis: {theirs.get(name)}"
        for name in mine
        if name not in ONLY_OURS + DOCUMENTED_BETTER and mine[name] != theirs.get(name)
    ]
    assert not lines, f"{len(lines)} differ:\n" + "\n".join(lines)


def test_help(v2_pair: Pair) -> None:
    """HELP of every container names every subcommand that it has, in lines as redis-server's."""
    v2_pair.begin(2)
    info = _command_info(v2_pair.ours, _known_names(v2_pair.ours))
    v2_pair.begin(2)
    containers = {name.partition("|")[0] for name in info if "|" in name} - {"cluster"}  # which is an error
    assert containers >= {"client", "config", "command", "object"}
    for container in containers:
        ours, theirs = v2_pair.ours.ask(container, "HELP"), v2_pair.theirs.ask(container, "HELP")
        assert ours.value[0] == theirs.value[0]
        assert {line.mark for line in ours.value} == {line.mark for line in theirs.value}
        words = {line.value.split()[0].lower() for line in ours.value[1:] if not line.value.startswith(" ")}
        assert words >= {name.partition("|")[2] for name in info if name.startswith(container + "|")}


OUR_FIELDS = {
    "python_implementation", "python_version", "tseep_futex_slots", "tseep_loop_lag_usec", "tseep_mode",
    "tseep_version",
}  # fmt: skip
"""What INFO says beyond Redis."""


def _sections(client: Client, *sections: str) -> dict[str, dict[str, str]]:
    """What INFO says, by section."""
    found: dict[str, dict[str, str]] = {}
    for line in text(client("INFO", *sections)).split("\r\n"):
        if line.startswith("# "):
            fields = found[line[2:]] = {}
        elif line:
            name, _, value = line.partition(":")
            fields[name] = value
    return found


SECTIONS = (
    "server clients memory persistence stats replication cpu commandstats errorstats keyspace everything all default"
)


@pytest.mark.parametrize("section", SECTIONS.split())
def test_info(v2_pair: Pair, section: str) -> None:
    """INFO gives sections and fields of the names that redis-server gives, each field's value of the same form."""
    v2_pair.begin(2)
    for client in (v2_pair.ours, v2_pair.theirs):
        client("SET", "a", "1")
        client("GET", "a")
        client("GET")
    ours, theirs = _sections(v2_pair.ours, section), _sections(v2_pair.theirs, section)
    assert set(ours) <= set(theirs)
    assert ours, f"INFO {section} is empty"
    for name, fields in ours.items():
        shown = set(fields) - OUR_FIELDS
        if name not in ("Commandstats", "Errorstats", "Latencystats"):
            assert shown <= set(theirs[name])
        for field in shown & set(theirs[name]):
            numeric = re.fullmatch(r"-?\d+", theirs[name][field]) is not None
            assert not numeric or re.fullmatch(r"-?\d+", fields[field]), f"{field}: {fields[field]!r}"


def test_info_keyspace(v2_pair: Pair) -> None:
    """INFO keyspace counts keys and those with a time to expire alike."""
    v2_pair.begin(2)
    for client in (v2_pair.ours, v2_pair.theirs):
        client("MSET", "a", "1", "b", "2")
        client("EXPIRE", "a", "1000")
        client("SELECT", "3")
        client("SET", "c", "3")
        client("SELECT", "0")
    shown = [_sections(client, "keyspace")["Keyspace"] for client in (v2_pair.ours, v2_pair.theirs)]
    ours, theirs = ({name: re.sub(r"avg_ttl=\d+", "", each) for name, each in fields.items()} for fields in shown)
    assert ours == theirs


def test_info_counts(v2_pair: Pair) -> None:
    """INFO commandstats and errorstats count calls, refusals, failures and error codes alike."""
    v2_pair.begin(2)
    counted = []
    for client in (v2_pair.ours, v2_pair.theirs):
        client("CONFIG", "RESETSTAT")
        for words in ("SET a x", "GET a", "GET nosuch", "GET", "INCR a", "INCR a", "NOSUCH", "CONFIG GET nosuch",
                      "CONFIG NOSUCH", "HELLO 9"):  # fmt: skip
            client(*words.split())
        stats = _sections(client, "everything")
        kept = ("keyspace_hits", "keyspace_misses", "expired_keys", "total_error_replies")
        counted.append(
            {
                "commands": {n: re.sub(r"usec(_per_call)?=[\d.]+,", "", v) for n, v in stats["Commandstats"].items()},
                "errors": stats["Errorstats"],
                "stats": {name: stats["Stats"][name] for name in kept},
            }
        )
    assert counted[0] == counted[1]


def test_client_info(v2_pair: Pair) -> None:
    """CLIENT INFO and CLIENT LIST show the fields of redis-server in the same order, and the same of what can be."""
    v2_pair.begin(2)
    shown = []
    for client in (v2_pair.ours, v2_pair.theirs):
        client("CLIENT", "SETNAME", "me")
        client("SELECT", "5")
        number = client("CLIENT", "ID")
        for words in (["INFO"], ["LIST", "ID", number]):
            line = text(client("CLIENT", *words))
            assert line.endswith("\n") and line.count("\n") == 1
            fields = re.findall(r"(\S+?)=(\S*)", line)
            shown.append(([name for name, _ in fields if not name.startswith("lib-")], _fields_of_client(line)))
    assert shown[:2] == shown[2:]


def test_time(v2_pair: Pair) -> None:
    """TIME is the time, in two strings as redis-server's."""
    v2_pair.begin(2)
    began = time.time()
    ours, theirs = v2_pair.ours.ask("TIME"), v2_pair.theirs.ask("TIME")
    assert [part.mark for part in ours.value] == [part.mark for part in theirs.value]
    assert all(began - 1 <= int(reply.plain[0]) <= time.time() + 1 for reply in (ours, theirs))
    assert 0 <= int(ours.plain[1]) < 1_000_000


@pytest.mark.parametrize("protocol", [2, 3])
def test_latency(v2_pair: Pair, protocol: int) -> None:
    """The latency commands have replies of the same shape, for what was slow and for what ran."""
    v2_pair.begin(protocol)
    shapes = []
    for client in (v2_pair.ours, v2_pair.theirs):
        client("CONFIG", "SET", "latency-monitor-threshold", "1")
        client("LATENCY", "RESET")
        client("CONFIG", "RESETSTAT")
        client("SET", "a", "1")
        client("DEBUG", "SLEEP", "0.02")
        calls = [
            "LATENCY LATEST",
            "LATENCY HISTORY command",
            "LATENCY HISTOGRAM set",
            "LATENCY DOCTOR",
            "LATENCY GRAPH command",
        ]
        shapes.append([(words, _shape(client.ask(*words.split()))) for words in calls])
        client("CONFIG", "SET", "latency-monitor-threshold", "0")
    assert shapes[0] == shapes[1]


def _shape(reply: Reply) -> Any:
    """The types that a reply is made of, and the names in its maps; of numbers in a map not how many there are."""
    if not isinstance(reply.value, list):
        return reply.mark
    if reply.mark == "%":
        return {key.value if key.mark == "$" else "number": _shape(value)
                for key, value in zip(reply.value[::2], reply.value[1::2])}  # fmt: skip
    shapes = [_shape(part) for part in reply.value]
    return (reply.mark, sorted({repr(shape) for shape in shapes}))


@pytest.mark.parametrize("protocol", [2, 3])
def test_memory(v2_pair: Pair, protocol: int) -> None:
    """MEMORY USAGE and STATS have replies of the same type."""
    v2_pair.begin(protocol)
    for client in (v2_pair.ours, v2_pair.theirs):
        client("SET", "a", "x" * 1000)
    ours, theirs = (client.ask("MEMORY", "USAGE", "a") for client in (v2_pair.ours, v2_pair.theirs))
    assert ours.mark == theirs.mark and int(ours.value) > 1000
    ours, theirs = (client.ask("MEMORY", "STATS") for client in (v2_pair.ours, v2_pair.theirs))
    assert ours.mark == theirs.mark


@pytest.mark.parametrize("protocol", [2, 3])
def test_slowlog(v2_pair: Pair, protocol: int) -> None:
    """The slow log keeps what took too long, cut in the same way, and the same about who sent it."""
    v2_pair.begin(protocol)
    kept = []
    for client in (v2_pair.ours, v2_pair.theirs):
        client("CONFIG", "SET", "slowlog-log-slower-than", "0")
        client("SLOWLOG", "RESET")
        client("CLIENT", "SETNAME", "me")
        client("ECHO", "x" * 200)
        client("DEL", *[f"key{number}" for number in range(40)])
        client("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        entries = client("SLOWLOG", "GET", "-1")
        kept.append([(entry[3], entry[5], len(entry)) for entry in entries])
        assert client("SLOWLOG", "LEN") == len(entries)
        assert [entry[0] for entry in entries] == sorted((entry[0] for entry in entries), reverse=True)
    assert kept[0] == kept[1]


def test_config(v2_pair: Pair) -> None:
    """CONFIG GET * offers the names that redis-server has, with values that CONFIG SET takes back."""
    v2_pair.begin(2)
    ours = text(v2_pair.ours("CONFIG", "GET", "*"))
    theirs = text(v2_pair.theirs("CONFIG", "GET", "*"))
    ours, theirs = (dict(zip(flat[::2], flat[1::2])) for flat in (ours, theirs))
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        answers = [client("CONFIG", "SET", name, value) for client in (v2_pair.ours, v2_pair.theirs)]
        assert answers[0] == "OK" or answers[0] == answers[1] or "immutable" in answers[0], (name, answers)
