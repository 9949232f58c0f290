"""`mmr savings`: what routing would save on a table, in USD per thousand queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmr_core.cli.arguments import ALL, registry, settings
from mmr_core.cli.options import (
    Align,
    Assignments,
    BadImages,
    Draws,
    Encoder,
    FeatureFile,
    FirstSeed,
    ImageEncoder,
    Jobs,
    LogCost,
    Models,
    OnBadImages,
    Prices,
    Seeds,
    TextEncoder,
)


def savings(
    store: Annotated[
        str | None, typer.Argument(help="A store or file with outcomes, or an embedded table. [default: embedded]")
    ] = None,
    router: Annotated[
        str | None, typer.Option(help="Routers, separated by commas, or 'all'. (default: those that are not slow)")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help=f"Datasets or mixtures, separated by commas; '{ALL}' for each. (default: all pooled)"),
    ] = None,
    models: Models = None,
    every_model: Annotated[
        bool, typer.Option("--every-model", help="Compare with every single model, not only with the best.")
    ] = False,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    features: FeatureFile = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    set_: Assignments = None,
    seed: FirstSeed = 0,
    seeds: Seeds = 1,
    draws: Draws = 1000,
    prices: Prices = None,
    jobs: Jobs = None,
    log_cost: LogCost = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page, the tables and the plot.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print savings.json on stdout and nothing else.")] = False,
) -> None:
    """Say what routing would save: cost at equal quality, quality at equal cost, against the best single model."""
    from mmr_core.cli.saving import Request, save_request
    from mmr_core.features.selection import FeatureChoice

    parameters = settings(set_ or [], registry())
    save_request(
        Request(
            data=store,
            datasets=dataset,
            routers=router,
            models=models,
            every_model=every_model,
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
            jobs=jobs,
            log_cost=log_cost,
            out=out,
            json=json,
        )
    )
