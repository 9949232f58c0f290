"""Which columns of a published table belong to which model.

A column's name ends in exactly one suffix, and all before it is the model's name, whatever that ends in:
`a_cost_cost` is the cost of the model `a_cost`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmr_core.errors import DataError, SpecError
from mmr_core.specs import ModelSpec

REQUIRED = ("dataset_idx", "question", "answer")
CORRECT, COST, PREDICTION, TOKEN = "_correct", "_cost", "_prediction", "_token"


@dataclass(frozen=True, kw_only=True)
class ModelColumns:
    """One model's columns.

    :param prefix: its name in the file.
    :param known: whether a plugin describes it; otherwise its spec has only the name.
    :param prediction, token: the names of these columns, or None where there is none.
    """

    prefix: str
    spec: ModelSpec
    known: bool
    correct: str
    cost: str
    prediction: str | None
    token: str | None


def model_columns(names: Sequence[str], known: Sequence[ModelSpec], where: str) -> list[ModelColumns]:
    """The models of a table with columns of these names, in the order of their `_correct` columns.

    :raises DataError: if a column that every table has is absent, there is no model, or one lacks a column.
    """
    correct, cost = _prefixes(names, CORRECT), _prefixes(names, COST)
    if not correct and not cost:
        raise DataError(
            "is not an outcome table: it has no columns '<model>_correct' and '<model>_cost'",
            where=where,
            fix="give the published CSV, or one of that layout",
        )
    for name in REQUIRED:
        if name not in names:
            raise DataError(f"is not an outcome table: it has no column {name!r}", where=where, fix="add it")
    if "" in (*correct, *cost):
        raise DataError(f"has a column {CORRECT!r} or {COST!r} that names no model", where=where, fix="rename it")
    for prefixes, has, others, lacking in ((cost, COST, correct, CORRECT), (correct, CORRECT, cost, COST)):
        alone = [prefix for prefix in prefixes if prefix not in others]
        if alone:
            more = f" (and {len(alone) - 1} more such columns)" if len(alone) > 1 else ""
            raise DataError(
                f"has the column {alone[0] + has!r} without {alone[0] + lacking!r}{more}",
                where=where,
                fix="add the one, or rename the other if it is not about a model",
            )
    columns: dict[str, ModelColumns] = {}
    for prefix in correct:
        spec = _known_spec(prefix, known, where)
        column = ModelColumns(
            prefix=prefix,
            spec=spec or _bare_spec(prefix, where),
            known=spec is not None,
            correct=prefix + CORRECT,
            cost=prefix + COST,
            prediction=prefix + PREDICTION if prefix + PREDICTION in names else None,
            token=prefix + TOKEN if prefix + TOKEN in names else None,
        )
        other = columns.setdefault(column.spec.name, column)
        if other is not column:
            raise DataError(
                f"has the model {column.spec.name!r} twice, as {other.prefix!r} and {prefix!r}",
                where=where,
                fix="remove the columns of one",
            )
    return list(columns.values())


def stray_columns(names: Sequence[str]) -> list[str]:
    """Columns that are named like a model's answers or tokens, without a model of that name in the table."""
    models = set(_prefixes(names, CORRECT))
    return [
        prefix + suffix for suffix in (PREDICTION, TOKEN) for prefix in _prefixes(names, suffix) if prefix not in models
    ]


def _prefixes(names: Sequence[str], suffix: str) -> list[str]:
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def _known_spec(prefix: str, known: Sequence[ModelSpec], where: str) -> ModelSpec | None:
    matches = [spec for spec in known if prefix in spec.csv_columns] or [spec for spec in known if prefix == spec.name]
    if len(matches) > 1:
        raise DataError(
            f"the columns of {prefix!r} are claimed by the models {matches[0].name!r} and {matches[1].name!r}",
            where=where,
            fix="uninstall one of the plugins that describe them",
        )
    return matches[0] if matches else None


def _bare_spec(prefix: str, where: str) -> ModelSpec:
    try:
        return ModelSpec(name=prefix, title=prefix, csv_columns=(prefix,))
    except SpecError as error:
        raise DataError(f"{error}", where=f"{where}, column {prefix + CORRECT!r}") from None
