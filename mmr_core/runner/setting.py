"""What is known of a run before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.specs import DatasetSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a study knows of the run before anything is fitted.

    :param table: all outcomes; studies read facts and test outcomes from it, routers never see it.
    :param columns: every dataset of the table, then every mixture of which it has two members or more.
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
