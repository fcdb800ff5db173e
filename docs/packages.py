"""
The packages of tseep/ and stress/, their layers and imports; generates the tables of docs/architecture/overview.md.

The docstring of a package's C{__init__} states what the package owns; its last paragraph is C{Imports: a, b.}
tests/project/test_packages.py checks docstrings, layers and tables against the code.
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
    @ivar prefix: the prefix of a package's name in imports.
    @ivar layers: names of packages and top modules, from top to bottom. A layer imports only lower ones. A
        module belongs to the longest matching name: C{commands.data} before C{commands}.
    @ivar types_upward: by package, the lower packages that import it for type checking only.
    """

    name: str
    prefix: str
    layers: tuple[tuple[str, ...], ...]
    types_upward: dict[str, set[str]] = {}

    @property
    def folder(self) -> Path:
        """The folder's path."""
        return ROOT / self.name

    @property
    def levels(self) -> dict[str, int]:
        """By package, the number of its layer, from 1 at the top."""
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
"""Conditions of an C{if} whose body is for type checking only."""


class Import(NamedTuple):
    """A name that a file imports: C{a.b.c} for C{from a.b import c}; and whether it is for type checking only."""

    name: str
    typing: bool


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Yield every import of a file, at any place and in any form, as names below C{root}."""
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
    """Return all modules of a tree except its tests."""
    return sorted(path for path in tree.folder.rglob("*.py") if path.relative_to(tree.folder).parts[0] != "test")


def package_of(tree: Tree, name: str) -> str:
    """Return the package of a dotted name below the tree, or C{""} for a name outside it."""
    parts = name.split(".")
    found = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((each for each in found if each in tree.levels), "")


def edges(tree: Tree) -> tuple[set[Edge], set[Edge]]:
    """Return the pairs of importing and imported package: at run time, and for type checking only."""
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
    """Return the docstring of a package or a top-level module."""
    path = tree.folder.joinpath(*package.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def declared_imports(tree: Tree, package: str) -> set[str]:
    """Return the packages after C{Imports:} in a docstring; raises ValueError if that paragraph is missing."""
    last = docstring(tree, package).rpartition("\n\n")[2]
    found = re.fullmatch(r"Imports: (.+)\.", last, re.DOTALL)
    if not found:
        raise ValueError(f"{tree.name}/{package}: the last paragraph is not 'Imports: a, b.' or 'Imports: nothing.'")
    return set() if found[1] == "nothing" else set(re.split(r",\s+", found[1]))


def markdown(text: str) -> str:
    """Return a paragraph of a docstring as Markdown."""
    return re.sub(r"[CL]\{([^{}<]*?)(?:\s*<[^>]*>)?\}", r"`\1`", " ".join(text.split()))


def table(tree: Tree) -> list[str]:
    """Return the lines of the table of a tree's packages."""
    runtime, _ = edges(tree)
    lines = ["| layer | package | owns | imports |", "|--:|---|---|---|"]
    for name, level in tree.levels.items():
        owns = markdown(docstring(tree, name).partition("\n\n")[0])
        below = ", ".join(sorted(f"`{other}`" for own, other in runtime if own == name))
        lines.append(f"| {level} | `{name}` | {owns} | {below} |")
    return lines


def document(text: str) -> str:
    """Return docs/architecture/overview.md with current tables."""
    for tree in TREES:
        begin, end = f"<!-- {tree.name}: by docs/packages.py -->", f"<!-- end of {tree.name} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = "\n".join([f"{head}{begin}", *table(tree), f"{end}{tail}"])
    return text
