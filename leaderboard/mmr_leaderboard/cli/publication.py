"""Carries out `mmr leaderboard run` and `publish`: runs, prints, writes, compares. Apart, so that help stays quick."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from mmr_core.render.console import console, note, progress, warn
from mmr_core.render.numbers import number, with_interval
from mmr_leaderboard.cli.running import failed
from mmr_leaderboard.findings import printable
from mmr_leaderboard.publish.checking import choice_differences, differences, stale_files
from mmr_leaderboard.publish.choices import FILE as CHOICES
from mmr_leaderboard.publish.choices import Choices, choices_text, read_choices
from mmr_leaderboard.publish.files import publish, read_board, render
from mmr_leaderboard.publish.log import Event, append, news, read_log
from mmr_leaderboard.publish.schema import Entry, Leaderboard
from mmr_leaderboard.running.run import RunRequest, RunResult, run_board


def published(request: RunRequest, *, json: bool) -> None:
    """Runs, prints and publishes; ends with exit code 1 if a submission has no row."""
    result = _run(request, json=json)
    _write(result.board, result.choices, request.published)
    if result.board.refused:
        raise failed()


def checked(request: RunRequest, *, json: bool) -> None:
    """Runs and compares with what is published; ends with exit code 1 where it differs."""
    out = request.published
    board, choices = read_board(out), read_choices(out)
    found = stale_files(out, {**render(board), **_choices(choices)})
    result = _run(request, json=json)
    found += differences(board, result.board)
    found += choice_differences(choices, result.choices)
    found += [f"{event.event} is not in the record: {event.slug}" for event in _news(out, board)]
    for line in found:
        warn(printable(line))
    if found:
        warn(f"{len(found)} differences; 'mmr leaderboard run' publishes what a run gives")
        raise failed()
    note(f"{out} is what a run gives")


def republished(document: Path, out: Path) -> None:
    """Publishes a document that a run wrote elsewhere."""
    board = read_board(document)
    folder = document if document.is_dir() else document.parent
    choices = read_choices(folder)
    if choices is None:
        warn(f"{folder} has no {CHOICES}: versions that come later cannot be compared with these")
    _write(board, choices, out)


def _run(request: RunRequest, *, json: bool) -> RunResult:
    try:
        with progress(shown=not json) as watch:
            result = run_board(request, warn=warn, progress=watch)
    except KeyboardInterrupt:
        warn("interrupted: what was running was stopped, and what is published is as it was")
        raise
    _show(result.board, json=json)
    return result


def _write(board: Leaderboard, choices: Choices | None, out: Path) -> None:
    """What is published first, then the record: a kill in between leaves a line to be added by the next run.

    A broken record is told before anything is replaced.
    """
    read_log(out)
    for path in publish(board, out, also=_choices(choices)):
        if path.parent == out:
            note(f"wrote {path}")
    append(out, _news(out, board))


def _choices(choices: Choices | None) -> dict[str, bytes]:
    return {} if choices is None else {CHOICES: choices_text(choices).encode()}


def _news(out: Path, board: Leaderboard) -> list[Event]:
    standing = {entry.slug: entry.digest for entry in board.entries}
    return news(read_log(out), standing, {one.slug: one.findings[0].message for one in board.refused if one.findings})


def _show(board: Leaderboard, *, json: bool) -> None:
    if json:
        print(board.model_dump_json(indent=2))
    else:
        console().print(_table(board))
    for one in board.refused:
        for found in one.findings:
            warn(f"{printable(one.slug)} has no row: {found.code}: {found.where}: {found.message}")
    for entry in board.entries:
        for code in entry.audit.flags:
            if code not in entry.audit.signed_off:
                warn(f"{entry.slug} is flagged: {code}; see docs/audit.md")


def _table(board: Leaderboard) -> Table:
    kind = "synthetic outcomes" if board.table.synthetic else "observed outcomes"
    table = Table(
        title=f"{board.title}: {board.table.title}, {board.table.test:,} test instances, {kind}",
        box=SIMPLE,
        pad_edge=False,
    )
    for name in ("rank", "entry", "nAUC", "skill", "peak", "QNC"):
        table.add_column(name, justify="left" if name == "entry" else "right", no_wrap=True)
    for entry in board.entries:
        metrics = entry.metrics
        table.add_row(
            _rank(entry),
            escape(printable(entry.display_name, 24)),
            with_interval(metrics["nauc"]),
            number(metrics["skill"].value),
            number(metrics["peak"].value),
            number(metrics["qnc"].value),
        )
    for reference in board.references:
        if ":" not in reference.name:
            values = [reference.metrics[name] for name in ("nauc", "skill", "peak", "qnc")]
            figures = [with_interval(values[0]), *(number(value.value) for value in values[1:])]
            table.add_row("", escape(reference.name), *figures, style="dim")
    return table


def _rank(entry: Entry) -> str:
    if entry.rank is None:
        return "–"
    return f"{entry.rank} ({entry.rank_low}–{entry.rank_high})"
