"""
The program in place of C{src/redis-server}: starts tseep with the arguments of redis-server.

    server.py MODE PROGRAM [CONFIG] [--directive value ...]

The configuration file is passed on unchanged; further directives follow it in a copy, as redis-server reads them. The
suite waits for two lines of the log: C{PID: N} when the server listens, and C{Ready to accept connections}.
"""

from __future__ import annotations

import os
import runpy
import sys
import tempfile
from pathlib import Path


def main(mode: str, program: str, *arguments: str) -> None:
    """Run tseep in this process, as C{program}."""
    sys.path[0] = os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    sys.argv[:] = [program, "--mode", mode, *tseep_options(list(arguments))]
    runpy.run_module("tseep", run_name="__main__")


def tseep_options(arguments: list[str]) -> list[str]:
    """Return tseep's options for redis-server's arguments."""
    if arguments[:1] in (["-v"], ["--version"]):
        return ["--version"]
    if not arguments or arguments[0].startswith("-"):
        file, rest = None, arguments
    else:
        file, rest = arguments[0], arguments[1:]
    if not rest:
        return [] if file is None else ["--config", file]
    text = Path(file).read_text() if file is not None else ""
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as copy:
        copy.write(text + directives(rest))
    return ["--config", copy.name]


def directives(words: list[str]) -> str:
    """
    Return command-line words such as C{--save 10 1 --port 1} as lines of a configuration file, as redis-server reads
    them: a word with two dashes is a directive, unless it is the first value of one.
    """
    lines: list[list[str]] = []
    needs_value = False
    for word in words:
        if lines and (needs_value or not word.startswith("--")):
            lines[-1].append(f'"{word}"')
            needs_value = False
        else:
            lines.append([word[2:] if word.startswith("--") else word])
            needs_value = " " not in word and word != "--save"
    return "\n" + "".join(" ".join(line if line != ["save"] else ["save", '""']) + "\n" for line in lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
