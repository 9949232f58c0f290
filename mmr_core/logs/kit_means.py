"""Compares the means of the imported utilities with those that the kit itself states."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmr_core.logs.log_names import LogNames
    from mmr_core.logs.log_selection import ChosenGroups
    from mmr_core.logs.log_source import Aggregate
    from mmr_core.outcomes import OutcomeTable

_AXES = ("run", "judge", "filter", "metric", "scorer")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One of the kit's means beside ours.

    :param dataset, model: canonical names.
    :param category: where not "", the mean is over its instances alone.
    :param kit, imported: the two means.
    :param instances: how many known utilities ours is taken over.
    :param source: the file that states the kit's.
    """

    dataset: str
    model: str
    category: str
    kit: float
    imported: float
    instances: int
    tolerance: float
    source: str

    @property
    def agrees(self) -> bool:
        """Whether the two differ by at most the tolerance."""
        return abs(self.kit - self.imported) <= self.tolerance

    def __str__(self) -> str:
        place = f"{self.dataset}{f' ({self.category})' if self.category else ''}, {self.model}"
        verdict = "agrees with" if self.agrees else "is not"
        return (
            f"{place}: the mean of {self.instances} utilities, {self.imported:.4f}, {verdict} the kit's "
            f"{self.kit:.4f} in {self.source} (tolerance {self.tolerance:g})"
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "agrees": self.agrees}


def compare(
    table: OutcomeTable, aggregates: Sequence[Aggregate], names: LogNames, chosen: ChosenGroups
) -> tuple[Agreement, ...]:
    """Every mean of the kit that is about what was chosen, beside the mean of the known utilities of the table."""
    columns = {model.name: j for j, model in enumerate(table.models)}
    found = []
    for aggregate in aggregates:
        groups = chosen.groups.get((aggregate.dataset, aggregate.model), ())
        if not groups or not all(_is_about(aggregate, group.group) for group in groups):
            continue
        dataset, model = names.datasets[aggregate.dataset].name, names.models[aggregate.model].name
        rows = table.dataset == dataset
        if aggregate.category:
            rows = rows & (table.category == aggregate.category)
        utility = table.utility[rows, columns[model]]
        known = utility[~np.isnan(utility)]
        if len(known):
            found.append(
                Agreement(
                    dataset=dataset,
                    model=model,
                    category=aggregate.category,
                    kit=aggregate.value,
                    imported=float(known.mean()),
                    instances=len(known),
                    tolerance=aggregate.tolerance,
                    source=aggregate.source,
                )
            )
    return tuple(found)


def _is_about(aggregate: Aggregate, group: object) -> bool:
    return all(getattr(aggregate, axis) in (None, getattr(group, axis)) for axis in _AXES)
