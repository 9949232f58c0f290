"""The options that several commands share, each described once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class AlignOption(StrEnum):
    PAD = "pad"
    TRUNCATE = "truncate"


class BadImages(StrEnum):
    ERROR = "error"
    MASK = "mask"


class ModalityOption(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    MULTIMODAL = "multimodal"


Data = Annotated[
    str | None,
    typer.Option(help="Folder or file with outcomes, or the name of an embedded table. (default: embedded)"),
]
Models = Annotated[str | None, typer.Option(help="Only these candidate models, separated by commas.")]
Encoder = Annotated[str | None, typer.Option(help="Encoder for text and images. (default: the built-in one)")]
TextEncoder = Annotated[str | None, typer.Option(help="A different encoder for text.")]
ImageEncoder = Annotated[str | None, typer.Option(help="A different encoder for images.")]
FeatureFile = Annotated[Path | None, typer.Option(help="Precomputed features: .npz with ids, text, image.")]
Align = Annotated[AlignOption | None, typer.Option(help="How to combine embeddings of different widths.")]
OnBadImages = Annotated[BadImages, typer.Option(help="Reject broken images, or mask them.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME.PARAMETER=VALUE", help="Set a component's parameter.")
]
Draws = Annotated[int, typer.Option(min=1, help="Bootstrap draws for each interval.")]
Prices = Annotated[Path | None, typer.Option(help="Price sheet (TOML) for recomputing costs from tokens.")]
AllowIncomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="Continue if over 5 % of test instances lack outcomes.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Number of worker processes. (default: one per core)")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Use a running Dask scheduler, such as tcp://host:8786."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Recompute everything; ignore results of earlier runs.")]
FirstSeed = Annotated[int, typer.Option(help="First seed.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of seeds, counting up from the first.")]
LogCost = Annotated[
    bool | None, typer.Option("--log-cost/--linear-cost", help="Cost axis of the plot. (default: by the cost range)")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]
