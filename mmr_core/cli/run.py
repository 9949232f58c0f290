"""`mmr run`: evaluates routers on an outcome table, by the paper's protocol or the authors' program."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmr_core.cli.choices import ALL, settings
from mmr_core.cli.console import registry


class Modality(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    MULTIMODAL = "multimodal"


class ProtocolName(StrEnum):
    PAPER = "paper"
    AUTHORS = "authors"


class Alignment(StrEnum):
    PAD = "pad"
    TRUNCATE = "truncate"


class BadImages(StrEnum):
    ERROR = "error"
    MASK = "mask"


def run(
    data: Annotated[
        str | None,
        typer.Option(help="Folder or file with outcomes, or an embedded table by name. (default: embedded)"),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Datasets or mixtures, separated by commas.")] = ALL,
    router: Annotated[str, typer.Option(help="Routers, separated by commas.")] = ALL,
    models: Annotated[str | None, typer.Option(help="Only these candidate models, separated by commas.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder of text and images. (default: the built-in one)")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="Another encoder for text.")] = None,
    image_encoder: Annotated[str | None, typer.Option(help="Another encoder for images.")] = None,
    features: Annotated[Path | None, typer.Option(help="Precomputed features: .npz with ids, text, image.")] = None,
    align: Annotated[Alignment | None, typer.Option(help="What to do with embeddings of unequal widths.")] = None,
    bad_images: Annotated[BadImages, typer.Option(help="Refuse broken images, or mask them.")] = BadImages.ERROR,
    fusion: Annotated[str | None, typer.Option(help="One fusion for all routers that want one.")] = None,
    modality: Annotated[Modality, typer.Option(help="What routers see.")] = Modality.MULTIMODAL,
    train_modality: Annotated[Modality | None, typer.Option(help="What they see in training.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter: NAME.PARAMETER=VALUE.")] = None,
    seed: Annotated[int | None, typer.Option(help="First seed. (default: 0; 42 for --protocol authors)")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, counted up from the first.")] = 1,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap draws behind each interval.")] = 1000,
    protocol: Annotated[ProtocolName, typer.Option(help="Our protocol, or the authors' program.")] = ProtocolName.PAPER,
    prices: Annotated[Path | None, typer.Option(help="Price sheet (TOML) to recompute costs from tokens.")] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Go on where over 5 % of test instances lack outcomes.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes that fit and measure. (default: one per core)")
    ] = None,
    log_cost: Annotated[bool | None, typer.Option("--log-cost/--linear-cost", help="Cost axis of the plot.")] = None,
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
