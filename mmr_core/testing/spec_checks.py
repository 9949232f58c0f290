"""The checks of datasets and models, which are only described.

A spec is valid once it exists; here it is checked against all other specs, the splits and the store.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec
from mmr_core.splits import train_mask
from mmr_core.store import OutcomeStore
from mmr_core.testing.contract_check import Broken, Check, NotApplicable
from mmr_core.testing.practice_data import pool
from mmr_core.testing.shared_checks import LISTING_CHECK
from mmr_core.testing.subjects import FactSubject

DATASET = "mmr_core.specs.DatasetSpec"
MODEL = "mmr_core.specs.ModelSpec"
INSTANCES = 200


def _dataset(subject: FactSubject) -> DatasetSpec:
    spec = subject.contribution.spec
    if not isinstance(spec, DatasetSpec):
        raise Broken(type(spec).__name__, expected="a DatasetSpec")
    return spec


def _model(subject: FactSubject) -> ModelSpec:
    spec = subject.contribution.spec
    if not isinstance(spec, ModelSpec):
        raise Broken(type(spec).__name__, expected="a ModelSpec")
    return spec


def _dataset_described(subject: FactSubject) -> str:
    spec = _dataset(subject)
    if not spec.title.strip():
        raise Broken("its title is empty")
    if spec.expected_instances is not None and spec.expected_instances < 1:
        raise Broken(f"expected_instances is {spec.expected_instances}", expected="a number above 0, or None")
    unsaid = [name for name in ("licence", "homepage") if getattr(spec, name) in ("", "unknown")]
    return f"does not state its {' and '.join(unsaid)}" if unsaid and not spec.members else ""


def _dataset_found(subject: FactSubject) -> None:
    spec = _dataset(subject)
    for name in (subject.contribution.canonical_id, spec.name, *spec.aliases):
        found = subject.registry.find_dataset(name)
        if found.canonical_id != subject.contribution.canonical_id:
            raise Broken(f"{name!r} finds {found.canonical_id}")


def _prefixes(subject: FactSubject) -> None:
    spec = _dataset(subject)
    if spec.members:
        raise NotApplicable("a mixture has no instances of its own")
    for other in _others(subject, subject.registry.datasets.specs()):
        if other.spec.id_prefix and other.spec.id_prefix.casefold() == spec.id_prefix.casefold():
            raise Broken(f"{other.canonical_id} also has the id prefix {spec.id_prefix!r}")


def _members(subject: FactSubject) -> str:
    spec = _dataset(subject)
    if not spec.members:
        raise NotApplicable("it is not a mixture")
    for name in spec.members:
        if subject.registry.datasets.find(name).spec.members:
            raise Broken(f"its member {name!r} is itself a mixture")
    return f"{len(spec.members)} members"


def _dataset_table(subject: FactSubject) -> str:
    spec = _dataset(subject)
    if spec.members:
        raise NotApplicable("a mixture has no instances of its own")
    table = _table(spec, pool(3))
    train = train_mask(table.dataset, table.instance_id)
    _through_a_store(subject, table)
    return f"{int(train.sum())} of {INSTANCES} made-up instances are in its training split"


def _model_described(subject: FactSubject) -> str:
    spec = _model(subject)
    if not spec.title.strip():
        raise Broken("its title is empty")
    for name in ("parameters_b", "context_length"):
        value = getattr(spec, name)
        if value is not None and not value > 0:
            raise Broken(f"{name} is {value}", expected="a number above 0, or None if unknown")
    return "" if spec.price.output is not None else "its price is unknown, so costs cannot be computed from tokens"


def _model_columns(subject: FactSubject) -> None:
    spec = _model(subject)
    own = {column.casefold() for column in spec.csv_columns}
    if len(own) < len(spec.csv_columns):
        raise Broken(f"csv_columns {spec.csv_columns} name a column twice")
    for other in _others(subject, subject.registry.models.specs()):
        shared = own & {column.casefold() for column in other.spec.csv_columns}
        if shared:
            raise Broken(f"{other.canonical_id} also has the column {min(shared)!r}")


def _model_found(subject: FactSubject) -> None:
    spec = _model(subject)
    for name in (subject.contribution.canonical_id, spec.name):
        found = subject.registry.models.find(name)
        if found.canonical_id != subject.contribution.canonical_id:
            raise Broken(f"{name!r} finds {found.canonical_id}")


def _model_table(subject: FactSubject) -> None:
    dataset = DatasetSpec(
        name="practice", title="Practice", scenario="math", modalities=("text",), id_prefix="Practice"
    )
    _through_a_store(subject, _table(dataset, (*pool(2), _model(subject))))


def _others(subject: FactSubject, items: Sequence[Any]) -> Iterator[Any]:
    return (item for item in items if item.canonical_id != subject.contribution.canonical_id)


def _through_a_store(subject: FactSubject, table: OutcomeTable) -> None:
    folder = subject.workspace / "store"
    shutil.rmtree(folder, ignore_errors=True)
    OutcomeStore(folder).add(table)
    stored = OutcomeStore.open(folder).table()
    if (stored.models, stored.datasets) != (table.models, table.datasets) or stored.digest() != table.digest():
        raise Broken("it changed when it was stored")


def _table(dataset: DatasetSpec, models: tuple[ModelSpec, ...]) -> OutcomeTable:
    rng = np.random.default_rng(23)
    shape = (INSTANCES, len(models))
    unknown = np.full(shape, np.nan)
    nothing = object_array([None] * INSTANCES)
    return OutcomeTable(
        dataset=object_array([dataset.name] * INSTANCES),
        instance_id=object_array(f"{dataset.id_prefix}_{i}" for i in range(INSTANCES)),
        question=object_array(f"What is {i} and {i}?" for i in range(INSTANCES)),
        answer=object_array(str(2 * i) for i in range(INSTANCES)),
        category=object_array([""] * INSTANCES),
        image=nothing,
        models=models,
        columns=tuple(model.name for model in models),
        utility=(rng.random(shape) < 0.5).astype(np.float64),
        cost=rng.random(shape) / 1e4,
        status=np.full(shape, Status.OK, dtype=np.int8),
        input_tokens=unknown,
        image_tokens=unknown.copy(),
        output_tokens=unknown.copy(),
        response=None,
        datasets=(dataset,),
        source="practice data",
        synthetic=True,
    )


DATASET_CHECKS: tuple[Check[FactSubject], ...] = (
    Check(name="described", rule="it has a title, and counts are above 0", contract=DATASET, look=_dataset_described),
    Check(
        name="found-by-its-names",
        rule="its name and its aliases find it and no other dataset",
        contract=DATASET,
        look=_dataset_found,
    ),
    Check(
        name="own-id-prefix",
        rule="no other dataset has its id prefix (ignoring case)",
        contract=DATASET,
        look=_prefixes,
    ),
    Check(name="members-exist", rule="the members of a mixture are plain datasets", contract=DATASET, look=_members),
    Check(
        name="makes-a-table",
        rule="a table of its instances is split, stored and read back",
        contract="mmr_core.outcomes.OutcomeTable",
        look=_dataset_table,
    ),
    LISTING_CHECK,
)

MODEL_CHECKS: tuple[Check[FactSubject], ...] = (
    Check(
        name="described",
        rule="it has a title, and sizes are above 0 or None",
        contract=MODEL,
        look=_model_described,
    ),
    Check(
        name="found-by-its-names",
        rule="its name finds it and no other model",
        contract=MODEL,
        look=_model_found,
    ),
    Check(
        name="own-columns",
        rule="no other model has any of its csv_columns (ignoring case)",
        contract=MODEL,
        look=_model_columns,
    ),
    Check(
        name="makes-a-table",
        rule="a table with it in the pool is stored and read back",
        contract="mmr_core.outcomes.OutcomeTable",
        look=_model_table,
    ),
    LISTING_CHECK,
)
