"""What an inspection of a log found, as lines, rows of a table, and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.logs.log_records import AXES
from mmr_core.logs.log_selection import NONE

if TYPE_CHECKING:
    from mmr_core.logs.log_importer import ImportedLog, Inspection
    from mmr_core.logs.log_selection import Pair
    from mmr_core.logs.log_source import Question
    from mmr_core.logs.survey import Found

_ROWS = 100
"""How many (dataset, model) rows are shown on a terminal."""


def summary(seen: Inspection) -> str:
    """One line on the whole of a log."""
    found = seen.survey
    if found is None:
        return f"{seen.source.path}: something must be chosen before it can be inspected"
    pairs = found.pairs()
    means = len(found.aggregates)
    return (
        f"{seen.source.path}: {_kit(seen)}, {_counted(found.files, 'file')}, "
        f"{_counted(sum(one.records for one in found.found), 'record')}, {_counted(len(found.places), 'dataset')}, "
        f"{_counted(len({model for _, model in pairs}), 'model')}, "
        f"{means or 'no'} mean{'s' * (means != 1)} of the kit's own"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def coverage(seen: Inspection) -> tuple[tuple[str, ...], list[tuple[object, ...]], int]:
    """Columns (three texts, then numbers), rows for the first (dataset, model) pairs, and how many are left out."""
    columns = ("dataset", "model", "told apart by", "cells", "of", "scored", "tokens", "costs", "mean utility")
    if seen.survey is None or seen.names is None:
        return columns, [], 0
    rows: list[tuple[object, ...]] = []
    pairs = seen.survey.pairs()
    for pair, every in list(pairs.items())[:_ROWS]:
        found = _chosen(seen, pair) or every
        rows.append(
            (
                seen.names.datasets[pair[0]].name,
                seen.names.models[pair[1]].name,
                _told_apart(every, found),
                _cells(found),
                len(seen.survey.places[pair[0]]),
                _between(one.scored for one in found),
                _between(one.tokens for one in found),
                _between(one.costs for one in found),
                _between(f"{one.mean:.4f}" for one in found if one.mean is not None),
            )
        )
    return columns, rows, max(len(pairs) - _ROWS, 0)


def question_line(question: Question) -> str:
    """One open choice on one line: what is asked, the candidates, and what to type."""
    if not question.candidates:
        return f"choose: {question.why}: add --select {question.key}=..."
    each = "; ".join(f"{value} ({remark})" if remark else value for value, remark in question.candidates.items())
    options = " or ".join(f"--select {_quoted(f'{question.key}={value}')}" for value in question.candidates)
    return f"choose: {question.why}: {each}: add {options}"


def as_dict(seen: Inspection, imported: ImportedLog | None = None) -> dict[str, Any]:
    """Everything for JSON: what was found, what is open, and, of a finished import, how means compare."""
    from mmr_core.logs.log_importer import notices_of

    content: dict[str, Any] = {
        "path": str(seen.source.path),
        "format": _kit(seen),
        "open": [
            {"select": q.key, "why": q.why, "candidates": [{"value": v, "remark": r} for v, r in q.candidates.items()]}
            for q in seen.open
        ],
        "warnings": notices_of(seen, imported),
    }
    if seen.survey is not None and seen.names is not None:
        content["files"] = seen.survey.files
        content["kit_means"] = len(seen.survey.aggregates)
        content["coverage"] = [
            {
                "dataset": seen.names.datasets[pair[0]].name,
                "model": seen.names.models[pair[1]].name,
                "kit_dataset": pair[0],
                "kit_model": pair[1],
                "instances": len(seen.survey.places[pair[0]]),
                "cells": _cells(found),
                "groups": [_group(one, one in _chosen(seen, pair)) for one in found],
            }
            for pair, found in seen.survey.pairs().items()
        ]
    if imported is not None:
        content["means"] = [agreement.as_dict() for agreement in imported.agreements]
    return content


def _kit(seen: Inspection) -> str:
    return seen.importer.kit or type(seen.importer).__name__


def _chosen(seen: Inspection, pair: Pair) -> list[Found]:
    return [] if seen.chosen is None else list(seen.chosen.groups.get(pair, ()))


def _group(found: Found, chosen: bool) -> dict[str, Any]:
    return {
        **{axis: getattr(found.group, axis) for axis in AXES},
        "chosen": chosen,
        "records": found.records,
        "cells": found.cells,
        "scored": found.scored,
        "outside_range": found.outside,
        "tokens_known": found.tokens,
        "costs_known": found.costs,
        "mean_utility": found.mean,
    }


def _cells(found: list[Found]) -> int:
    return int(np.logical_or.reduce([one.seen for one in found]).sum())


def _told_apart(every: list[Found], found: list[Found]) -> str:
    """The axes in which the records differ, each with what was chosen of it."""
    parts = []
    for axis in AXES:
        if len({getattr(one.group, axis) for one in every}) > 1:
            labels = list(dict.fromkeys(str(getattr(one.group, axis)) or NONE for one in found))
            parts.append(f"{axis} {', '.join(labels[:4])}{', ...' if len(labels) > 4 else ''}")
    return "; ".join(parts)


def _between(values: Iterable[object]) -> str:
    distinct = sorted(set(values), key=float)  # type: ignore[arg-type]
    return "-" if not distinct else str(distinct[0]) if len(distinct) == 1 else f"{distinct[0]}..{distinct[-1]}"


def _quoted(word: str) -> str:
    from shlex import quote

    return quote(word)
