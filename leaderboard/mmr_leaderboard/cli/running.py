"""`mmr leaderboard run`, `publish` and `sign-off`: parse, call, print."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmr_core.errors import WORK_FAILED, UsageError
from mmr_leaderboard.cli.initialise import SUBMISSIONS
from mmr_leaderboard.cli.validating import PUBLISHED

Out = Annotated[Path, typer.Option("--out", help="The published folder.")]
TRIAL = Path("leaderboard/trial")
"""Where a run goes that is not about the official board."""


class Isolation(StrEnum):
    """A way of isolation, as it is named on the command line."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"


def run(
    data: Annotated[
        str | None, typer.Option(help="A table, as for 'mmr run'; the official one if it is left out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=f"The folder to publish into: {PUBLISHED}; {TRIAL} for another table and for --unsafe, "
            "so that a trial never replaces the official board.",
        ),
    ] = None,
    submissions: Annotated[Path, typer.Option(help="The folder of submissions.")] = SUBMISSIONS,
    jobs: Annotated[int | None, typer.Option(min=1, help="Submissions run at once; one per core if left out.")] = None,
    wheelhouse: Annotated[
        Path | None, typer.Option(help="Take wheels from this folder and from submissions only, never from an index.")
    ] = None,
    isolation: Annotated[
        Isolation | None, typer.Option(help="The way of isolation; the best that works here if left out.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Run submissions without isolation; none of them is ranked.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if what is published is not what a run gives.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print leaderboard.json and nothing else.")] = False,
) -> None:
    """Validate, run, score, audit, rank and publish every submission."""
    from joblib import cpu_count

    from mmr_leaderboard.board import is_official
    from mmr_leaderboard.cli.publication import checked, published
    from mmr_leaderboard.running.run import RunRequest

    if unsafe and isolation is not None:
        raise UsageError("--unsafe and --isolation exclude each other", fix="leave one out")
    into = out or (PUBLISHED if is_official(data) and not unsafe else TRIAL)
    if into.exists() and not into.is_dir():
        raise UsageError("it is a file", where=f"--out {into}", fix="name a folder")
    if wheelhouse is not None and not wheelhouse.is_dir():
        raise UsageError("there is no such folder", where=f"--wheelhouse {wheelhouse}", fix="make it, or leave it out")
    request = RunRequest(
        data=data,
        submissions=submissions,
        published=into,
        jobs=jobs or cpu_count(),
        wheelhouse=wheelhouse,
        method=None if isolation is None else isolation.value,
        unsafe=unsafe,
    )
    (checked if check else published)(request, json=json)


def publish(
    document: Annotated[Path, typer.Argument(help="A leaderboard.json, or the folder of one that a run wrote.")],
    out: Out = PUBLISHED,
) -> None:
    """Publish what a run wrote elsewhere; reads data, runs nothing."""
    from mmr_leaderboard.cli.publication import republished

    republished(document, out)


def sign_off(
    slug: Annotated[str, typer.Argument(help="The entry.")],
    code: Annotated[str, typer.Argument(help="The code of the audit that is signed off.")],
    by: Annotated[str, typer.Option(help="Who signs off.")],
    why: Annotated[str, typer.Option(help="The reason; it is published.")],
    out: Out = PUBLISHED,
) -> None:
    """Record that a maintainer looked at an audit's flag and lets the entry stand."""
    from mmr_core.render.console import note
    from mmr_leaderboard.publish.log import sign_off as record

    event = record(out, slug, code, by=by, why=why)
    note(f"recorded: {event.code} of {event.slug} ({event.digest}); it takes effect with the next run")


def failed() -> typer.Exit:
    """The exit of work that failed its check."""
    return typer.Exit(WORK_FAILED)
