"""`mmr leaderboard run`, and `run --check`: runs every submission, prints the board, publishes or compares it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.errors import WORK_FAILED, UsageError
from mmr_leaderboard.cli.init import SUBMISSIONS
from mmr_leaderboard.cli.publish import PUBLISHED, choices_file, unrecorded, write_publication

if TYPE_CHECKING:
    from mmr_leaderboard.ranking.board_run import BoardRun, RunRequest
    from mmr_leaderboard.schema import Leaderboard, Refused


TRIAL = Path("leaderboard/trial")
"""Where a run on another table, or without isolation, is published."""


OWN_CODES = {"isolation-impossible", "unjudged"}
"""Codes of what the runner could not do."""


class Isolation(StrEnum):
    """The ways of isolation, as named on the command line."""

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
        bool,
        typer.Option(
            "--check",
            help="Write nothing; compute everything anew, and fail if what is published is not what a run gives.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print leaderboard.json and nothing else.")] = False,
) -> None:
    """Validate, run, score, audit, rank and publish every submission."""
    from joblib import cpu_count

    from mmr_leaderboard.board import is_official
    from mmr_leaderboard.ranking.board_run import RunRequest

    if unsafe and isolation is not None:
        raise UsageError("--unsafe and --isolation exclude each other", fix="leave one out")
    into = out or (PUBLISHED if is_official(data) and not unsafe else TRIAL)
    if into.exists() and not into.is_dir():
        raise UsageError("not a folder", where=f"--out {into}", fix="name a folder")
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
        anew=check,
    )
    (_check if check else _publish)(request, json=json)


def _publish(request: RunRequest, *, json: bool) -> None:
    """Runs, prints and publishes; ends with exit code 1 if a submission has no row."""
    from mmr_core.render.console import note

    result = _run(request, json=json)
    _demand_isolation(result.board, request.published)
    if result.kept:
        note(
            f"{result.kept} verdicts were kept from earlier runs; {result.verified} of them, drawn at random, "
            "were computed anew"
        )
    write_publication(result.board, result.choices, request.published)
    note(f"the site begins at {request.published / 'site' / 'index.html'}")
    if result.board.refused:
        raise typer.Exit(WORK_FAILED)


def _demand_isolation(board: Leaderboard, out: Path) -> None:
    """Refuses to publish a board that lost rows only because this machine isolates nothing.

    :raises RunnerTrouble: if such a row is published now.
    """
    from mmr_leaderboard.publish.log import read_log
    from mmr_leaderboard.sandbox.contract import RunnerTrouble

    standing = read_log(out).entries
    lost = [one.slug for one in not_judged(board) if one.slug in standing]
    if lost:
        raise RunnerTrouble(
            f"this machine could not judge {len(lost)} entries that are published, such as {lost[0]!r}",
            where="the runner",
            fix="see the reasons above; what is published is unchanged",
        )


def not_judged(board: Leaderboard) -> list[Refused]:
    """The rows that the runner refused for a reason of its own, which says nothing about the entry."""
    return [one for one in board.refused if any(found.code in OWN_CODES for found in one.findings)]


def _check(request: RunRequest, *, json: bool) -> None:
    """Runs and compares with what is published; ends with exit code 1 where it differs."""
    from mmr_core.render.console import note, warn
    from mmr_leaderboard.findings import printable
    from mmr_leaderboard.publish.choices import read_choices
    from mmr_leaderboard.publish.publication import read_board, render
    from mmr_leaderboard.ranking.board_check import choice_differences, differences, stale_files

    out = request.published
    board, choices = read_board(out), read_choices(out)
    found = stale_files(out, {**render(board), **choices_file(choices)})
    result = _run(request, json=json)
    found += differences(board, result.board)
    found += choice_differences(choices, result.choices)
    found += [f"entry {one.slug!r} could not be judged: {one.findings[0].message}" for one in not_judged(result.board)]
    found += [f"{event.event} is not in the record: {event.slug}" for event in unrecorded(out, board)]
    for line in found:
        warn(printable(line))
    if found:
        warn(f"{len(found)} differences; 'mmr leaderboard run' publishes what a run gives")
        raise typer.Exit(WORK_FAILED)
    note(f"{out} is what a run gives")


def _run(request: RunRequest, *, json: bool) -> BoardRun:
    from mmr_core.render.console import note, progress, warn
    from mmr_leaderboard.ranking.board_run import run_board

    try:
        with progress(shown=not json) as watch:
            steps = watch if json or sys.stderr.isatty() else lines_of_steps(note)
            result = run_board(request, warn=warn, progress=steps)
    except KeyboardInterrupt:
        warn("interrupted: everything that was running was stopped, and what is published is unchanged")
        raise
    _show(result.board, json=json)
    return result


def lines_of_steps(say: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """Progress for where there is no terminal: one line when a step begins and one when it ends."""
    begun: set[str] = set()
    told = Lock()

    def step(what: str, done: int, total: int) -> None:
        with told:
            if what not in begun:
                begun.add(what)
                say(f"{what} ({total})")
            if done >= total:
                begun.discard(what)
                say(f"{what}: done")

    return step


def _show(board: Leaderboard, *, json: bool) -> None:
    from mmr_core.render.console import console, warn
    from mmr_core.render.terminal import show_tables
    from mmr_leaderboard.board_tables import short_table
    from mmr_leaderboard.findings import printable

    if json:
        print(board.model_dump_json(indent=2))
    else:
        show_tables(console(), [short_table(board)])
    for one in board.refused:
        for found in one.findings:
            warn(f"{printable(one.slug)} has no row: {found.code}: {found.where}: {found.message}")
    for entry in board.entries:
        for code in entry.audit.flags:
            if code not in entry.audit.signed_off:
                warn(f"{entry.slug} is flagged: {code}; see docs/audit.md")
