"""Configuration at run time: the subcommands of CONFIG (https://redis.io/docs/latest/commands/config-set/)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tseep.commands.arguments import REDACTED
from tseep.configuration.file import rewritten
from tseep.errors import LOADING, SYNTAX, CommandError, cannot_apply
from tseep.registry.table import command, iter_commands
from tseep.replies import OK, Reply
from tseep.session.client_info import is_allowed
from tseep.system.filesystem import Disk

if TYPE_CHECKING:
    from tseep.configuration.kinds import Parameter
    from tseep.configuration.parameters import Config
    from tseep.server.server import Server
    from tseep.session.session import Session

_SECRETS = {"requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"}
_PROTECTED = {"dir", "dbfilename"}
"""Parameters with which a client could write files anywhere: enable-protected-configs allows to set them."""

_FIXED_WHILE_LOADING = {"appendonly", "dir"}
"""Parameters that cannot be set while the data are loaded."""


@command("CONFIG GET")
def config_get(session: Session, argv: list[bytes]) -> Reply:
    config = session.server.config
    found: dict[bytes, bytes] = {}
    for pattern in argv[2:]:
        for name in _named(config, pattern):
            found.setdefault(name, _encode(config.show(_decode(name.lower()))))
    return found


def _named(config: Config, pattern: bytes) -> list[bytes]:
    """Return the names that match a pattern; a name without wildcards in the client's spelling."""
    if not set(pattern) & set(b"*?["):
        return [pattern] if _decode(pattern.lower()) in config.parameters else []
    return [name.encode() for name in config.matching(_decode(pattern))]


@command("CONFIG SET")
def config_set(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) % 2:
        raise CommandError(SYNTAX)
    names, texts = argv[2::2], argv[3::2]
    _redact(argv)
    server = session.server
    parameters = [_parameter(server.config, name) for name in names]
    _require_settable(session, names, parameters)
    for name, parameter, text in zip(names, parameters, texts):
        _read(name, parameter, _decode(text))
    _set_all(server, {parameter.name: _decode(text) for parameter, text in zip(parameters, texts)})
    return OK


def _set_all(server: Server, texts: dict[str, str]) -> None:
    """Set and apply parameters; if the server cannot apply them, restore the previous values and raise."""
    config = server.config
    before = {name: config.show(name) for name in texts}
    try:
        for name, text in texts.items():
            config.set(name, text)
        server.apply_config()
        if not server.set_oom_score():
            raise cannot_apply(b"oom-score-adj", "Failed to set current oom_score_adj. Check server logs.")
    except CommandError:
        for name, text in before.items():
            config.set(name, text)
        server.apply_config()
        server.set_oom_score()
        raise


def _redact(argv: list[bytes]) -> None:
    """Replace the values of secret parameters in a CONFIG SET."""
    for at in range(2, len(argv), 2):
        if _decode(argv[at].lower()) in _SECRETS:
            argv[at + 1] = REDACTED


def _parameter(config: Config, name: bytes) -> Parameter:
    parameter = config.parameters.get(_decode(name.lower()))
    if parameter is None:
        raise CommandError(b"ERR Unknown option or number of arguments for CONFIG SET - '%b'" % name)
    return parameter


def _require_settable(session: Session, names: list[bytes], parameters: list[Parameter]) -> None:
    """
    Check that parameters can be set at run time.

    @raise CommandError: if one cannot, or occurs twice.
    """
    if session.server.loading is not None and not _FIXED_WHILE_LOADING.isdisjoint([each.name for each in parameters]):
        raise CommandError(LOADING)
    for at, (name, parameter) in enumerate(zip(names, parameters)):
        if parameter.name in _PROTECTED and not is_allowed(session, "enable-protected-configs"):
            raise cannot_apply(name, "can't set protected config")
        if parameter.fixed:
            raise cannot_apply(name, "can't set immutable config")
        if parameter in parameters[:at]:
            raise cannot_apply(name, "duplicate parameter")


def _read(name: bytes, parameter: Parameter, text: str) -> Any:
    try:
        return parameter.kind.parse(text)
    except ValueError as error:
        raise cannot_apply(name, str(error)) from error


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@command("CONFIG RESETSTAT")
def config_resetstat(session: Session, argv: list[bytes]) -> Reply:
    reset_statistics(session.server)
    return OK


def reset_statistics(server: Server) -> None:
    """Set the figures of INFO to 0 that CONFIG RESETSTAT does."""
    server.stats.reset()
    server.keyspace.reset_counts()
    server.eviction.reset_counts()
    server.lazyfree.freed = server.cron.sweep_ns = 0
    server.persistence.job.forks = server.persistence.job.fork_ns = 0
    server.rates.reset()
    server.lag.reset()
    server.ready_batch_histogram[:] = [0] * len(server.ready_batch_histogram)
    for entry in iter_commands(server.table.commands):
        entry.calls.reset()


@command("CONFIG REWRITE")
def config_rewrite(session: Session, argv: list[bytes]) -> Reply:
    rewrite_file(session.server)
    return OK


def rewrite_file(server: Server, every: bool = False) -> None:
    """
    Write the present parameters to the configuration file.

    @param every: whether to write parameters that have their default, too.
    @raise CommandError: if there is no such file, or it cannot be written.
    """
    if not server.config_file:
        raise CommandError("ERR The server is running without a config file")
    path = Path(server.config_file)
    users = [] if server.config["aclfile"] else server.users.changed()
    try:
        lines = rewritten(path.read_bytes().splitlines(), server.config, users, every)
        Disk().write_in_place(path, b"\n".join([*lines, b""]))
    except OSError as error:
        server.host.log(3, f"CONFIG REWRITE failed: {path}: {error.strerror}")
        raise CommandError(f"ERR Rewriting config file: {error.strerror}") from error
    server.host.log(2, f"CONFIG REWRITE has written {path}")
