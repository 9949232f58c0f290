"""Which columns of a published table belong to which model.

A column's name ends in exactly one suffix, and all before it is the model's name, whatever that ends in:
`a_cost_cost` is the cost of the model `a_cost`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_core.errors import DataError, SpecError
from mmr_core.specs import ModelSpec

if TYPE_CHECKING:
    from mmr_plugins.importers.published.notices import Notices
    from mmr_plugins.importers.published.sheet import Sheet

REQUIRED = ("dataset_idx", "question", "answer")
CORRECT, COST, PREDICTION, TOKEN = "_correct", "_cost", "_prediction", "_token"


@dataclass(frozen=True, kw_only=True)
class ModelColumns:
    """One model's columns.

    :param prefix: its name in the file.
    :param prediction, token: the names of these columns, or None where there is none.
    """

    prefix: str
    spec: ModelSpec
    correct: str
    cost: str
    prediction: str | None
    token: str | None


def model_columns(sheet: Sheet, known: Sequence[ModelSpec], notices: Notices) -> list[ModelColumns]:
    """The models of a table, in the order of their `_correct` columns.

    :raises DataError: if a column that every table has is absent, there is no model, or one lacks a column.
    """
    names = sheet.columns.keys()
    where = str(sheet.path)
    correct, cost = _prefixes(sheet, CORRECT), _prefixes(sheet, COST)
    if not correct and not cost:
        raise DataError(
            "is no outcome table: it has no columns '<model>_correct' and '<model>_cost'",
            where=where,
            fix="give the published CSV, or one of that layout",
        )
    for name in REQUIRED:
        if name not in names:
            raise DataError(f"is no outcome table: it has no column {name!r}", where=where, fix="add it")
    for prefix in (*correct, *cost):
        if not prefix:
            raise DataError(f"has a column {CORRECT!r} or {COST!r} that names no model", where=where, fix="rename it")
    _demand_twins(cost, CORRECT, correct, COST, where)
    _demand_twins(correct, COST, cost, CORRECT, where)
    for suffix in (PREDICTION, TOKEN):
        strays = [prefix for prefix in _prefixes(sheet, suffix) if prefix not in correct]
        notices.ignored.update(dict.fromkeys(prefix + suffix for prefix in strays))
    columns = [
        ModelColumns(
            prefix=prefix,
            spec=_spec_of(prefix, known, notices, where),
            correct=prefix + CORRECT,
            cost=prefix + COST,
            prediction=prefix + PREDICTION if prefix + PREDICTION in names else None,
            token=prefix + TOKEN if prefix + TOKEN in names else None,
        )
        for prefix in correct
    ]
    _demand_one_column_each(columns, where)
    return columns


def _prefixes(sheet: Sheet, suffix: str) -> list[str]:
    return [name.removesuffix(suffix) for name in sheet.columns if name.endswith(suffix)]


def _demand_twins(prefixes: list[str], lacking: str, twins: list[str], has: str, where: str) -> None:
    alone = [prefix for prefix in prefixes if prefix not in twins]
    if alone:
        more = f" (and {len(alone) - 1} more such columns)" if len(alone) > 1 else ""
        raise DataError(
            f"has the column {alone[0] + has!r} without {alone[0] + lacking!r}{more}",
            where=where,
            fix="add the one, or rename the other if it is not about a model",
        )


def _spec_of(prefix: str, known: Sequence[ModelSpec], notices: Notices, where: str) -> ModelSpec:
    matches = [spec for spec in known if prefix in spec.csv_columns] or [spec for spec in known if prefix == spec.name]
    if len(matches) > 1:
        raise DataError(
            f"the columns of {prefix!r} are claimed by the models {matches[0].name!r} and {matches[1].name!r}",
            where=where,
            fix="uninstall one of the plugins that describe them",
        )
    if matches:
        return matches[0]
    notices.models[prefix] = None
    try:
        return ModelSpec(name=prefix, title=prefix, csv_columns=(prefix,))
    except SpecError as error:
        raise DataError(f"{error}", where=f"{where}, column {prefix + CORRECT!r}") from None


def _demand_one_column_each(columns: Sequence[ModelColumns], where: str) -> None:
    first: dict[str, str] = {}
    for column in columns:
        other = first.setdefault(column.spec.name, column.prefix)
        if other != column.prefix:
            raise DataError(
                f"has the model {column.spec.name!r} twice, as {other!r} and {column.prefix!r}",
                where=where,
                fix="remove the columns of one",
            )
