"""
Replication: the commands of a master without replicas, and those that would need replicas or another server.

Source: https://redis.io/docs/latest/commands/replicaof/, redis/src/replication.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.algorithms.numeric import require_integer
from tseep.commands.arguments import REDACTED, require_milliseconds
from tseep.coordination.blocking import NOT_YET, block
from tseep.errors import NO_REPLICATION, SYNTAX, CommandError
from tseep.registry.key_finders import MIGRATE_OPTIONS
from tseep.registry.options import read_options
from tseep.registry.table import command
from tseep.replies import OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

_FAILOVER_OPTIONS = {b"to": 2, b"timeout": 1, b"force": 0}
_HIGHEST_PORT = 65535


@command("ROLE")
def role(session: Session, argv: list[bytes]) -> Reply:
    return [b"master", 0, []]


@command("WAIT")
def wait(session: Session, argv: list[bytes]) -> Reply:
    """Return 0, the number of replicas; after the timeout if more are required."""
    required, timeout = require_integer(argv[1]), require_milliseconds(argv[2])
    return block(session, [], timeout, lambda key: NOT_YET, 0) if required > 0 else 0


@command("REPLICAOF")
def replicaof(session: Session, argv: list[bytes]) -> Reply:
    """
    Return OK for NO ONE, as a server without a master does.

    @raise CommandError: for any other master.
    """
    if [word.lower() for word in argv[1:]] == [b"no", b"one"]:
        return OK
    if not 0 <= require_integer(argv[2], "ERR Invalid master port") <= _HIGHEST_PORT:
        raise CommandError("ERR Invalid master port")
    raise CommandError(NO_REPLICATION)


@command("SLAVEOF")
def slaveof(session: Session, argv: list[bytes]) -> Reply:
    return replicaof(session, argv)


@command("FAILOVER")
def failover(session: Session, argv: list[bytes]) -> Reply:
    """
    Check the arguments.

    @raise CommandError: always, as there are no replicas.
    """
    if [word.lower() for word in argv[1:]] == [b"abort"]:
        raise CommandError("ERR No failover in progress.")
    seen: set[bytes] = set()
    for name, _, parameters in read_options(argv, 1, _FAILOVER_OPTIONS):
        if not name or name in seen:
            raise CommandError(SYNTAX)
        seen.add(name)
        number = require_integer(parameters[-1]) if parameters else 0
        if name == b"timeout" and number <= 0:
            raise CommandError("ERR FAILOVER timeout must be greater than 0")
    raise CommandError("ERR FAILOVER requires connected replicas.")


@command("SYNC")
def sync(session: Session, argv: list[bytes]) -> Reply:
    raise CommandError(NO_REPLICATION)


@command("PSYNC")
def psync(session: Session, argv: list[bytes]) -> Reply:
    raise CommandError(NO_REPLICATION)


@command("REPLCONF")
def replconf(session: Session, argv: list[bytes]) -> Reply:
    raise CommandError(NO_REPLICATION)


@command("MIGRATE")
def migrate(session: Session, argv: list[bytes]) -> Reply:
    for name, place, parameters in list(read_options(argv, 6, MIGRATE_OPTIONS)):
        if name in (b"auth", b"auth2"):
            argv[place : place + len(parameters)] = [REDACTED] * len(parameters)
    raise CommandError("ERR tseep opens no connections to other servers: copy the keys with DUMP and RESTORE")
