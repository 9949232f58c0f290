"""`mmr leaderboard init`: writes the skeleton of a submission."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmr_core.errors import UsageError

SUBMISSIONS = Path("submissions")


class KindName(StrEnum):
    """The kinds of submissions, as named on the command line."""

    PLUGIN = "plugin"
    DECISIONS = "decisions"


def init(
    slug: Annotated[str, typer.Argument(help="The new folder's name: lower-case letters, digits and '-'.")],
    kind: Annotated[KindName, typer.Option(help="A router that the runner runs, or decisions.")] = KindName.PLUGIN,
    router: Annotated[str | None, typer.Option(help="The router's name in the registry; the slug if left out.")] = None,
    requirement: Annotated[str | None, typer.Option(help="Its distribution, as name==version.")] = None,
    wheel: Annotated[
        list[Path] | None, typer.Option(help="A wheel to put into the submission, with its hash; once for each.")
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Write decisions.csv.gz with every test instance, models left empty.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Renew hashes, versions and pins of a submission that exists; the rest stays."),
    ] = False,
    submissions: Annotated[Path, typer.Option(help="The folder of submissions.")] = SUBMISSIONS,
    data: Annotated[str | None, typer.Option(help="The table to pin; the official one if left out.")] = None,
) -> None:
    """Write a valid skeleton of a submission with the right pins."""
    from mmr_core.render.console import note, progress, warn
    from mmr_leaderboard.board import board_settings, board_table, headline, own_registry
    from mmr_leaderboard.submission.pins import expected_without_features
    from mmr_leaderboard.submission.renewal import renew
    from mmr_leaderboard.submission.skeleton import requirement_of, write_skeleton

    found = own_registry()
    if update and (router or requirement or template):
        raise UsageError(
            "--update changes only hashes, versions and pins",
            fix="leave out --router, --requirement and --template, and edit submission.toml",
        )
    if router is not None and not wheel and kind is KindName.PLUGIN:
        requirement = requirement_of(router, requirement, found)
    with progress() as watch:
        table = board_table(data, board_settings(), found, warn=warn, progress=watch)
    expected = expected_without_features(table, headline(table, found))
    if update:
        for path in renew(slug, submissions, expected, wheels=wheel or ()):
            note(f"renewed {path}")
        note(f"next: 'mmr leaderboard validate {slug}'")
        return
    written = write_skeleton(
        slug,
        submissions,
        expected,
        kind.value,
        router=router,
        requirement=requirement,
        wheels=wheel or (),
        template=template,
    )
    for path in written:
        note(f"wrote {path}")
    if kind is KindName.DECISIONS and not template:
        note(f"put decisions.parquet or decisions.csv.gz beside it: {len(expected.test_ids)} test instances, models")
        note(", ".join(expected.pool))
    note(f"next: fill it in, then 'mmr leaderboard validate {slug}'")
