"""The layers of packages, their imports, and the docstrings that declare them."""

from __future__ import annotations

from pathlib import Path

import packages
import pytest
from packages import STRESS, TREES, TSEEP, Tree

from ..support.servers import ROOT

MAX_MODULES = 20
"""Maximum number of modules in a folder."""

_each_tree = pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)


@_each_tree
def test_imports_go_down(tree: Tree) -> None:
    """Run-time imports go from higher to lower layers only, so packages form no cycle."""
    runtime, _ = packages.edges(tree)
    assert not [(own, other) for own, other in runtime if tree.levels[own] >= tree.levels[other]]
    assert runtime


@_each_tree
def test_types_from_above(tree: Tree) -> None:
    """Exactly the listed packages import from a higher layer for type checking."""
    _, typing = packages.edges(tree)
    upward = {(own, other) for own, other in typing if tree.levels[own] >= tree.levels[other]}
    assert upward == {(own, other) for other, owns in tree.types_upward.items() for own in owns}


@_each_tree
def test_every_entry_has_a_layer(tree: Tree) -> None:
    """The list of layers contains exactly the entries at the top of the tree."""
    paths = [path for path in tree.folder.iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))]
    entries = {path.stem for path in paths} - {"test"}
    assert entries == {name.partition(".")[0] for name in tree.levels}


def test_every_folder_is_a_package() -> None:
    """Each folder with modules has an C{__init__.py}."""
    folders = {path.parent for path in packages.modules(TSEEP)} - {TSEEP.folder}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert packages.ROOT / "tseep" / "modes" / "workers" in folders


def _packages(tree: Tree) -> list[str]:
    return [name for name in tree.levels if tree.folder.joinpath(*name.split(".")).is_dir()]


@_each_tree
def test_docstrings(tree: Tree) -> None:
    """The docstring of each package names exactly its imports."""
    runtime, _ = packages.edges(tree)
    for package in _packages(tree):
        imported = {other for own, other in runtime if own == package}
        assert packages.declared_imports(tree, package) == imported, package


@pytest.mark.parametrize("folder", ["tseep", "pytest_tseep", "stress", "tests"])
def test_folders_are_small(folder: str) -> None:
    """No folder has more than L{MAX_MODULES} modules."""
    folders = {path.parent for path in (ROOT / folder).rglob("*.py")}
    sizes = {path: sum(each.stem != "__init__" for each in path.glob("*.py")) for path in folders}
    assert not {str(path): size for path, size in sizes.items() if size > MAX_MODULES}


# The checks detect violations


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with two packages in place of the repository."""
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    for name in ("low", "high"):
        (tmp_path / "tseep" / name).mkdir(parents=True)
        (tmp_path / "tseep" / name / "__init__.py").write_text('"""Owns a thing.\n\nImports: nothing.\n"""\n')
    return tmp_path / "tseep"


TWO = Tree("tseep", "tseep.", (("high",), ("low", "low.deep"), ("__init__",)))


def test_an_import_upward_is_found(made: Path) -> None:
    """Imports are found at any place and in any form; those for type checking are counted separately."""
    (made / "low" / "a.py").write_text("def f():\n    from ..high import x\n")
    assert packages.edges(TWO) == ({("low", "high")}, set())
    (made / "low" / "a.py").write_text("if TYPE_CHECKING:\n    import tseep.high.x\n")
    assert packages.edges(TWO) == (set(), {("low", "high")})
    (made / "low" / "a.py").write_text("if not TYPE_CHECKING:\n    import tseep.high.x\n")
    assert packages.edges(TWO) == ({("low", "high")}, set())
    (made / "low" / "a.py").write_text("import tseep\n")
    assert packages.edges(TWO) == ({("low", "__init__")}, set())
    (made / "low" / "a.py").write_text("from tseep import __version__\nfrom tseep.low.deep import x\n")
    assert packages.edges(TWO) == ({("low", "__init__"), ("low", "low.deep")}, set())


def test_a_docstring_without_imports_is_found(made: Path) -> None:
    """A package docstring without an C{Imports:} paragraph is an error."""
    assert packages.declared_imports(TWO, "low") == set()
    (made / "low" / "__init__.py").write_text('"""Owns a thing.\n\nImports: a,\nb.\n"""\n')
    assert packages.declared_imports(TWO, "low") == {"a", "b"}
    (made / "low" / "__init__.py").write_text('"""Owns a thing."""\n')
    with pytest.raises(ValueError, match="tseep/low"):
        packages.declared_imports(TWO, "low")


def test_markdown() -> None:
    """Epytext names become Markdown code."""
    assert packages.markdown("C{a} is\nL{b <c.d>}, L{e}") == "`a` is `b`, `e`"


def test_bare_names() -> None:
    """Folders of stress/ are imported by bare names; a library with the same prefix is not one of them."""
    assert packages.package_of(STRESS, "rig.plan.Setting") == "rig"
    assert packages.package_of(STRESS, "rigging") == ""
    assert packages.package_of(TSEEP, "commands.data.keys") == "commands.data"
