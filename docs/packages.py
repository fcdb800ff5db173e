"""
The packages of tseep/ and stress/, their layers, and who imports whom; writes the tables of ARCHITECTURE.md.

    python docs/packages.py

What a package owns and imports is said by the docstring of its C{__init__}, whose last paragraph is C{Imports: a, b.}
tests/project/test_packages.py holds the docstrings, the layers and the tables against the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

Edge = tuple[str, str]
"""The importing and the imported package, each by its name below the tree."""


class Tree(NamedTuple):
    """
    A folder of the repository with its packages.

    @ivar name: the folder.
    @ivar prefix: what stands before the name of a package where it is imported.
    @ivar layers: names of packages and top modules, from top to bottom. A layer imports only those below it. Of
        C{commands} and C{commands.data} a module belongs to the longest name that fits.
    @ivar types_upward: the packages below it that import a package nevertheless, for type checking alone.
    """

    name: str
    prefix: str
    layers: tuple[tuple[str, ...], ...]
    types_upward: dict[str, set[str]] = {}

    @property
    def folder(self) -> Path:
        """Where it is."""
        return ROOT / self.name

    @property
    def levels(self) -> dict[str, int]:
        """The number of each package's layer, 1 for the topmost."""
        return {name: number for number, layer in enumerate(self.layers, 1) for name in layer}


TSEEP = Tree(
    "tseep",
    "tseep.",
    (
        ("__main__", "tap", "testing"),
        ("web",),
        ("daemon",),
        ("modes",),
        ("net",),
        ("server",),
        ("commands",),
        ("commands.admin",),
        ("commands.client",),
        ("commands.data",),
        ("commands.arguments",),
        ("session",),
        ("configuration", "persistence"),
        ("propagation", "rdb"),
        ("scripting",),
        ("coordination",),
        ("keyspace",),
        ("datatypes",),
        ("protocol",),
        ("access",),
        ("registry",),
        ("algorithms", "system", "telemetry"),
        ("errors", "interfaces", "replies"),
        ("__init__",),
    ),
    {
        "server": {
            "commands.admin",
            "persistence",
            "scripting",
            "session",
        },
        "session": {"access", "coordination", "keyspace", "propagation", "registry", "scripting", "telemetry"},
    },
)

STRESS = Tree(
    "stress",
    "",
    (("bench", "run", "soak", "study"), ("soaking", "studies"), ("report",), ("rig",), ("servers",), ("probes",)),
)

TREES = (TSEEP, STRESS)


_TYPE_CHECKING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
"""What an C{if} asks whose body is for type checking alone."""


class Import(NamedTuple):
    """One name that a file imports: C{a.b.c} for C{from a.b import c}, and whether it is for type checking alone."""

    name: str
    typing: bool


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Everything that a file imports, wherever in it and however it is written; its packages begin in C{root}."""
    tree = ast.parse(path.read_text(), str(path))
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) in _TYPE_CHECKING]
    typing = {id(below) for check in checks for each in check.body for below in ast.walk(each)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, id(node) in typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = path.relative_to(root).parts[: -node.level]
                module = ".".join([*package, *filter(None, [node.module])])
            yield from (Import(f"{module}.{alias.name}", id(node) in typing) for alias in node.names)


def modules(tree: Tree) -> list[Path]:
    """All modules of a tree but its tests."""
    return sorted(path for path in tree.folder.rglob("*.py") if path.relative_to(tree.folder).parts[0] != "test")


def package_of(tree: Tree, name: str) -> str:
    """The package to which a dotted name below the tree belongs; C{""} if it is none of the tree's."""
    parts = name.split(".")
    found = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((each for each in found if each in tree.levels), "")


def edges(tree: Tree) -> tuple[set[Edge], set[Edge]]:
    """Which package imports which: at run time, and for type checking alone."""
    runtime: set[Edge] = set()
    typing: set[Edge] = set()
    for path in modules(tree):
        own = package_of(tree, ".".join(path.relative_to(tree.folder).with_suffix("").parts))
        for each in imports(path, ROOT):
            if f"{each.name}.".startswith(tree.prefix):
                name = each.name[len(tree.prefix) :]
                other = package_of(tree, name) or ("__init__" if tree.prefix else "")
                if other not in (own, ""):
                    (typing if each.typing else runtime).add((own, other))
    return runtime, typing - runtime


def docstring(tree: Tree, package: str) -> str:
    """What a package or a module at the top says of itself."""
    path = tree.folder.joinpath(*package.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def said(tree: Tree, package: str) -> set[str]:
    """The packages that a docstring says are imported; raises ValueError where it says nothing of it."""
    last = docstring(tree, package).rpartition("\n\n")[2]
    found = re.fullmatch(r"Imports: (.+)\.", last, re.DOTALL)
    if not found:
        raise ValueError(f"{tree.name}/{package}: the last paragraph is not 'Imports: a, b.' or 'Imports: nothing.'")
    return set() if found[1] == "nothing" else set(re.split(r",\s+", found[1]))


def markdown(text: str) -> str:
    """A paragraph of a docstring as Markdown."""
    return re.sub(r"[CL]\{([^{}<]*?)(?:\s*<[^>]*>)?\}", r"`\1`", " ".join(text.split()))


def table(tree: Tree) -> list[str]:
    """The lines of the table of a tree's packages."""
    runtime, _ = edges(tree)
    lines = ["| layer | package | owns | imports |", "|--:|---|---|---|"]
    for name, level in tree.levels.items():
        owns = markdown(docstring(tree, name).partition("\n\n")[0])
        below = ", ".join(sorted(f"`{other}`" for own, other in runtime if own == name))
        lines.append(f"| {level} | `{name}` | {owns} | {below} |")
    return lines


def document(text: str) -> str:
    """ARCHITECTURE.md with its tables as they have to be."""
    for tree in TREES:
        begin, end = f"<!-- {tree.name}: by docs/packages.py -->", f"<!-- end of {tree.name} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = "\n".join([f"{head}{begin}", *table(tree), f"{end}{tail}"])
    return text


if __name__ == "__main__":
    file = ROOT / "ARCHITECTURE.md"
    file.write_text(document(file.read_text()))
