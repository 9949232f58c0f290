"""Generates the documentation pages on hooks, commands and plugin checks from the program itself.

`python -m mmr_core.cli.reference docs` writes `hooks.md`, `commands.md` and `kinds/checks.md` into that folder; a
test requires that they are up to date. Only plugins of this distribution contribute commands, so that the pages are the
same everywhere.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

import typer

from mmr_core import hookspecs
from mmr_core.cli.app import application
from mmr_core.cli.arguments import PROGRAM
from mmr_core.errors import WRONG_USE
from mmr_core.hookspecs import HOOKS
from mmr_core.plugins import HOME
from mmr_core.registry import Registry
from mmr_core.store.atomic import write_atomically

MADE_BY = "<!-- Made by `python -m mmr_core.cli.reference docs`; change the docstrings, not this page. -->"

HOOKS_LEAD = f"""\
A plugin is a module named by an entry point in the group `{hookspecs.ENTRY_POINT_GROUP}`. It implements the hooks that
it needs, each marked with `@hookimpl` of `mmr_core.hookspecs`:

```toml
[project.entry-points."{hookspecs.ENTRY_POINT_GROUP}"]
mine = "my_package"
```

Hooks take no arguments and return an iterable of descriptions, for instance a generator. They are called once per
process, in the order below, for plugins in the order of (distribution, entry point). A hook only describes: keep the
entry point's module free of heavy imports, and let `target` name the class.

A plugin is left out as a whole, with a one-line warning, if its import or one of its hooks raises or exits, or if a
hook is misspelt, lacks `@hookimpl`, takes arguments, returns something of another type, or repeats a name. Nothing else
is affected, and `mmr plugins list` shows the traceback. `MMR_STRICT_PLUGINS=1` makes it an error. The major version of
the API is part of the group's name; plugins for another version are left out too.

Everything has a canonical id, `distribution/name`. The short name works as long as it is unique; the names of built-ins
are reserved.
"""

COMMANDS_LEAD = """\
Results go to stdout, everything else to stderr; `--json` prints JSON and nothing else. Exit codes: 0 done, 1 the work
failed its check, 2 wrong use. Errors are one line; `--debug`, in any position, shows the traceback.
"""


CHECKS_LEAD = """\
`mmr plugins check NAME` runs these checks, and so do the classes of `mmr_core.testing` under pytest:

```python
from mmr_core.testing import RouterConformance


class TestConformance(RouterConformance):
    name = "mmr-router-myidea/myidea"
```

They run in the order shown; an early failure explains later ones. Each failure says what was expected, what came, and
where the contract is documented. A check of an optional feature is skipped if the feature is not there. `--example
FILE` gives an importer something to read.
"""


def pages() -> dict[str, str]:
    """The generated pages by their file names."""
    return {"hooks.md": hooks_page(), "commands.md": commands_page(), "kinds/checks.md": checks_page()}


def hooks_page() -> str:
    """Every hook with its signature and its docstring, in the order in which hooks are called."""
    parts = ["# Hooks", MADE_BY, HOOKS_LEAD.rstrip()]
    for name, hook in HOOKS.items():
        specification = getattr(hookspecs, name)
        given = specification.__annotations__["return"]
        parts += [
            f"## {name}",
            f"```python\n@hookimpl\ndef {name}() -> {given}: ...\n```",
            inspect.getdoc(specification) or "",
            f"[The contract, an example and common mistakes](kinds/{hook.word}.md)",
        ]
    return "\n\n".join(parts) + "\n"


def commands_page() -> str:
    """Every command with its arguments and options."""
    parts = ["# Commands", MADE_BY, COMMANDS_LEAD.rstrip()]
    for words, command in _commands():
        parts += [f"## {' '.join((PROGRAM, *words))}", _paragraphs(command.help)]
        rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
        if rows:
            parts.append("\n".join(["| argument or option | default | what it does |", "|---|---|---|", *rows]))
    return "\n\n".join(part for part in parts if part) + "\n"


def checks_page() -> str:
    """The checks of every kind of plugin, in the order in which they are made."""
    from mmr_core.testing import CHECKS

    parts = ["# Checks", MADE_BY, CHECKS_LEAD.rstrip()]
    for word, checks in CHECKS.items():
        rows = [f"| `{check.name}` | {check.rule} | `{check.contract}` |" for check in checks]
        table = ["| check | requirement | contract |", "|---|---|---|", *rows]
        parts += [f"## {word.capitalize()}", f"[Its page]({word}.md)", "\n".join(table)]
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command without subcommands, in the order of their names."""
    own = Registry.discover(trusts=lambda distribution: distribution == HOME).commands
    # One of the engine's own commands keeps `application` from loading other plugins.
    engine: Any = typer.main.get_command(application(["run"]))
    for name in sorted({*engine.commands, *(spec.name for spec in own.all())}):
        group: Any = typer.main.get_command(application([name]))
        yield from _within((name,), group.commands[name])


def _within(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield words, command
        return
    for name in sorted(subcommands):
        yield from _within((*words, name), subcommands[name])


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        shown = parameter.metavar or parameter.name.upper()
    else:
        shown = "/".join([*parameter.opts, *parameter.secondary_opts])
        if parameter.metavar:
            shown = f"{shown} {parameter.metavar}"
    cells = (f"`{shown}`", _default(parameter), parameter.help or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, PurePath):
        value = value.as_posix()
    if value is None or value is False or callable(value) or value in ("", (), []):
        return ""
    return f"`{value}`"


def _paragraphs(text: str | None) -> str:
    return inspect.cleandoc(text or "")


def main(words: list[str]) -> int:
    """Writes the pages into the given folder; returns the exit code."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("error: expected the documentation folder: python -m mmr_core.cli.reference docs", file=sys.stderr)
        return WRONG_USE
    for name, text in pages().items():
        write_atomically(Path(words[0]) / name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
