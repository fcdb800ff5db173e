"""
Writes the tables of docs/upgrading.md: what becomes of each directive of Redis 7.0, read from the server's own tables.

    python docs/directives.py

A test holds the page against the tables.
"""

from __future__ import annotations

from pathlib import Path

from tseep.configuration.directives import IGNORED, REFUSED, TWISTD

PAGE = Path(__file__).resolve().parent / "upgrading.md"


def refused() -> list[str]:
    """The lines of the table of what is refused."""
    lines = ["| directive | harmless values | why | remedy |", "|---|---|---|---|"]
    for name, (harmless, why, remedy) in REFUSED.items():
        values = ", ".join(f"`{value or chr(34) * 2}`" for value in harmless) or "none"
        lines.append(f"| `{name}` | {values} | {why} | {remedy} |")
    return lines


def ignored() -> list[str]:
    """The lines of the table of what has no effect."""
    lines = ["| about | directives |", "|---|---|"]
    return lines + [f"| {about} | {', '.join(f'`{name}`' for name in names)} |" for about, names in IGNORED.items()]


def twistd() -> list[str]:
    """The lines of the table of what twistd does."""
    return ["| directive | instead |", "|---|---|", *[f"| `{name}` | `{line}` |" for name, (_, line) in TWISTD.items()]]


TABLES: dict[str, list[str]] = {"refused": refused(), "ignored": ignored(), "twistd": twistd()}


def document(text: str) -> str:
    """The page with its tables as they have to be."""
    for name, lines in TABLES.items():
        begin, end = f"<!-- {name}: by docs/directives.py -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        text = "\n".join([f"{head}{begin}", *lines, f"{end}{rest.partition(end)[2]}"])
    return text


if __name__ == "__main__":
    PAGE.write_text(document(PAGE.read_text()))
