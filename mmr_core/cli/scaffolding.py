"""`mmr plugins new`: a complete distribution of one kind, from packaged templates."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.markup import escape

from mmr_core.cli.arguments import registry
from mmr_core.plugins import HOME
from mmr_core.render.console import console, print_json
from mmr_core.testing.scaffold import names_for, render, write


class ScaffoldKind(StrEnum):
    ROUTER = "router"
    ENCODER = "encoder"
    FUSION = "fusion"
    DATASET = "dataset"
    MODEL = "model"
    IMPORTER = "importer"
    STUDY = "study"


def new(
    kind: Annotated[ScaffoldKind, typer.Argument(metavar="KIND", help=f"One of {', '.join(ScaffoldKind)}.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people will type, such as 'myidea'.")],
    folder: Annotated[Path, typer.Option("--dir", help="The folder that the new one is made in.")] = Path(),
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Write a new plugin: a distribution that installs, works and passes its tests."""
    contributions = registry().discovery.contributions
    taken = {one.spec.name for one in contributions if one.word == kind and one.provider.distribution == HOME}
    names = names_for(kind, name, taken=taken)
    contents = render(names)
    home = write(names, contents, folder)
    steps = _steps(kind, names.distribution, name, home)
    if json:
        print_json({"folder": str(home), "files": list(contents), "next": steps})
        return
    screen = console()
    screen.print(
        f"[bold]{escape(names.distribution)}[/bold] is in {escape(str(home))}:", highlight=False, soft_wrap=True
    )
    for path in contents:
        screen.print(f"  {escape(path)}", highlight=False, soft_wrap=True)
    screen.print("\nIt works as it is. Next:", highlight=False)
    for step in steps:
        screen.print(f"  {escape(step)}", highlight=False, soft_wrap=True)
    where = f"{names.package}/{kind if (home / names.package / f'{kind}.py').is_file() else '__init__'}.py"
    screen.print(f"\nThen make {escape(where)} your own.", highlight=False, soft_wrap=True)


def _steps(kind: str, distribution: str, name: str, home: Path) -> list[str]:
    example = f" --example tests/example.{name}.jsonl" if kind == ScaffoldKind.IMPORTER else ""
    return [
        f"cd {quote(str(home))}",
        'python -m pip install -e ".[test]"',
        "python -m pytest",
        f"mmr plugins check {distribution}{example}",
    ]
