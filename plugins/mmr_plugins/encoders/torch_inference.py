"""What encoders that run a network of PyTorch share: device, precision, exact arithmetic, and reading of images."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from mmr_core.errors import FeatureError, UsageError

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def demand_usable(encoder: str, *, precision: str, batch_size: int) -> None:
    """:raises UsageError: if there is no such precision, or the batch size is below 1."""
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision {precision!r} for {encoder}", fix=f"use one of {', '.join(PRECISIONS)}")
    if batch_size < 1:
        raise UsageError(f"{encoder} cannot take batches of {batch_size}", fix="use a batch size of 1 or more")


def device_of(name: str | None) -> torch.device:
    """The device of that name; None: cuda where there is one.

    :raises UsageError: if there is none.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"there is no device {name!r}", fix="use 'cpu', 'cuda' or 'cuda:0'") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {name!r} was asked for, and PyTorch finds no GPU", fix="leave the device out")
    return device


def exactly(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Convolutions in float32 as on a CPU: cuDNN would otherwise round their inputs to 10 bits."""
    if precision != "fp32" or device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def opened(path: Path) -> Image.Image:
    """An image, converted to RGB as Pillow does it.

    :raises FeatureError: if it cannot be opened; it names the file.
    """
    # Decoders of damaged files raise nearly anything; the file is named.
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except Exception as error:
        raise FeatureError(
            f"the image cannot be opened ({error})",
            where=str(path),
            fix="restore it, or leave it out with --bad-images mask",
        ) from error


def valid_text(text: str) -> str:
    """The text with lone surrogates replaced, which UTF-8, and so every tokenizer, cannot represent."""
    return text.encode("utf-8", "replace").decode()
