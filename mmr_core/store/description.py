"""The contents of an outcome table in numbers, for `mmr data info`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.splits import SPLIT_NAME, split_digest, train_mask, validation_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """One model on one dataset.

    :param utility: mean of the known utilities; None where none is known.
    :param cost: mean of the known costs in USD; None where none is known.
    :param missing: instances on which the utility or the cost is not known.
    """

    name: str
    utility: float | None
    cost: float | None
    missing: int


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """One dataset: its size, its parts (validation is part of train), what its queries have, and its models.

    :param complete: instances on which every model's utility and cost are known.
    """

    name: str
    title: str
    scenario: str
    instances: int
    train: int
    validation: int
    test: int
    with_text: int
    with_image: int
    complete: int
    categories: int
    models: tuple[ModelSummary, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """A whole table."""

    source: str
    synthetic: bool
    digest: str
    split: str
    split_digest: str
    instances: int
    models: tuple[str, ...]
    datasets: tuple[DatasetSummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """The description as JSON has it."""
        return asdict(self)


def describe(table: OutcomeTable) -> Description:
    """The description of a table, datasets and models in its own order."""
    complete = table.complete
    return Description(
        source=table.source,
        synthetic=table.synthetic,
        digest=table.digest(),
        split=SPLIT_NAME,
        split_digest=split_digest(table.dataset, table.instance_id),
        instances=len(table),
        models=tuple(model.name for model in table.models),
        datasets=tuple(
            _summary(table, np.flatnonzero(table.dataset == name), complete) for name in table.dataset_names
        ),
    )


def _summary(table: OutcomeTable, rows: NDArray[np.intp], complete: NDArray[np.bool_]) -> DatasetSummary:
    """The summary of the dataset that has these rows."""
    spec = table.spec_of(table.dataset[rows[0]])
    train = train_mask(table.dataset[rows], table.instance_id[rows])
    validation = validation_mask(table.dataset[rows], table.instance_id[rows])
    models = []
    for j, model in enumerate(table.models):
        utility, cost = table.utility[rows, j], table.cost[rows, j]
        missing = int((np.isnan(utility) | np.isnan(cost)).sum())
        models.append(ModelSummary(name=model.name, utility=_mean(utility), cost=_mean(cost), missing=missing))
    return DatasetSummary(
        name=spec.name,
        title=spec.title,
        scenario=spec.scenario,
        instances=len(rows),
        train=int(train.sum()),
        validation=int(validation.sum()),
        test=len(rows) - int(train.sum()),
        with_text=sum(bool(question.strip()) for question in table.question[rows]),
        with_image=sum(path is not None for path in table.image[rows]),
        complete=int(complete[rows].sum()),
        categories=len({category for category in table.category[rows] if category}),
        models=tuple(models),
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None
