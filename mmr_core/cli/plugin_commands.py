"""`mmr plugins`: lists what is installed and what was left out, checks plugins, and writes new ones."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Sequence
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from mmr_core.cli.arguments import parsed_value, registry
from mmr_core.cli.shared_options import Json
from mmr_core.errors import WORK_FAILED, UsageError
from mmr_core.plugins import HOME
from mmr_core.render.console import console, print_json

if TYPE_CHECKING:
    from mmr_core.registry import Registry
    from mmr_core.testing import Outcome

IMPORTER = "importer"
MARKS = {"passed": "[green]passed[/green]", "failed": "[bold red]failed[/bold red]", "skipped": "[dim]skipped[/dim]"}

app = typer.Typer(name="plugins", no_args_is_help=True, help="List, check and make plugins.")


class ScaffoldKind(StrEnum):
    ROUTER = "router"
    ENCODER = "encoder"
    FUSION = "fusion"
    DATASET = "dataset"
    MODEL = "model"
    IMPORTER = "importer"
    STUDY = "study"


@app.callback()
def plugins() -> None:
    """List, check and make plugins."""


@app.command("list")
def list_plugins(json: Json = False) -> None:
    """List every dataset, model and component with its provider, and the plugins that were left out."""
    found = registry()
    rows = _rows(found)
    if json:
        print_json(
            {
                "components": rows,
                "failures": [
                    {
                        "plugin": failure.provider.plugin,
                        "distribution": failure.provider.distribution,
                        "version": failure.provider.version,
                        "stage": failure.stage,
                        "reason": failure.reason,
                        "traceback": failure.traceback,
                    }
                    for failure in found.failures
                ],
                "seconds": [
                    {"plugin": provider.plugin, "distribution": provider.distribution, "seconds": round(seconds, 4)}
                    for provider, seconds in found.discovery.seconds.items()
                ],
            }
        )
        return
    from rich.table import Table

    screen = console()
    table = Table("kind", "name", "provider", "what", box=None, header_style="bold")
    for row in rows:
        table.add_row(row["kind"], row["name"], f"{row['distribution']} {row['version']}", row["summary"])
    screen.print(table)
    for failure in found.failures:
        screen.print(str(failure), style="red", markup=False)
        screen.print(failure.traceback.rstrip(), style="dim", markup=False)


def _rows(found: Registry) -> list[dict[str, Any]]:
    return [
        {
            "kind": contribution.word,
            "name": contribution.spec.name,
            "id": contribution.canonical_id,
            "plugin": contribution.provider.plugin,
            "distribution": contribution.provider.distribution,
            "version": contribution.provider.version,
            "summary": _summary(contribution.spec),
        }
        for contribution in found.discovery.contributions
    ]


def _summary(spec: object) -> str:
    protocol = getattr(spec, "protocol", "paper")
    text = getattr(spec, "summary", "") or getattr(spec, "title", "") or getattr(spec, "help", "")
    return text if protocol == "paper" else f"{text} (--protocol {protocol})"


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A component, or a distribution and all it provides.")],
    kind: Annotated[str | None, typer.Option(help="The kind, if a name exists in several.")] = None,
    example: Annotated[Path | None, typer.Option(help="A small file or folder in an importer's format.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="PARAMETER=VALUE", help="A parameter to create it with.")
    ] = None,
    json: Json = False,
) -> None:
    """Check that plugins keep their contracts, with the same checks as the classes of mmr_core.testing."""
    from mmr_core.testing import check_target, targets

    found = registry()
    parameters = _parameters(assignments or ())
    wanted = targets(name, found, kind)
    if example is not None and all(target.word != IMPORTER for target in wanted):
        raise UsageError("no importer is checked", where=f"--example {example}", fix="leave it out")
    reports: list[dict[str, Any]] = []
    for target in wanted:
        with tempfile.TemporaryDirectory(prefix="mmr-check-") as workspace:
            provider = target.contribution.provider
            if not json:
                what = f"{target.word} {target.contribution.canonical_id} {provider.version}"
                console().print(f"[bold]{escape(what)}[/bold]", highlight=False, soft_wrap=True)
            read = example if target.word == IMPORTER else None
            checks = check_target(target, found, Path(workspace), parameters=parameters, example=read)
            outcomes: list[Outcome] = []
            while True:
                with redirect_stdout(sys.stderr):  # a component may print, and stdout is for results
                    outcome = next(checks, None)
                if outcome is None:
                    break
                if not json:
                    _print_outcome(outcome, shown={earlier.came for earlier in outcomes})
                outcomes.append(outcome)
        reports.append(
            {
                "kind": target.word,
                "id": target.contribution.canonical_id,
                "distribution": provider.distribution,
                "version": provider.version,
                "passed": all(outcome.verdict != "failed" for outcome in outcomes),
                "checks": [outcome.as_dict() for outcome in outcomes],
            }
        )
    passed = all(report["passed"] for report in reports)
    if json:
        print_json({"name": name, "passed": passed, "components": reports})
    else:
        verdicts = [check["verdict"] for report in reports for check in report["checks"]]
        counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MARKS if verdict in verdicts)
        console().print(f"\n{counts or 'nothing to check'}", highlight=False)
    if not passed:
        raise typer.Exit(WORK_FAILED)


def _parameters(assignments: Sequence[str]) -> dict[str, Any]:
    parameters = {}
    for assignment in assignments:
        parameter, equals, value = assignment.partition("=")
        if not equals or not parameter:
            raise UsageError(f"--set {assignment!r} is not an assignment", fix="write it as PARAMETER=VALUE")
        parameters[parameter] = parsed_value(value)
    return parameters


def _print_outcome(outcome: Outcome, shown: Collection[str]) -> None:
    """Prints one outcome; a traceback only with the first of several checks that failed in the same way."""
    screen = console()
    note = f"  [dim]{escape(outcome.note)}[/dim]" if outcome.note else ""
    screen.print(
        f"  {MARKS[outcome.verdict]}  {escape(outcome.name)}  {outcome.seconds:.2f} s{note}",
        highlight=False,
        soft_wrap=True,
    )
    if outcome.verdict == "failed":
        for line in outcome.explanation().splitlines():
            screen.print(f"      {escape(line)}", highlight=False, soft_wrap=True)
        for line in () if outcome.came in shown else outcome.details.rstrip().splitlines():
            screen.print(f"      {escape(line)}", highlight=False, soft_wrap=True, style="dim")


@app.command("new")
def new(
    kind: Annotated[ScaffoldKind, typer.Argument(metavar="KIND", help=f"One of {', '.join(ScaffoldKind)}.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people will type, such as 'myidea'.")],
    folder: Annotated[Path, typer.Option("--dir", help="The folder to create the new one in.")] = Path(),
    json: Json = False,
) -> None:
    """Write a new plugin: a distribution that installs, works and passes its tests."""
    from mmr_core.testing.scaffold import names_for, render, write

    contributions = registry().discovery.contributions
    taken = {one.spec.name for one in contributions if one.word == kind and one.provider.distribution == HOME}
    names = names_for(kind, name, taken=taken)
    contents = render(names)
    home = write(names, contents, folder)
    example = f" --example tests/example.{name}.jsonl" if kind is ScaffoldKind.IMPORTER else ""
    steps = [
        f"cd {quote(str(home))}",
        'python -m pip install -e ".[test]"',
        "python -m pytest",
        f"mmr plugins check {names.distribution}{example}",
    ]
    if json:
        print_json({"folder": str(home), "files": list(contents), "next": steps})
        return
    module = kind if (home / names.package / f"{kind}.py").is_file() else "__init__"
    lines = [f"[bold]{escape(names.distribution)}[/bold] is in {escape(str(home))}:"]
    lines += [f"  {escape(path)}" for path in contents]
    lines += ["\nIt works as it is. Next:", *(f"  {escape(step)}" for step in steps)]
    lines += [f"\nThen make {escape(f'{names.package}/{module}.py')} your own."]
    for line in lines:
        console().print(line, highlight=False, soft_wrap=True)
