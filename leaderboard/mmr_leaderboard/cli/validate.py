"""`mmr leaderboard validate`: the same validation locally and in pull requests."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.errors import WORK_FAILED, DataError, UsageError
from mmr_leaderboard.cli.init import SUBMISSIONS
from mmr_leaderboard.cli.publish import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmr_leaderboard.findings import Finding
    from mmr_leaderboard.submission.validation import Change, Submission


CHANGES = 16 << 20
"""The largest list of changed files, in bytes."""


def validate(
    slugs: Annotated[
        list[str] | None, typer.Argument(metavar="[SLUG]...", help="Submissions; all, or the changed one, if left out.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A table, as for 'mmr run'; the official one if it is left out.")
    ] = None,
    submissions: Annotated[Path, typer.Option(help="The folder of submissions.")] = SUBMISSIONS,
    out: Annotated[
        Path, typer.Option("--out", help="The published folder, with the versions that were scored.")
    ] = PUBLISHED,
    changed_files: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Changed files, separated by NUL, as of 'git diff -z'; '-' reads stdin."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Find everything that would get a submission refused; exit with 1 if there is anything."""
    from mmr_core.render.console import console, print_json
    from mmr_leaderboard.findings import refused

    change = None if changed_files is None else _change(changed_files)
    asked = set(slugs or ()) | set(change.slugs if change is not None else ())
    withdrawn = {slug for slug in (change.slugs if change is not None else ()) if not (submissions / slug).exists()}
    every = change is None and not slugs
    judged = _judged(submissions, None if every else asked - withdrawn, data, out, shown=not json)
    found = () if change is None else change.findings
    if json:
        print_json(_document(judged, found, sorted(withdrawn)))
    else:
        for line in _lines(judged, found, sorted(withdrawn)):
            console().print(line, markup=False, highlight=False, soft_wrap=True)
    if refused(found) or any(one.refused for one in judged):
        raise typer.Exit(WORK_FAILED)


def _change(source: str) -> Change:
    from mmr_leaderboard.submission.validation import judge_change

    if source == "-":
        listed = sys.stdin.buffer.read(CHANGES + 1)
    else:
        try:
            with open(source, "rb") as file:
                listed = file.read(CHANGES + 1)
        except OSError as error:
            raise UsageError(
                f"it cannot be read: {error.strerror or error}",
                where=f"--changed-files {source}",
                fix="name a file that 'git diff --name-only --no-renames -z' wrote, or '-'",
            ) from error
    if len(listed) > CHANGES:
        raise DataError(f"has more than {CHANGES:,} bytes", where="--changed-files", fix="list the files of one change")
    return judge_change(listed)


def _judged(submissions: Path, asked: set[str] | None, data: str | None, out: Path, *, shown: bool) -> list[Submission]:
    """The requested submissions, validated beside all others; None requests all."""
    from mmr_core.render.console import progress, warn
    from mmr_leaderboard.board import board_settings, board_table, headline, own_registry
    from mmr_leaderboard.findings import printable
    from mmr_leaderboard.publish.log import read_log
    from mmr_leaderboard.submission.folder import submission_folders
    from mmr_leaderboard.submission.pins import expected_without_features
    from mmr_leaderboard.submission.validation import judge_all

    folders = submission_folders(submissions)
    unknown = sorted((asked or set()) - {folder.name for folder in folders})
    if unknown:
        raise UsageError(
            f"there is no submission {printable(unknown[0])!r}", where=str(submissions), fix="check its name"
        )
    if asked is not None and not asked:
        return []
    settings, found = board_settings(), own_registry()
    pinned = data is None or data == settings.data
    with progress(shown=shown) as watch:
        table = board_table(data, settings, found, warn=warn, progress=watch)
        expected = expected_without_features(table, headline(table, found))
        scored: Mapping[str, str] = read_log(out).entries if pinned else {}
        judged = judge_all(folders, expected, scored, pinned=pinned, progress=watch)
    return [_with_wheels(one) for one in judged if asked is None or one.slug in asked]


def _with_wheels(submission: Submission) -> Submission:
    """The submission, with the findings about its wheels and the template's examples; only `run` asks an index."""
    from dataclasses import replace

    from mmr_leaderboard.packaging.runtime import wheel_findings
    from mmr_leaderboard.packaging.wheel_sources import WheelSources
    from mmr_leaderboard.submission.statements import placeholder_findings

    manifest = submission.manifest
    if manifest is None:
        return submission
    found = list(submission.findings)
    if manifest.router is not None and not submission.refused:
        found += wheel_findings(manifest.router, WheelSources(submission=submission.folder))
    return replace(submission, findings=(*found, *placeholder_findings(manifest)))


def _document(judged: Sequence[Submission], change: Sequence[Finding], withdrawn: Sequence[str]) -> dict[str, object]:
    return {
        "submissions": [
            {
                "slug": one.slug,
                "valid": not one.refused,
                "kind": None if one.manifest is None else one.manifest.kind,
                "digest": one.digest,
                "findings": [asdict(found) for found in one.findings],
            }
            for one in judged
        ],
        "withdrawn": list(withdrawn),
        "change": [asdict(found) for found in change],
    }


def _lines(judged: Sequence[Submission], change: Sequence[Finding], withdrawn: Sequence[str]) -> list[str]:
    from mmr_leaderboard.findings import printable

    lines = [f"change: {found}" for found in change]
    lines += [f"{slug}: withdrawn" for slug in withdrawn]
    for one in judged:
        slug = printable(one.slug)
        lines += [f"{slug}: {found}" for found in one.findings] or [f"{slug}: valid ({one.digest})"]
    return lines or ["nothing to validate"]
