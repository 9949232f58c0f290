"""Costs from tokens and a price sheet.

A price sheet is a TOML file with a version, so that results can say by which prices they were costed:

    version = "2025-08"

    [models."gpt-5"]
    output = 10.0    # USD per million tokens; required
    input = 1.25     # the other three are optional
    image = 1.25
    cached = 0.13
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PER_MILLION = 1e6


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelPrice(_Record):
    """What one model charges, in USD per million tokens of each sort.

    :param output: generated tokens.
    :param input: prompt tokens of text; None if they are not to be counted.
    :param image: prompt tokens that stand for an image; None if they are not to be counted.
    :param cached: prompt tokens from the provider's cache; None if they cost what other prompt tokens cost.
    """

    output: float = Field(ge=0, allow_inf_nan=False)
    input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    image: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class PriceSheet(_Record):
    """The prices of several models by canonical name, under one version."""

    version: str = Field(min_length=1)
    currency: Literal["USD"] = "USD"
    models: dict[str, ModelPrice]


def read_price_sheet(path: Path) -> PriceSheet:
    """The price sheet in a TOML file.

    :raises DataError: if it is absent, not TOML, or not a price sheet.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path), fix="give a price sheet in TOML") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not TOML: {error}", where=str(path)) from None
    try:
        return PriceSheet.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        place = ".".join(map(str, faults[0]["loc"]))
        unknown = faults[0]["type"] == "extra_forbidden"
        raise DataError(
            f"has {place!r}, which is not known here" if unknown else f"{place!r}: {faults[0]['msg']}",
            where=str(path),
            fix='write version = "..." and, per model, [models."name"] with output = USD per million tokens',
        ) from None


def reprice(table: OutcomeTable, sheet: PriceSheet, *, warn: Callable[[str], None] = lambda line: None) -> OutcomeTable:
    """The table with every cost computed anew from tokens.

    The old costs are not used. An outcome's cost is known if its output tokens are, and its input and
    image tokens where the sheet has a price above zero for them; an instance without an image has no image tokens.
    Cached tokens count where a table tells them from the other input tokens; where it does not, they are among those.
    An outcome whose cost is not known is missing, and one that was missing only for its cost is so no longer.

    :param warn: called with one line if outcomes lose their cost.
    :raises DataError: if the sheet lacks a model of the table.
    """
    prices = [sheet.models.get(model.name) for model in table.models]
    lacking = [model.name for model, price in zip(table.models, prices, strict=True) if price is None]
    if lacking:
        raise DataError(
            f"has no price for {', '.join(map(repr, lacking))}",
            where=f"price sheet {sheet.version!r}",
            fix='add [models."name"] with output = USD per million tokens',
        )
    cost = np.empty_like(table.cost)
    without_image = np.array([image is None for image in table.image], dtype=bool)
    for j, price in enumerate(prices):
        assert price is not None
        cost[:, j] = table.output_tokens[:, j] * price.output
        if price.input:
            cost[:, j] += table.input_tokens[:, j] * price.input
        rate = price.input if price.cached is None else price.cached
        if rate and table.cached_tokens is not None:
            cost[:, j] += np.nan_to_num(table.cached_tokens[:, j]) * rate
        if price.image:
            cost[:, j] += np.where(without_image, 0.0, table.image_tokens[:, j]) * price.image
    cost /= PER_MILLION
    known = ~(np.isnan(cost) | np.isnan(table.utility))
    status = table.status.copy()
    status[known & (status == Status.MISSING)] = Status.OK
    status[~known & (status == Status.OK)] = Status.MISSING
    _warn_of_losses(table, np.isnan(cost) & ~np.isnan(table.utility), warn)
    return replace(table, cost=cost, status=status, source=f"{table.source} (prices {sheet.version})")


def _warn_of_losses(table: OutcomeTable, lost: NDArray[np.bool_], warn: Callable[[str], None]) -> None:
    counts = {model.name: int(count) for model, count in zip(table.models, lost.sum(axis=0), strict=True) if count}
    if counts:
        each = ", ".join(f"{name} {count}" for name, count in counts.items())
        warn(f"the cost of {sum(counts.values())} outcomes is missing, because not all their tokens are known: {each}")
