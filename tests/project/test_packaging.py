"""The packages that users install: what is in them, and that a server runs from them alone."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.servers import ROOT, Process

pytestmark = pytest.mark.packaging

READY = r"is ready: mode v2 on 127\.0\.0\.1:(\d+);"


def run(*argv: object) -> str:
    """Run a command to its end; return what it wrote."""
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{argv} failed:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, which is made from the sdist as pip would."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel made from the sdist."""
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of a virtual environment that has the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return folder / "bin"


def names_in(wheel: Path) -> list[str]:
    """The files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_wheel_has_what_a_server_needs(wheel: Path) -> None:
    """The wheel carries twistd's plugin, the marker of its types, and every module of the package."""
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tseep").rglob("*.py")}
    assert modules | {"twisted/plugins/tseep_plugin.py", "tseep/py.typed"} <= set(names_in(wheel))


def test_wheel_has_nothing_else(wheel: Path) -> None:
    """The wheel makes no package of Twisted's folders, and leaves tests and the stress rig at home."""
    (version,) = {name.split("/")[0] for name in names_in(wheel) if ".dist-info/" in name}
    others = [name for name in names_in(wheel) if not name.startswith(("tseep/", f"{version}/"))]
    assert others == ["twisted/plugins/tseep_plugin.py"]


def test_wheel_from_the_tree(tmp_path: Path, wheel: Path) -> None:
    """The wheel made from the tree itself holds the same files."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT)
    (direct,) = tmp_path.glob("*.whl")
    assert sorted(names_in(direct)) == sorted(names_in(wheel))


def test_sdist(built: Path) -> None:
    """The sdist carries all that it takes to build and to test, and nothing that a run of either left behind."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "Makefile", "LICENSE", "tests/conftest.py", "stress/run.py"} <= names
    assert not [name for name in names if name.endswith((".pyc", "dropin.cache")) or "_trial_temp" in name]


def test_installed_is_what_runs(installed: Path, tmp_path: Path) -> None:
    """The tests below run the wheel, not the tree."""
    found = run(
        "env", "-C", tmp_path, "-u", "PYTHONPATH", installed / "python", "-c", "import tseep; print(tseep.__file__)"
    )
    assert Path(found).is_relative_to(installed.parent)


@pytest.mark.parametrize("command", ["twistd -n --pidfile= tseep", "tseep", "python -m tseep"])
def test_server_runs(installed: Path, tmp_path: Path, command: str) -> None:
    """Each way to start it from another folder gives a server that answers, and that SIGTERM ends with status 0."""
    program, *words = command.split()
    argv = [str(installed / program), *words, "--listen", "tcp:0:interface=127.0.0.1"]
    with Process(argv, env={"PYTHONPATH": ""}, cwd=tmp_path) as process:
        port = int(process.wait_for(READY)[1])
        with Client(("127.0.0.1", port)) as client:
            assert client("PING") == "PONG"
        assert process.stop() == 0, process.output
        assert "Traceback" not in process.output
    assert not list(tmp_path.iterdir()), "a server leaves nothing behind"
