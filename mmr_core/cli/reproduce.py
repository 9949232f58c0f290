"""`mmr reproduce`: makes the paper's tables and figures, and any other registered study, of an outcome table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmr_core.cli.arguments import ALL, listed, registry, settings
from mmr_core.cli.options import (
    Align,
    AllowIncomplete,
    Assignments,
    BadImages,
    Data,
    Draws,
    Encoder,
    FeatureFile,
    FirstSeed,
    ImageEncoder,
    Jobs,
    Models,
    OnBadImages,
    Prices,
    Seeds,
    TextEncoder,
)


def reproduce(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the report and the files of every table and figure.")],
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY", help="Studies, as 'mmr plugins list' names them. (default: all)"),
    ] = None,
    data: Data = None,
    router: Annotated[
        str | None,
        typer.Option(help="Routers, separated by commas, or 'all'. (default: all but those that are slow)"),
    ] = None,
    models: Models = None,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    features: FeatureFile = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    set_: Assignments = None,
    seed: FirstSeed = 0,
    seeds: Seeds = 3,
    draws: Draws = 1000,
    prices: Prices = None,
    allow_incomplete: AllowIncomplete = False,
    jobs: Jobs = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A running Dask scheduler, such as tcp://host:8786.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print findings and files as JSON on stdout and nothing else.")
    ] = False,
) -> None:
    """Reproduce the paper's tables and figures, and say of each of its findings whether it holds on this table.

    What is finished is kept: after an interruption, the same command goes on where it was.
    """
    from mmr_core.cli.reproducing import Request, reproduce_request
    from mmr_core.features.selection import FeatureChoice

    parameters = settings(set_ or [], registry())
    reproduce_request(
        Request(
            items=tuple(dict.fromkeys(name for item in items or [ALL] for name in listed(item))),
            data=data,
            routers=router,
            models=models,
            features=FeatureChoice(
                encoder=encoder,
                text_encoder=text_encoder,
                image_encoder=image_encoder,
                file=features,
                align=None if align is None else align.value,
                bad_images=bad_images.value,
                parameters=parameters,
            ),
            parameters=parameters,
            seeds=tuple(range(seed, seed + seeds)),
            draws=draws,
            prices=prices,
            allow_incomplete=allow_incomplete,
            jobs=jobs,
            cluster=cluster,
            out=out,
            json=json,
            words=tuple(context.find_root().obj or ()),
        )
    )
