"""`mmr leaderboard publish` and `sign-off`, and writing a publication with its record, which `run` does too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmr_leaderboard.publish.choices import Choices
    from mmr_leaderboard.publish.log import Event
    from mmr_leaderboard.schema import Leaderboard

PUBLISHED = Path("leaderboard/published")
Out = Annotated[Path, typer.Option("--out", help="The published folder.")]


def publish(
    document: Annotated[Path, typer.Argument(help="A leaderboard.json, or the folder of one that a run wrote.")],
    out: Out = PUBLISHED,
) -> None:
    """Publish what a run wrote elsewhere; reads data, runs nothing."""
    from mmr_core.render.console import warn
    from mmr_leaderboard.publish.choices import FILE, read_choices
    from mmr_leaderboard.publish.publication import read_board

    board = read_board(document)
    folder = document if document.is_dir() else document.parent
    choices = read_choices(folder)
    if choices is None:
        warn(f"{folder} has no {FILE}: later versions cannot be compared with these")
    write_publication(board, choices, out)


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


def write_publication(board: Leaderboard, choices: Choices | None, out: Path) -> None:
    """Writes what is published, then the record: after a kill in between, the next run adds the missing line.

    A broken record is reported before anything is replaced.
    """
    from mmr_core.render.console import note
    from mmr_leaderboard.publish.log import append, read_log
    from mmr_leaderboard.publish.publication import publish as replace_publication

    read_log(out)
    for path in replace_publication(board, out, also=choices_file(choices)):
        if path.parent == out:
            note(f"wrote {path}")
    append(out, unrecorded(out, board))


def choices_file(choices: Choices | None) -> dict[str, bytes]:
    """The file of choices that is published beside the board; none without choices."""
    from mmr_leaderboard.publish.choices import FILE, choices_text

    return {} if choices is None else {FILE: choices_text(choices).encode()}


def unrecorded(out: Path, board: Leaderboard) -> list[Event]:
    """What has happened on the board that the record in a published folder does not say yet."""
    from mmr_leaderboard.publish.log import news, read_log

    digests = {entry.slug: entry.digest for entry in board.entries}
    return news(read_log(out), digests, {one.slug: one.findings[0].message for one in board.refused if one.findings})
