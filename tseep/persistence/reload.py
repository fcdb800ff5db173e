"""DEBUG RELOAD and DEBUG LOADAOF: the data set is loaded again from the files on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.aof_loader import CannotLoad, Loader

if TYPE_CHECKING:
    from tseep.server.server import Server


def reload_snapshot(server: Server, save: bool, flush: bool, merge: bool) -> None:
    """
    Save a snapshot, empty the server, and load the snapshot. If that fails after the server was emptied, the process
    exits: the next snapshot would replace the file.

    @param save: False to load the file that is there.
    @param flush: False to keep the present keys and functions.
    @param merge: replace keys and functions that exist already, which are an error otherwise.
    @raise CommandError: if the snapshot cannot be written, or cannot be loaded and the server was not emptied.
    """
    persistence = server.persistence
    snapshots = persistence.snapshots
    if save:
        snapshots.save()
    if not snapshots.path.exists():
        raise CommandError("ERR Error trying to load the RDB dump")
    try:
        _load(server, Loader(server, merge), lambda loader: loader.load_snapshot(snapshots.path), flush)
    except CannotLoad as error:
        if flush:
            server.host.fail(f"DEBUG RELOAD: {error}")
        server.host.log(3, f"DEBUG RELOAD failed, keys up to the error are loaded: {error}")
        raise CommandError("ERR Error trying to load the RDB dump") from error
    if persistence.log.on and not save:
        persistence.log.scheduled = True  # the append-only file has other data
    server.host.log(3, "DB reloaded by DEBUG RELOAD")


def reload_log(server: Server) -> None:
    """
    Write what the append-only file is to have, empty the server, and load that file. If it cannot be loaded, the
    process exits.

    @raise CommandError: if there is no append-only file, or it cannot be written.
    """
    log = server.persistence.log
    log.prepare_reload()
    try:
        _load(server, Loader(server), log.files.load, True)
    except CannotLoad as error:
        server.host.fail(f"DEBUG LOADAOF: {error}")
    server.persistence.recording.dirty = 0
    server.host.log(3, "Append Only File loaded by DEBUG LOADAOF")


def _load(server: Server, loader: Loader, load: Callable[[Loader], Iterator[None]], flush: bool) -> None:
    """
    Load files, while no command is recorded; the keys that are loaded are no changes. Clients are served in between, as
    in the middle of a long script, but most of their commands are refused.
    """
    recording = server.persistence.recording
    dirty, append = recording.dirty, recording.append
    recording.end()
    try:
        if flush:
            server.keyspace.flush()
            server.scripting.functions.clear()
        server.set_loading(loader)
        for _ in load(loader):
            server.host.serve_clients()
    finally:
        server.set_loading(None)
        recording.dirty = dirty
        if append is not None:
            recording.begin(append)
    server.persistence.loaded = loader
    server.eviction.measure()
