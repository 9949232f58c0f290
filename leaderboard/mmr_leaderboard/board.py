"""The board: the table that entries are ranked on, opened and prepared once.

Only plugins of the benchmark's own distribution are known here; nothing that somebody submitted is ever imported in
this process.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmr_core.contracts import Progress, no_progress
from mmr_core.features import FeatureCache, FeatureSource, cache_folder, cache_root
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.logs.table_sources import open_table
from mmr_core.outcomes import OutcomeTable
from mmr_core.plugins import HOME
from mmr_core.registry import Registry
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import Prepared, columns_of, prepare
from mmr_core.specs import DatasetSpec


class BoardSettings(BaseModel):
    """The settings of the official board, from `board.toml` of this package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    title: str
    data: str = Field(description="the value of --data")
    encoder: str = Field(description="the encoder of the embeddings that routers get unless they bring their own")
    draws: int = Field(ge=1, description="bootstrap draws behind every interval")
    draw_seed: int = Field(ge=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """One table, opened and prepared for ranking.

    :param pinned: whether this is the official table, whose digests submissions pin.
    :param column: the ranked dataset or mixture: the last mixture of the table, else its first dataset.
    :param source: makes the embeddings that routers get.
    """

    settings: BoardSettings
    pinned: bool
    table: OutcomeTable
    column: Prepared
    source: FeatureSource
    registry: Registry


def board_settings() -> BoardSettings:
    """The settings of the official board."""
    return BoardSettings.model_validate(tomllib.loads((files(__package__) / "board.toml").read_text("utf-8")))


def is_official(data: str | None) -> bool:
    """Whether `--data` means the official table."""
    return data is None or data == board_settings().data


def own_registry() -> Registry:
    """The registry of the benchmark's own plugins; imports no other distribution."""
    return Registry.discover(trusts=lambda distribution: distribution == HOME)


def board_table(
    data: str | None,
    settings: BoardSettings,
    registry: Registry,
    *,
    warn: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
) -> OutcomeTable:
    """The table of a board; the official one if `data` is None.

    :raises MMRError: as `open_table` does.
    """
    return open_table(data or settings.data, registry, cache=cache_root(), warn=warn, progress=progress)


def headline(table: OutcomeTable, registry: Registry) -> DatasetSpec:
    """The ranked dataset or mixture: the last mixture of the table, else its first dataset."""
    columns = columns_of(table, registry.datasets.all())
    mixtures = [spec for spec in columns if spec.members]
    return mixtures[-1] if mixtures else columns[0]


def open_board(
    data: str | None = None,
    *,
    settings: BoardSettings | None = None,
    registry: Registry | None = None,
    cache: Path | None = None,
    warn: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
) -> Board:
    """Opens a table, and splits and encodes the ranked column.

    :param data: the value of `--data`; None means the official table.
    :param cache: where embeddings are kept; the user's cache folder if None.
    :raises MMRError: if the table cannot be read, encoded or split.
    """
    chosen = settings or board_settings()
    found = registry or own_registry()
    table = board_table(data, chosen, found, warn=warn, progress=progress)
    source = feature_source(
        FeatureChoice(encoder=chosen.encoder),
        found,
        cache=FeatureCache(cache or cache_folder()),
        warn=warn,
        progress=progress,
    )
    options = Options(draws=chosen.draws, draw_seed=chosen.draw_seed)
    return Board(
        settings=chosen,
        pinned=data is None or data == chosen.data,
        table=table,
        column=prepare(table, headline(table, found), source, options),
        source=source,
        registry=found,
    )
