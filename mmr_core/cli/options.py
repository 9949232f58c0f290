"""The options that several commands share, each described once: what a table is opened and encoded with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Alignment(StrEnum):
    PAD = "pad"
    TRUNCATE = "truncate"


class BadImages(StrEnum):
    ERROR = "error"
    MASK = "mask"


Data = Annotated[
    str | None,
    typer.Option(help="Folder or file with outcomes, or an embedded table by name. (default: embedded)"),
]
Models = Annotated[str | None, typer.Option(help="Only these candidate models, separated by commas.")]
Encoder = Annotated[str | None, typer.Option(help="Encoder of text and images. (default: the built-in one)")]
TextEncoder = Annotated[str | None, typer.Option(help="Another encoder for text.")]
ImageEncoder = Annotated[str | None, typer.Option(help="Another encoder for images.")]
FeatureFile = Annotated[Path | None, typer.Option(help="Precomputed features: .npz with ids, text, image.")]
Align = Annotated[Alignment | None, typer.Option(help="What to do with embeddings of unequal widths.")]
OnBadImages = Annotated[BadImages, typer.Option(help="Refuse broken images, or mask them.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="A parameter: NAME.PARAMETER=VALUE.")]
Draws = Annotated[int, typer.Option(min=1, help="Bootstrap draws behind each interval.")]
Prices = Annotated[Path | None, typer.Option(help="Price sheet (TOML) to recompute costs from tokens.")]
AllowIncomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="Go on where over 5 % of test instances lack outcomes.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes that fit and measure. (default: one per core)")]
FirstSeed = Annotated[int, typer.Option(help="First seed.")]
Seeds = Annotated[int, typer.Option(min=1, help="How many seeds, counted up from the first.")]
LogCost = Annotated[bool | None, typer.Option("--log-cost/--linear-cost", help="Cost axis of the plot.")]
