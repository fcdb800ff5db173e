"""ACL users and permissions: each conversation gets the same replies as from redis-server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.client import Client
from ..support.servers import Redis, Tseep, until


@pytest.fixture(scope="module", params=["v1", "v2", "v3"])
def ours(request: pytest.FixtureRequest) -> Iterator[Tseep]:
    """A tseep in each mode."""
    with Tseep(request.param) as server:
        yield server


@pytest.fixture(scope="module")
def theirs() -> Iterator[Redis]:
    """A redis-server for this module, whose users the tests change."""
    with Redis() as server:
        yield server


CONVERSATIONS = {
    "rules": """
        ACL SETUSER a
        ACL SETUSER b on >p ~x* %R~y* %RW~z &ch* +@read -get +config|get +select|0 (~k +set) ( %W~q +@write)
        ACL GETUSER b
        ACL SETUSER b +config
        ACL SETUSER c reset nopass ~* &* +@all -@dangerous -get|x +acl|whoami
        ACL SETUSER d allkeys allchannels allcommands -set +@write -@write +set sanitize-payload
        ACL SETUSER e ALLKEYS +GET -Get +GET on
        ACL SETUSER f #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 on skip-sanitize-payload
        ACL SETUSER f !5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 >x >y <x
        ACL SETUSER g %W~a %R~a %R~b %W~c ~d resetchannels &a &a &b
        ACL SETUSER h (~a +get) (~b +set) clearselectors (+@all)
        ACL SETUSER i +debug|object -debug +config|get -config|get +client +client|list -client
        ACL SETUSER i nocommands +@string -@string +@string
        ACL SETUSER j skip-sanitize-payload on reset
        ACL LIST
        ACL USERS
        ACL GETUSER a
        ACL GETUSER c
        ACL GETUSER h
        ACL GETUSER nosuch
        ACL GETUSER default
        ACL DELUSER a nosuch b
        ACL DELUSER default
        ACL USERS
        ACL WHOAMI
    """,
    "errors": """
        ACL SETUSER x +nosuch
        ACL SETUSER x -nosuch
        ACL SETUSER x foo
        ACL SETUSER x %X~a
        ACL SETUSER x %~a
        ACL SETUSER x %Ra
        ACL SETUSER x <nopw
        ACL SETUSER x #abc
        ACL SETUSER x +config|nosuch
        ACL SETUSER x +config|get|x
        ACL SETUSER x -select|0
        ACL SETUSER x +select|
        ACL SETUSER x +@nosuch
        ACL SETUSER x (foo
        ACL SETUSER x foo)
        ACL SETUSER x (+nosuch)
        ACL SETUSER x ( ~a +nosuch )
        ACL SETUSER x ~* ~a
        ACL SETUSER x allchannels &a
        ACL USERS
        ACL CAT nosuch
        ACL GENPASS 0
        ACL GENPASS 5000
        ACL GENPASS x
        ACL NOSUCH
        ACL SETUSER
        ACL LOG x
        ACL LOAD
        ACL SAVE
        AUTH a b c
        AUTH nosuch x
        AUTH x
        HELLO 2 AUTH nosuch x
    """,
    "dryrun": """
        ACL SETUSER u on nopass +get +set +mget +xadd +copy +publish +subscribe +eval +sort ~a* %R~r* %W~w* &c*
        ACL DRYRUN u GET a1
        ACL DRYRUN u GET r1
        ACL DRYRUN u GET w1
        ACL DRYRUN u SET r1 x
        ACL DRYRUN u SET w1 x
        ACL DRYRUN u SET w1 x GET
        ACL DRYRUN u MGET a r b
        ACL DRYRUN u COPY r w
        ACL DRYRUN u COPY w r
        ACL DRYRUN u DEL a
        ACL DRYRUN u PUBLISH c x
        ACL DRYRUN u PUBLISH d x
        ACL DRYRUN u EVAL x 2 a b
        ACL DRYRUN u NOSUCH
        ACL DRYRUN u GET
        ACL DRYRUN nosuch GET a
        ACL SETUSER u (~b* +get) (~q* +@all)
        ACL DRYRUN u GET b1
        ACL DRYRUN u GET q1
        ACL DRYRUN u GET z1
        ACL DRYRUN u SET b1 x
        ACL DRYRUN u DEL q
    """,
    "sort": """
        ACL SETUSER u on nopass +@all ~l* %R~r* %W~w*
        ACL SETUSER v on nopass %R~l* (%R~* +get +sort)
        ACL SETUSER x on nopass %R~* %W~w* +@all
        RPUSH l a b
        RPUSH r a b
        SET a secret
        ACL DRYRUN u SORT r STORE w STORE forbidden
        ACL DRYRUN u SORT r STORE forbidden STORE w
        ACL DRYRUN u GEORADIUS r 0 0 1 m STOREDIST forbidden STORE w
        ACL DRYRUN u GEORADIUS r 0 0 1 m STORE forbidden STOREDIST w
        AUTH u p
        SORT l BY nosort GET *
        SORT l BY nosort GET *->f
        SORT l BY w_*
        SORT l BY nosort
        SORT l GET #
        SORT l GET foo
        SORT l BY w_* BY nosort
        SORT l GET * FOO
        SORT l FOO GET *
        SORT_RO l GET *
        SORT_RO l BY w_*
        SORT l GET * STORE lx
        SORT r BY nosort STORE w STORE forbidden
        EVAL return(redis.call('SORT','l','GET','*')) 0
        EVAL return(redis.pcall('SORT','l','BY','w_*').err) 0
        EVAL return(redis.call('SORT','l','BY','nosort','STORE','zz')) 0
        MULTI
        SORT l GET *
        SORT l BY nosort
        EXEC
        AUTH v p
        SORT l BY w_* ALPHA
        SORT l BY nosort GET *
        AUTH x p
        SORT l BY nosort GET *
        SORT l BY nosort GET * STORE w
    """,
    "empty patterns": """
        ACL SETUSER a resetkeys ~
        ACL SETUSER a resetkeys %R~ %RW~x %rw~y %WR~z
        ACL SETUSER a resetchannels & &a
        ACL SETUSER a (~)
        ACL SETUSER a %RR~a
        ACL SETUSER a %WRW~a
        ACL SETUSER a !abc
        ACL SETUSER a ~a\\
        ACL GETUSER a
        ACL LIST
    """,
    "all names": """
        ACL SETUSER a +cluster -module -replicaof -slaveof -sync -psync -replconf -migrate -failover +lolwut +asking
        ACL SETUSER b +readonly -readwrite -restore-asking +cluster|info -module|load -cluster|nosuch
        ACL SETUSER b +readonly -readwrite -restore-asking +cluster|info -module|load
        ACL LIST
        ACL DRYRUN a CLUSTER INFO
        ACL DRYRUN b CLUSTER INFO
        ACL DRYRUN b CLUSTER NODES
        ACL CAT keyspace x
        ACL GENPASS 8 8
        ACL LOG 1 2
        ACL CAT nosuch
    """,
    "rules without effect": """
        ACL SETUSER a +client|id +@all
        ACL SETUSER b +@all +client|id +@read
        ACL SETUSER c +get -get -config|set
        ACL SETUSER d -client +client|id +cluster -module
        ACL SETUSER e +@all -client|id +client|id -config
        ACL SETUSER f +@read +get -get +get
        ACL SETUSER g +select|0 +select|0 +select
        ACL SETUSER h +select|1 -select
        ACL SETUSER i %RW %R ~ & (%W +get -set)
        ACL SETUSER i %
        ACL LIST
        ACL GETUSER b
        ACL GETUSER i
    """,
    "as a user": """
        ACL SETUSER u on >p +get +set +multi +exec +eval +select|1 +publish +subscribe +ping ~a* &c*
        SET b 1
        AUTH u p
        PING
        GET a
        GET b
        SET a 1
        KEYS *
        CONFIG GET x
        ACL WHOAMI
        SELECT 1
        SELECT 2
        PUBLISH c x
        PUBLISH d x
        MULTI
        SET a 5
        GET b
        EXEC
        MULTI
        SET a 6
        EXEC
        EVAL return(redis.call('get','a')) 0
        EVAL return(redis.call('get','b')) 0
        EVAL return(redis.call('keys','*')) 0
        EVAL return(redis.call('publish','d','x')) 0
        NOSUCH
        AUTH default x
        GET b
        RESET
    """,
}


def _play(client: Client, lines: str) -> list[Any]:
    return [(line, _in_order(client(*line.split()))) for line in map(str.strip, lines.strip().splitlines())]


def _in_order(reply: Any) -> Any:
    """A reply with the words of its texts sorted, since redis-server lists command rules in no fixed order."""
    if isinstance(reply, list):
        return [_in_order(part) for part in reply]
    return sorted(reply.split(b" ")) if isinstance(reply, bytes) else reply


def _clean(server: Any) -> Client:
    client = server.connect()
    for name in client("ACL", "USERS"):
        if name != b"default":
            client("ACL", "DELUSER", name)
    client("ACL", "LOG", "RESET")
    client("FLUSHALL")
    return client


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(ours: Tseep, theirs: Redis, name: str) -> None:
    """Every reply equals redis-server's."""
    with _clean(ours) as one, _clean(theirs) as other:
        assert _play(one, CONVERSATIONS[name]) == _play(other, CONVERSATIONS[name])


def test_empty_names(ours: Tseep, theirs: Redis) -> None:
    """Keys, channels and users can have empty names; a star in a rule matches one character or more."""
    replies = []
    for server in (ours, theirs):
        with _clean(server) as admin:
            said = [admin("ACL", "SETUSER", "", "on", "nopass", "+get", ""), admin("ACL", "LIST")]
            for pattern in ("%W~*", "~**", "~", "~?", "~?*", "~*a"):
                said.append(
                    admin("ACL", "SETUSER", "e", "resetkeys", "resetchannels", "+@all", pattern, "&" + pattern[-1])
                )
                said += [admin("ACL", "DRYRUN", "e", "SET", "", "v"), admin("ACL", "DRYRUN", "e", "SET", "x", "v")]
                if pattern[-1] != "*":
                    said.append(admin("ACL", "DRYRUN", "e", "PUBLISH", "", "v"))
            with server.connect() as listener, server.connect() as other:
                said.append(listener("PSUBSCRIBE", "*"))
                said += [other("PUBLISH", "", "x"), other("PUBLISH", "a", "x"), listener.reply().plain]
                said += [other("SET", "", "x"), other("KEYS", "*"), other("KEYS", "**")]
            admin("ACL", "DELUSER", "")
            replies.append(said)
    assert replies[0] == replies[1]


def _log(client: Client) -> list[Any]:
    entries = [dict(zip(entry[::2], entry[1::2])) for entry in client("ACL", "LOG")]
    names = (b"count", b"reason", b"context", b"object", b"username")
    commands = [re.search(rb" cmd=\S+", entry[b"client-info"])[0] for entry in entries]  # type: ignore[index]
    return [[entry[key] for key in names] + [command] for entry, command in zip(entries, commands)]


def test_log(ours: Tseep, theirs: Redis) -> None:
    """ACL LOG records denials with their users, and counts repeated ones in one entry."""
    logs = []
    for server in (ours, theirs):
        with _clean(server) as admin, server.connect() as client:
            admin("ACL", "SETUSER", "u", "on", "nopass", "+get", "+multi", "+exec", "+publish", "+eval", "~a")
            client("AUTH", "nosuch", "x"), client("AUTH", "u", "x")
            for words in ("GET b", "GET b", "GET c", "SET a 1", "PUBLISH c x", "MULTI", "GET b", "EXEC"):
                client(*words.split())
            client("EVAL", "return redis.pcall('get', 'b')", 0)
            logs.append(_log(admin))
            assert len(admin("ACL", "LOG", 2)) == 2
            assert b"user=u" in dict(zip(*[iter(admin("ACL", "LOG", 1)[0])] * 2))[b"client-info"]
    assert logs[0] == logs[1]


def test_categories(ours: Tseep, theirs: Redis) -> None:
    """Every category contains the same commands as redis-server's."""
    with ours.connect() as one, theirs.connect() as other:
        categories = one("ACL", "CAT")
        assert categories == other("ACL", "CAT")
        added = {b"client|no-touch", b"client|setinfo"}
        for category in categories:
            found = set(one("ACL", "CAT", category)) - added
            assert found == set(other("ACL", "CAT", category)), category


def test_live_sessions(ours: Tseep) -> None:
    """Changes of a user apply to its sessions at once; deletion or lost channel permissions close them."""
    with _clean(ours) as admin, ours.connect() as client, ours.connect() as hearing:
        admin("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*", "&*")
        for one in (client, hearing):
            assert one("AUTH", "u", "x") == "OK"
        hearing("SUBSCRIBE", "c")
        assert client("SET", "a", 1) == "OK"
        assert b"user=u" in admin("CLIENT", "LIST")
        admin("ACL", "SETUSER", "u", "-set", "resetchannels", "&d")
        assert client("SET", "a", 1) == "NOPERM this user has no permissions to run the 'set' command"
        assert client("GET", "a") == b"1"
        with pytest.raises((EOFError, OSError)):
            hearing.reply()
        client("MULTI"), client("GET", "a")
        admin("ACL", "SETUSER", "u", "-get")
        assert "ACLs rules changed" in client("EXEC")[0]
        assert admin("ACL", "DELUSER", "u") == 1
        with pytest.raises((EOFError, OSError)):
            client("PING")
        admin("ACL", "SETUSER", "v", "on", "nopass", "+@all", "~*")
        with ours.connect() as other:
            other("AUTH", "v", "x")
            assert admin("CLIENT", "KILL", "USER", "v") == 1
            until(lambda: b"user=v" not in admin("CLIENT", "LIST"), "the client is disconnected")
        assert "No such user" in admin("CLIENT", "KILL", "USER", "nosuch")


def test_file(tmp_path: Path) -> None:
    """The ACL file is loaded at the start and by ACL LOAD, completely or not at all, and saved by ACL SAVE."""
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\n\nuser u on >p +get ~a ( +set ~b )\n")
    shown = []
    for start in (lambda: Tseep("v2", "--aclfile", str(path)), lambda: Redis("--aclfile", str(path))):
        with start() as server, server.connect() as admin, server.connect() as client:
            lines = [admin("ACL", "LIST"), client("AUTH", "u", "p"), client("GET", "a"), client("GET", "b")]
            lines += [admin("ACL", "SETUSER", "v", "on", "nopass", "+ping"), admin("ACL", "SAVE"), path.read_text()]
            path.write_text("user default on nopass ~* &* +@all\nuser w +nosuch\n")
            lines.append("WARNING: ACL errors detected, no change" in admin("ACL", "LOAD"))
            lines += [admin("ACL", "USERS"), client("GET", "a")]
            path.write_text("user default on nopass ~* &* +@all\nuser w on nopass +@all\n")
            lines += [admin("ACL", "LOAD"), admin("ACL", "LIST")]
            with pytest.raises((EOFError, OSError)):
                client("GET", "a")
            shown.append(lines)
        path.write_text("user default on nopass ~* &* +@all\n\nuser u on >p +get ~a ( +set ~b )\n")
    assert shown[0] == shown[1]
    path.write_text("user u +nosuch\nnonsense\n")
    with pytest.raises(AssertionError, match=r"cannot load the users: .*acl:1: Error .* '.nosuch': Unknown.*acl:2: "):
        Tseep("v2", "--aclfile", str(path))


def test_default_user(theirs: Redis) -> None:
    """requirepass sets the default user's password; the default user can be disabled in favour of others."""
    shown = []
    with Tseep("v2") as fresh:
        for server in (fresh, theirs):
            with _clean(server) as admin:
                lines = [admin("CONFIG", "SET", "requirepass", "foo"), admin("ACL", "LIST")]
                with server.connect() as client:
                    lines += [client("PING"), client("AUTH", "bar"), client("AUTH", "foo"), client("PING")]
                lines += [admin("ACL", "SETUSER", "w", "on", ">w", "+ping"), admin("ACL", "SETUSER", "default", "off")]
                with server.connect() as client:
                    lines += [client("AUTH", "foo"), client("PING"), client("AUTH", "w", "w"), client("PING")]
                    lines += [client("HELLO", 2, "AUTH", "w", "x"), client("GET", "a"), client("RESET"), client("PING")]
                lines += [admin("ACL", "SETUSER", "default", "on", "nopass"), admin("ACL", "DELUSER", "w")]
                lines += [admin("CONFIG", "SET", "requirepass", ""), admin("ACL", "LIST")]
                shown.append(lines)
    assert shown[0] == shown[1]
