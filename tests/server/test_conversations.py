"""
Conversations of several clients: each receives the same replies and messages as from redis-server.

A line of a conversation is a client's name and its command. After the reply every client sends PING, and all that it
receives up to the reply is compared. The client of the command comes first: a monitor reads the other client's command
instead of a reply, and the next client would send while v1's threads still process that command.
"""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from ..support.client import Client, Reply, encode
from ..support.servers import Redis, Tseep

_MARK = b"--"

CONVERSATIONS = {
    "a key that was read is invalidated once": """
        a HELLO 3
        a CLIENT TRACKING ON
        a GET k
        a MGET k x y
        b SET k 1
        b SET k 2
        b MSET x 1 y 2
        a CLIENT TRACKINGINFO
        a GET k
        a SET k 3
        a GET k
        b DEL k
        a GET none
        b SET none 1
        a CLIENT TRACKING OFF
        a GET k
        b SET k 1
    """,
    "flushes invalidate everything": """
        a HELLO 3
        a CLIENT TRACKING ON
        a GET k
        b FLUSHALL
        b FLUSHALL
        a FLUSHDB
        b SET k 1
    """,
    "reads in a transaction": """
        a HELLO 3
        a CLIENT TRACKING ON
        a MULTI
        a GET k
        a SET k 1
        a EXEC
        b SET k 2
        a GET k
        b MULTI
        b SET k 1
        b SET k 2
        b EXEC
    """,
    "NOLOOP": """
        a HELLO 3
        a CLIENT TRACKING ON NOLOOP
        a GET k
        a SET k 1
        a GET k
        b SET k 2
        a FLUSHALL
    """,
    "OPTIN": """
        a HELLO 3
        a CLIENT CACHING YES
        a CLIENT TRACKING ON OPTIN
        a GET k
        b SET k 1
        a CLIENT CACHING YES
        a CLIENT TRACKINGINFO
        a GET k
        a GET x
        b MSET k 1 x 1
        a CLIENT CACHING NO
        a CLIENT CACHING YES
        a MULTI
        a GET k
        a GET x
        a EXEC
        b MSET k 1 x 1
    """,
    "OPTOUT": """
        a HELLO 3
        a CLIENT TRACKING ON OPTOUT
        a CLIENT CACHING YES
        a CLIENT CACHING NO
        a GET k
        a GET x
        b MSET k 1 x 1
        a CLIENT TRACKING ON OPTIN
        a CLIENT CACHING MAYBE
    """,
    "BCAST with prefixes": """
        a HELLO 3
        a CLIENT TRACKING ON BCAST PREFIX k PREFIX l
        a CLIENT TRACKINGINFO
        a CLIENT TRACKING ON BCAST PREFIX kk
        a CLIENT TRACKING ON BCAST PREFIX m
        a CLIENT TRACKINGINFO
        b MSET k 1 kk 2 z 3 m 4 l 5
        a SET k 1
        b LPUSH list 1
        b LPOP list
        b FLUSHALL
        a CLIENT TRACKING ON
        a RESET
        b SET k 1
    """,
    "BCAST": """
        a HELLO 3
        a CLIENT TRACKING ON BCAST
        b MSET k 1 x 1
        b PEXPIRE k 0
        b RENAME x y
        a CLIENT TRACKING ON BCAST NOLOOP
        a SET k 1
        b SET k 1
    """,
    "redirection to another client": """
        b SUBSCRIBE __redis__:invalidate
        a CLIENT TRACKING ON REDIRECT 999999
        a CLIENT GETREDIR
        a CLIENT TRACKING ON
        a CLIENT GETREDIR
        a GET k
        c SET k 1
    """,
    "invalid options": """
        a CLIENT TRACKING
        a CLIENT TRACKING MAYBE
        a CLIENT TRACKING ON OPTIN OPTOUT
        a CLIENT TRACKING ON PREFIX a
        a CLIENT TRACKING ON PREFIX
        a CLIENT TRACKING ON BCAST PREFIX a PREFIX ab
        a CLIENT TRACKING ON BCAST OPTIN
        a CLIENT TRACKING ON REDIRECT x
        a CLIENT TRACKING ON REDIRECT
        a CLIENT TRACKING ON NONSENSE
        a CLIENT TRACKING OFF BCAST OPTIN
        a CLIENT TRACKINGINFO
        a CLIENT PAUSE
        a CLIENT PAUSE x
        a CLIENT PAUSE -1
        a CLIENT PAUSE 1 SOMETIMES
        a CLIENT PAUSE 1 ALL x
        a CLIENT UNPAUSE
        a CLIENT UNPAUSE x
    """,
    "CLIENT PAUSE WRITE allows reads": """
        a CLIENT PAUSE 100000 WRITE
        a GET k
        b MULTI
        b GET k
        b EXEC
        a CLIENT UNPAUSE
        b SET k 1
    """,
    "MONITOR shows all commands": """
        m MONITOR
        a SET k 1
        b GET k"\\x01\\xff
        a MULTI
        a SELECT 3
        a INCR n
        a EXEC
        a GET n
        a NONSENSE
        a GET
        a AUTH secret
        a HELLO 3 AUTH default secret
        a CONFIG GET save
        a SUBSCRIBE news
        b PUBLISH news 1
        m GET k
        m CLIENT TRACKINGINFO
        m RESET
        m GET k
        m MULTI
        m MONITOR
        m EXEC
    """,
}


def _shown(reply: Reply) -> str:
    """A reply without MONITOR's times and addresses, and without the client ID in HELLO's."""
    shown = re.sub(r"\d+\.\d{6} \[(\d+) \S+\]", r"TIME [\1 PEER]", repr(reply))
    return re.sub(r"(b'id'\), Reply\(mark=':', value=)'\d+'", r"\1ID", shown)


def _catch_up(client: Client) -> list[str]:
    """All that a client has received up to now."""
    client.send(encode("PING", _MARK))
    came: list[str] = []
    while True:
        reply = client.reply()
        if reply.plain in (_MARK, [b"pong", _MARK]):
            return came
        came.append(_shown(reply))


def _hold(server: Tseep | Redis, conversation: str) -> list[str]:
    """Run a conversation; return what the clients received."""
    record = []
    server.flush()
    with ExitStack() as stack:
        clients = {name: stack.enter_context(server.connect()) for name in "abcm"}
        queueing: set[str] = set()  # clients in a MULTI, where PING would be queued
        for line in filter(None, map(str.strip, conversation.splitlines())):
            name, *words = line.split()
            clients[name].send(encode(*map(_unescaped, words)))
            if words[0] == "MULTI":
                queueing.add(name)
            elif words[0] == "EXEC":
                queueing.discard(name)
            reply = _shown(clients[name].reply())
            others = [other for other in (name, *sorted(clients.keys() - name)) if other not in queueing]
            came = {other: _catch_up(clients[other]) for other in others}
            record.append(f"{line}: {reply}, {came}")
    return record


def _unescaped(word: str) -> bytes:
    return word.encode().decode("unicode_escape").encode("latin-1")


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(running: Tseep, oracle: Redis, name: str) -> None:
    """Each client receives the same as from redis-server, in the same order."""
    for ours, theirs in zip(_hold(running, CONVERSATIONS[name]), _hold(oracle, CONVERSATIONS[name])):
        assert ours == theirs
