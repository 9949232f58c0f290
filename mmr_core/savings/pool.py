"""Which datasets are looked at, and which models of a table can take part in a page on savings.

A model without a single known cost, or utility, on a dataset would leave no instance of it to compare on, so it is
left out and named. What is unknown is never taken for 0 and never for a mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable
from mmr_core.specs import DatasetSpec

REPRICE = "give prices with --prices FILE, or compute costs from tokens by 'mmr data reprice'"
POOLED = "pooled"


def pooled(table: OutcomeTable) -> DatasetSpec:
    """All that is in a table as one column: its one dataset, or all of its datasets pooled."""
    names = table.dataset_names
    if len(names) == 1:
        return table.spec_of(names[0])
    specs = [table.spec_of(name) for name in names]
    return DatasetSpec(
        name=_free_name(names),
        title=f"All {len(names)} datasets pooled",
        scenario=specs[0].scenario,
        modalities=specs[0].modalities,
        members=names,
    )


def comparable(table: OutcomeTable, spec: DatasetSpec) -> tuple[OutcomeTable, dict[str, str]]:
    """The table with the models that can be compared on a column, and the others with the reason.

    :raises DataError: if no cost is known at all, or fewer than two models are left.
    """
    datasets = spec.members or (spec.name,)
    rows = {name: table.dataset == name for name in datasets if (table.dataset == name).any()}
    inside = np.isin(table.dataset.astype(str), datasets)
    if inside.any() and np.isnan(table.cost[inside]).all():
        raise DataError("no cost of any model is known, so nothing can be saved", where=_place(spec), fix=REPRICE)
    reasons: dict[str, str] = {}
    for j, model in enumerate(table.models):
        for what, outcomes in (("cost", table.cost), ("utility", table.utility)):
            without = [name for name, mine in rows.items() if np.isnan(outcomes[mine, j]).all()]
            if without and model.name not in reasons:
                reasons[model.name] = f"no {what} of it is known on {', '.join(without)}"
    kept = [model.name for model in table.models if model.name not in reasons]
    if len(kept) < 2:
        first, reason = next(iter(reasons.items()), ("", ""))
        raise DataError(
            f"{len(kept)} of {len(table.models)} models can be compared{f': of {first!r}, {reason}' if first else ''}",
            where=_place(spec),
            fix=REPRICE if "no cost" in reason else "savings need two models with outcomes",
        )
    return (table.take_models(kept) if reasons else table), reasons


def _free_name(taken: Sequence[str]) -> str:
    """A name for the pool that no dataset has."""
    return next(name for name in (POOLED, *(f"{POOLED}-{i}" for i in range(len(taken)))) if name not in taken)


def _place(spec: DatasetSpec) -> str:
    return f"dataset {spec.name!r}"
