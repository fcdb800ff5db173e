"""The packages that users install: what is in them, and that a server runs from them alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
    packages = (ROOT / "tseep", ROOT / "pytest_tseep")
    modules = {str(path.relative_to(ROOT)) for package in packages for path in package.rglob("*.py")}
    assert modules | {"twisted/plugins/tseep_plugin.py", "tseep/py.typed"} <= set(names_in(wheel))


def test_wheel_has_nothing_else(wheel: Path) -> None:
    """The wheel makes no package of Twisted's folders, and leaves tests and the stress rig at home."""
    (version,) = {name.split("/")[0] for name in names_in(wheel) if ".dist-info/" in name}
    others = [name for name in names_in(wheel) if not name.startswith(("tseep/", "pytest_tseep/", f"{version}/"))]
    assert others == ["twisted/plugins/tseep_plugin.py"]


def test_pytest_plugin(wheel: Path) -> None:
    """pytest loads the plugin by a package that does not import tseep."""
    (name,) = [name for name in names_in(wheel) if name.endswith(".dist-info/entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        assert "[pytest11]\ntseep = pytest_tseep.plugin\n" in archive.read(name).decode()


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
    words = set(re.findall(r"[\w./*-]+", (ROOT / "Makefile").read_text()))
    paths = [path for word in words if word.strip("./*") for path in ROOT.glob(word.strip("/")) if path.is_file()]
    called = {str(path.relative_to(ROOT)) for path in paths}
    assert {".ci/debian", ".github/workflows/tests.yml", "docs/generate.py"} <= called <= names


def test_description(wheel: Path) -> None:
    """The long description has no image and no link that leads nowhere outside of the repository."""
    description = str(metadata(wheel).get_payload())
    assert "# tseep" in description
    assert "](https://twisted.org)" in description
    assert re.findall(r"\]\((?!https://)", description) == []


def test_metadata(wheel: Path) -> None:
    """Author, classifiers, and what a plain installation requires."""
    found = metadata(wheel)
    assert found["Author"] == "the tseep authors"
    classifiers = found.get_all("Classifier", [])
    assert "Framework :: Pytest" in classifiers
    assert "Programming Language :: Python :: 3.9" in classifiers
    assert "lua" in found.get_all("Provides-Extra", [])
    plain = {
        requirement.name
        for requirement in map(Requirement, found.get_all("Requires-Dist", []))
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    assert plain == {"crcmod-plus", "lupa", "twisted", "zope-interface"}


def metadata(wheel: Path) -> Message:
    """The metadata in a wheel."""
    (name,) = [name for name in names_in(wheel) if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(name))


def test_installed_is_what_runs(installed: Path, tmp_path: Path) -> None:
    """The tests below run the wheel, not the tree."""
    found = run(
        "env", "-C", tmp_path, "-u", "PYTHONPATH", installed / "python", "-c", "import tseep; print(tseep.__file__)"
    )
    assert Path(found).is_relative_to(installed.parent)


@pytest.mark.parametrize("command", ["twistd -n --pidfile= tseep", "tseep", "python -m tseep"])
def test_server_runs(installed: Path, tmp_path: Path, command: str) -> None:
    """Each way to start it from another folder gives a server that runs commands and scripts, and exits with 0."""
    program, *words = command.split()
    argv = [str(installed / program), *words, "--listen", "tcp:0:interface=127.0.0.1"]
    with Process(argv, env={"PYTHONPATH": ""}, cwd=tmp_path) as process:
        port = int(process.wait_for(READY)[1])
        with Client(("127.0.0.1", port)) as client:
            assert client("PING") == "PONG"
            assert client("EVAL", "return 1 + 1", "0") == 2
        assert process.stop() == 0, process.output
        assert "Traceback" not in process.output
    assert not list(tmp_path.iterdir()), "a server leaves nothing behind"


def test_unit_tests(installed: Path, tmp_path: Path) -> None:
    """C{trial tseep} passes: what needs a package of the extra C{test} is skipped, and the reason names the package."""
    printed = run("env", "-C", tmp_path, "-u", "PYTHONPATH", "-u", "TSEEP_TEST_COMPLETE", installed / "trial", "tseep")
    assert re.search(r"^PASSED \(skips=\d+, successes=\d+\)$", printed, re.MULTILINE), printed
    for package in ("hypothesis", "prometheus_client"):
        assert f"needs the package {package}: " in printed
