"""What a run is asked to do: its choices, the routers in it, and the columns of the table that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmr_core.errors import UsageError
from mmr_core.features.aligned import View
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.specs import DatasetSpec


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices of one run.

    :param seeds: one fit per router and seed.
    :param fusion: a fusion for all routers that want one; None lets each have its own.
    :param fusion_parameters: by fusion name, what it is made with.
    :param modality: what routers see when they decide.
    :param train_modality: what they see in training; None means the same.
    :param draws: bootstrap draws per slice; categories take a fifth of them.
    :param draw_seed: seed of the draws, apart from those of the routers.
    :param allow_incomplete: go on where more than 5 % of the test instances are incomplete.
    """

    seeds: tuple[int, ...] = (0,)
    fusion: str | None = None
    fusion_parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    modality: View = "multimodal"
    train_modality: View | None = None
    draws: int = 1000
    draw_seed: int = 0
    allow_incomplete: bool = False

    def __post_init__(self) -> None:
        if not self.seeds:
            raise UsageError("no seed given", fix="give at least one")
        if len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"a seed is given twice: {', '.join(map(str, self.seeds))}", fix="give each once")
        if self.draws < 1:
            raise UsageError(f"{self.draws} bootstrap draws give no interval", fix="give at least 1")

    @property
    def category_draws(self) -> int:
        """Draws for each category: there are many of them, and each is small."""
        return max(1, self.draws // 5)


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A router in the run.

    :param name: as the registry finds it; also its name in the results.
    :param parameters: what it is made with besides the seed.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a study knows of the run before anything is fitted.

    :param table: all outcomes; studies read facts and test outcomes from it, routers never see it.
    :param columns: every dataset of the table, then every mixture with two or more members in it.
    :param routers: names of the routers in the run, in the order in which tables show them.
    :param seeds: of routers; figures are averaged over them within each draw.
    """

    table: OutcomeTable
    columns: tuple[DatasetSpec, ...]
    registry: Registry
    routers: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)

    @property
    def datasets(self) -> tuple[DatasetSpec, ...]:
        """The plain datasets."""
        return tuple(spec for spec in self.columns if not spec.members)

    @property
    def mixtures(self) -> tuple[DatasetSpec, ...]:
        """The mixtures."""
        return tuple(spec for spec in self.columns if spec.members)

    @property
    def widest(self) -> DatasetSpec:
        """The column that stands for the whole table: the mixture with most members, else the first dataset."""
        return max(self.columns, key=lambda spec: len(spec.members))
