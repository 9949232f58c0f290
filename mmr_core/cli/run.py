"""`mmr run`: evaluates routers on an outcome table, by the paper's protocol or the authors' program."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmr_core.cli.arguments import ALL, registry, settings
from mmr_core.cli.options import (
    Align,
    AllowIncomplete,
    Assignments,
    BadImages,
    Data,
    Draws,
    Encoder,
    FeatureFile,
    ImageEncoder,
    Jobs,
    LogCost,
    Models,
    OnBadImages,
    Prices,
    Seeds,
    TextEncoder,
)


class Modality(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    MULTIMODAL = "multimodal"


class ProtocolName(StrEnum):
    PAPER = "paper"
    AUTHORS = "authors"


def run(
    data: Data = None,
    dataset: Annotated[str, typer.Option(help="Datasets or mixtures, separated by commas.")] = ALL,
    router: Annotated[str, typer.Option(help="Routers, separated by commas.")] = ALL,
    models: Models = None,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    features: FeatureFile = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    fusion: Annotated[str | None, typer.Option(help="One fusion for all routers that want one.")] = None,
    modality: Annotated[Modality, typer.Option(help="What routers see.")] = Modality.MULTIMODAL,
    train_modality: Annotated[Modality | None, typer.Option(help="What they see in training.")] = None,
    set_: Assignments = None,
    seed: Annotated[int | None, typer.Option(help="First seed. (default: 0; 42 for --protocol authors)")] = None,
    seeds: Seeds = 1,
    draws: Draws = 1000,
    protocol: Annotated[ProtocolName, typer.Option(help="Our protocol, or the authors' program.")] = ProtocolName.PAPER,
    prices: Prices = None,
    allow_incomplete: AllowIncomplete = False,
    jobs: Jobs = None,
    log_cost: LogCost = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results.json, tables, curves and plots.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results.json on stdout and nothing else.")] = False,
) -> None:
    """Evaluate routers and compare them with the oracle, the single models and ignoring the query."""
    from mmr_core.cli.running import Request, run_request
    from mmr_core.features.selection import FeatureChoice

    parameters = settings(set_ or [], registry())
    run_request(
        Request(
            data=data,
            datasets=dataset,
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
            fusion=fusion,
            parameters=parameters,
            modality=modality.value,
            train_modality=None if train_modality is None else train_modality.value,
            first_seed=seed,
            seeds=seeds,
            draws=draws,
            prices=prices,
            allow_incomplete=allow_incomplete,
            jobs=jobs,
            log_cost=log_cost,
            out=out,
            json=json,
        ),
        protocol.value,
    )
