"""What `mmr reproduce` says when it is done: each finding in words, what could not be made, and what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from mmr_core.render.exhibits.facts import RunFacts
from mmr_core.render.exhibits.findings import findings_json
from mmr_core.render.numbers import name as harmless
from mmr_core.results import CellFailure
from mmr_core.studies import Results
from mmr_core.studies.plan import Conducted

VERDICTS = {True: "[bold green]holds[/]", False: "[bold red]does not hold[/]", None: "[bold]cannot be told[/]"}


def findings_lines(conducted: Conducted, results: Results) -> Iterator[str]:
    """Every finding with its verdict, and what could not be made, as rich markup."""
    for finding in (finding for _, report in conducted.reports for finding in report.findings):
        yield f"[bold]{_shown(finding.name)}[/bold]: {VERDICTS[finding.holds]}"
        yield f"  {_shown(finding.words)}"
        yield f"  [dim]Rule: {_shown(finding.rule)}[/dim]"
        if finding.published:
            yield f"  [dim]Published: {_shown(finding.published)}[/dim]"
        yield ""
    for study, reason in conducted.unavailable.items():
        yield f"not made: {_shown(f'{study}: {reason}')}"
    for study, report in conducted.reports:
        for gap in report.gaps:
            yield f"not made: {_shown(f'{study}: {gap.what}: {gap.reason}')}"
    for reason in not_measured(results):
        yield f"not measured: {_shown(reason)}"


def not_measured(results: Results) -> list[str]:
    """Why cells cannot be had of this table or on this machine; a reason of many cells stands once."""
    return list(dict.fromkeys(failure.reason for failure in results.failures if failure.unavailable))


def failure_lines(conducted: Conducted, results: Results) -> list[str]:
    """What broke, one line each; studies first."""
    lines = [f"study {failure.study!r} failed: {failure.reason}" for failure in conducted.failures]
    lines += dict.fromkeys(cell_failure(failure) for failure in broken(results))
    return lines


def cell_failure(failure: CellFailure) -> str:
    """Why a cell is missing, in a line that cells of other seeds and parameters share."""
    cell = failure.cell
    who = "the reference rows" if cell.router is None else f"router {cell.router!r}"
    return f"{who} failed on dataset {cell.test!r}: {failure.reason}"


def broken(results: Results) -> list[CellFailure]:
    """The cells in which something broke, and which this table could have given."""
    return [failure for failure in results.failures if not failure.unavailable]


def told_json(conducted: Conducted, results: Results, facts: RunFacts, files: Sequence[Path]) -> dict[str, Any]:
    """What `findings.json` holds, with the reasons of missing cells, what failed, how many cells, and the files."""
    return {
        **json.loads(findings_json(conducted.reports, facts)),
        "not_measured": not_measured(results),
        "failures": failure_lines(conducted, results),
        "cells": {"measured": facts.measured, "kept": facts.cached, "failed": len(results.failures)},
        "files": [str(path) for path in files],
    }


def _shown(text: str) -> str:
    return escape(harmless(text))
