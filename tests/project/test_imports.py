"""Who never imports whom, read from the source."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packages import imports

from ..support.servers import ROOT

PACKAGE = ROOT / "tseep"

PLUGIN = sorted((ROOT / "pytest_tseep").glob("*.py"))

SERVER = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "test")

ROOMS_WITH_IO = ("tap.py", "__main__.py", "daemon", "modes", "net", "testing", "web")
WITH_IO = [path for path in SERVER if path.relative_to(PACKAGE).parts[0] in ROOMS_WITH_IO]
WITHOUT_IO = [path for path in SERVER if path not in WITH_IO]
"""What takes bytes and gives bytes, and never waits for anything."""

WAITING = {
    "twisted",
    "socket",
    "select",
    "selectors",
    "threading",
    "_thread",
    "asyncio",
    "concurrent",
    "multiprocessing",
}

ITSELF = ROOT / "stress/servers/v1_without.py"
"""tseep with another setting: a server to be measured, and no part of a rig."""

OUTSIDE = sorted({*(ROOT / "stress").rglob("*.py"), *(ROOT / "tests").rglob("*.py")} - {ITSELF})


def imported(path: Path) -> Iterator[str]:
    """Everything that a file imports, anywhere in it, by full name: both C{a.b} and, for C{from a import b}, C{a}."""
    for each in imports(path, ROOT):
        yield from (each.name, each.name.rpartition(".")[0])


def roots(path: Path) -> set[str]:
    """The first part of the names of what a file imports."""
    return {name.partition(".")[0] for name in imported(path)}


def _each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(ROOT)))


@_each(WITHOUT_IO)
def test_no_io(path: Path) -> None:
    """The protocols, the commands, the store and the session wait for nothing, so that every mode can run them."""
    assert not roots(path) & WAITING
    assert not [name for name in imported(path) if name.startswith(("tseep.modes", "tseep.daemon", "tseep.tap"))]


MODES = {
    "threaded": ("modes.evented", "modes.workers", "net.watcher"),
    "evented": ("modes.threaded", "modes.workers"),
    "workers.owner": ("modes.threaded", "modes.evented", "modes.workers.worker"),
    "workers.worker": ("modes.threaded", "modes.evented", "modes.workers.owner"),
}
"""Each mode, v3 with its two processes, and what it must not import."""


def _path(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


OWN = [_path(f"tseep.modes.{mode}") for mode in MODES]


@pytest.mark.parametrize("mode", MODES)
def test_modes_are_apart(mode: str) -> None:
    """No mode imports another, and v1 nothing of what waits for many clients at once."""
    assert not [name for name in imported(_path(f"tseep.modes.{mode}")) if _is_of(name, MODES[mode])]


@_each([path for path in (PACKAGE / "modes").rglob("*.py") if path not in OWN])
def test_what_modes_share_knows_none(path: Path) -> None:
    """What the modes share imports none of them, and what v3's processes share neither; a worker's start imports it."""
    of_modes = ["modes.threaded", "modes.evented", "modes.workers.owner"]
    of_modes += [] if path.stem == "__main__" else ["modes.workers.worker"]
    assert not [name for name in imported(path) if _is_of(name, of_modes)]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
@_each(PLUGIN)
def test_the_plugin_is_light(path: Path) -> None:
    """The pytest plugin imports the standard library and pytest alone, as each of pytest's processes loads it."""
    assert roots(path) - {""} <= {*sys.stdlib_module_names, "pytest", "pytest_tseep"}


def _is_of(name: str, modules: Iterable[str]) -> bool:
    """Whether a dotted name is one of some modules, or in one."""
    return any(f"{name}.".startswith(f"tseep.{module}.") for module in modules)


def test_workers_know_no_data() -> None:
    """A worker has neither commands nor data, not even by way of what it imports: it carries bytes."""
    modules = {"tseep.modes.workers.worker"}
    while True:
        more = {name for each in modules for name in imported(_path(each)) if _path(name).is_file()} | modules
        if more == modules:
            break
        modules = more
    names = {name for each in modules for name in imported(_path(each))}
    assert not [name for name in names if _is_of(name, ("commands", "datatypes", "keyspace", "session"))]


@_each([path for path in SERVER if path.stem != "tap"])
def test_nothing_imports_tap(path: Path) -> None:
    """The command line is at the end of everything."""
    assert not [name for name in imported(path) if name.startswith("tseep.tap")]


@_each(OUTSIDE)
def test_the_rigs_know_no_codec(path: Path) -> None:
    """Tests and load share no code with the server: what shares the codecs cannot see their faults."""
    assert "tseep" not in roots(path)


def test_all_are_looked_at() -> None:
    """The rules are held against every room, wherever the tree lies."""
    names = {str(path.relative_to(PACKAGE)) for path in WITHOUT_IO}
    assert {
        "session/session.py",
        "protocol/resp.py",
        "registry/table.py",
        "keyspace/keyspace.py",
        "algorithms/lcs.py",
        "system/process.py",
    } <= names
    assert {path.relative_to(ROOT).parts[0] for path in OUTSIDE} == {"stress", "tests"}
    assert set(WITH_IO) < set(SERVER)


def test_the_rules_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports are found wherever they stand, and however they are written."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    file = tmp_path / "tseep" / "protocol" / "x.py"
    file.parent.mkdir(parents=True)
    file.write_text("def f():\n    from .. import tap\n    from ..modes.threaded import x\n    import socket as s\n")
    assert {"tseep.tap", "tseep.modes.threaded", "socket"} <= set(imported(file))
    assert "socket" in roots(file)
