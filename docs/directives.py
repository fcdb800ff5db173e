"""
Generates the tables of docs/upgrading.md: the effect of each directive of Redis 7.0, from the server's own tables.

L{generate} writes the page.
"""

from __future__ import annotations

from tseep.configuration.directives import DEPRECATED, TWISTD
from tseep.configuration.inert import INERT
from tseep.configuration.refused import REFUSED


def refused() -> list[str]:
    """Return the lines of the table of refused directives."""
    lines = ["| directive | accepted values | reason | remedy |", "|---|---|---|---|"]
    for name, (harmless, why, remedy) in REFUSED.items():
        values = ", ".join(f"`{value or chr(34) * 2}`" for value in harmless) or "none"
        lines.append(f"| `{name}` | {values} | {why} | {remedy} |")
    return lines


def ignored() -> list[str]:
    """Return the lines of the table of directives without effect."""
    lines = ["| subject | directives |", "|---|---|"]
    named = {
        subject: [name for each in members for name in (each.name, each.alias) if name]
        for subject, members in INERT.items()
    }
    named["deprecated"] = list(DEPRECATED)
    return lines + [
        f"| {subject} | {', '.join(f'`{name}`' for name in sorted(names))} |" for subject, names in named.items()
    ]


def twistd() -> list[str]:
    """Return the lines of the table of twistd's options."""
    return ["| directive | instead |", "|---|---|", *[f"| `{name}` | `{line}` |" for name, (_, line) in TWISTD.items()]]


TABLES: dict[str, list[str]] = {"refused": refused(), "ignored": ignored(), "twistd": twistd()}


def document(text: str) -> str:
    """Return the page with current tables."""
    for name, lines in TABLES.items():
        begin, end = f"<!-- {name}: by docs/directives.py -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        text = "\n".join([f"{head}{begin}", *lines, f"{end}{rest.partition(end)[2]}"])
    return text
