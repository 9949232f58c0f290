"""`mmr plugins check`: whether a component, or everything of a distribution, keeps what its kind promises."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from mmr_core.cli.arguments import registry, value_of
from mmr_core.errors import WORK_FAILED, UsageError
from mmr_core.render.console import console, print_json

if TYPE_CHECKING:
    from mmr_core.testing import Outcome, Target

READER = "importer"
MARKS = {"passed": "[green]passed[/green]", "failed": "[bold red]failed[/bold red]", "skipped": "[dim]skipped[/dim]"}


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A component, or a distribution with all it provides.")],
    kind: Annotated[str | None, typer.Option(help="What is meant, where a name has several kinds.")] = None,
    example: Annotated[Path | None, typer.Option(help="A small file or folder in an importer's format.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="PARAMETER=VALUE", help="A parameter to make it with.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Check that plugins keep their contracts; the same checks as the classes of mmr_core.testing."""
    from mmr_core.testing import check_target, targets

    found = registry()
    parameters = _parameters(assignments or ())
    reports: list[dict[str, Any]] = []
    wanted = targets(name, found, kind)
    _demand_use(example, wanted)
    for target in wanted:
        with tempfile.TemporaryDirectory(prefix="mmr-check-") as workspace:
            if not json:
                _head(target)
            read = example if target.word == READER else None
            checks = check_target(target, found, Path(workspace), parameters=parameters, example=read)
            outcomes: list[Outcome] = []
            while outcome := _next(checks):
                if not json:
                    _line(outcome, told={earlier.came for earlier in outcomes})
                outcomes.append(outcome)
        reports.append(_report(target, outcomes))
    if json:
        print_json({"name": name, "passed": all(report["passed"] for report in reports), "components": reports})
    else:
        _foot(reports)
    if not all(report["passed"] for report in reports):
        raise typer.Exit(WORK_FAILED)


def _next(checks: Iterator[Outcome]) -> Outcome | None:
    """The next outcome. A component may print: on stdout stand results, and with --json nothing else."""
    with redirect_stdout(sys.stderr):
        return next(checks, None)


def _demand_use(example: Path | None, wanted: Sequence[Target]) -> None:
    if example is not None and READER not in {target.word for target in wanted}:
        raise UsageError("nothing that is checked reads a file", where=f"--example {example}", fix="leave it out")


def _parameters(assignments: Sequence[str]) -> dict[str, Any]:
    parameters = {}
    for assignment in assignments:
        parameter, equals, value = assignment.partition("=")
        if not equals or not parameter:
            raise UsageError(f"--set {assignment!r} is no setting", fix="write it as PARAMETER=VALUE")
        parameters[parameter] = value_of(value)
    return parameters


def _head(target: Target) -> None:
    what = f"{target.word} {target.contribution.canonical_id} {target.contribution.provider.version}"
    console().print(f"[bold]{escape(what)}[/bold]", highlight=False, soft_wrap=True)


def _line(outcome: Outcome, told: Collection[str]) -> None:
    """One outcome; a traceback only with the first of those that came to the same."""
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
        for line in () if outcome.came in told else outcome.details.rstrip().splitlines():
            screen.print(f"      {escape(line)}", highlight=False, soft_wrap=True, style="dim")


def _report(target: Target, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    provider = target.contribution.provider
    return {
        "kind": target.word,
        "id": target.contribution.canonical_id,
        "distribution": provider.distribution,
        "version": provider.version,
        "passed": all(outcome.verdict != "failed" for outcome in outcomes),
        "checks": [outcome.as_dict() for outcome in outcomes],
    }


def _foot(reports: Sequence[dict[str, Any]]) -> None:
    verdicts = [check["verdict"] for report in reports for check in report["checks"]]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MARKS if verdict in verdicts)
    console().print(f"\n{counts or 'nothing to check'}", highlight=False)
