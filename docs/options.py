"""
Generates docs/options.md: every option of the command line, from the server's own tables.

L{generate} writes the page.
"""

from __future__ import annotations

from tseep.configuration.kinds import Parameter
from tseep.configuration.parameters import PARAMETERS
from tseep.tap import Options

HEAD = """\
# Options

These are the options of `tseep`, `python -m tseep` and `twistd tseep`, as `tseep --help` shows them. A configuration
file accepts the parameters of all groups except the first under the same names, without the dashes, and of the first
`mode`, `listen`, `operator-listen`, `metrics`, `log-format` and `requirepass-file`. `CONFIG SET` changes those marked
"at run time".
"""
TABLE = ["| option | default | at run time | meaning |", "|---|---|---|---|"]


def row(name: str, default: str, changeable: bool, meaning: str) -> str:
    """Return a line of a table."""
    return f"| {name} | {f'`{default}`' if default else ''} | {'yes' if changeable else ''} | {meaning} |"


def of_process(options: Options) -> list[str]:
    """Return the lines of the options that are not parameters."""
    parameters = {parameter.name for parameter in PARAMETERS}
    short = {long: letter for letter, long in options.synonyms.items() if len(letter) == 1}
    lines = []
    for name in (long.rstrip("=") for long in options.longOpt):
        if name not in parameters:
            names = f"`--{name}`" + (f", `-{short[name]}`" if name in short else "")
            lines.append(row(names, options.defaults.get(name) or "", False, " ".join(options.docs[name].split())))
    return lines


def of_parameter(parameter: Parameter) -> str:
    """Return the line of a parameter."""
    choices = parameter.kind.choices
    meaning = parameter.help + (f" One of: {', '.join(f'`{choice}`' for choice in choices)}." if choices else "")
    return row(f"`--{parameter.name}`", parameter.default, not parameter.fixed, meaning)


def page() -> str:
    """Return the page."""
    parts = [HEAD, "## Process\n", *TABLE, *of_process(Options()), ""]
    for group in dict.fromkeys(parameter.group for parameter in PARAMETERS if parameter.option):
        chosen = sorted((p for p in PARAMETERS if p.group == group and p.option), key=lambda p: p.name)
        parts += [f"## {group}\n", *TABLE, *map(of_parameter, chosen), ""]
    return "\n".join(parts)
