"""The importer of RouterBench: one wide table, as the pickled pandas frame that is published or as CSV.

A row is a prompt: `sample_id`, `prompt`, `eval_name`, and for each model `<m>` (its score), `<m>|model_response` and
`<m>|total_cost` (USD). `oracle_model_to_route_to` follows from the rest and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import found, table_rows
from mmr_plugins.importers.harness import first_text
from mmr_plugins.importers.log_fields import columns_of, matching, number_in, paid_in, pickled, sniffs

if TYPE_CHECKING:
    from pathlib import Path


_PICKLES = "*routerbench*.pkl"
_KEYS = frozenset({"sample_id", "prompt", "eval_name"})
_COST, _RESPONSE = "|total_cost", "|model_response"
_SHOTS = re.compile(r"(\d+)[-_ ]?shot")
_MMLU = "mmlu-"
_PLACES = {"arc-challenge": ("arc", "challenge"), "grade-school-math": ("gsm8k", "")}
_STRIDE = 1000


class RouterBenchImporter(LogImporter):
    """Reads one file, or a folder with some: `*routerbench*.pkl`, and CSV files with the same columns.

    Subjects of MMLU become one dataset, with the subject as category; `grade-school-math` is GSM8K. Ids are
    `sample_id`. The number of shots is in the names of files alone; it tells records apart as a scorer.
    """

    kit = "RouterBench"

    def sniff(self, path: Path) -> bool:
        """Whether there is a pickle of that name, or a CSV file with the columns."""
        try:
            return bool(found(path, _PICKLES)) or sniffs(path, "*.csv", columns_of, _KEYS)
        except OSError:
            return False

    def files(self, source: LogSource) -> Sequence[Path]:
        """The pickles and the CSV files."""
        if source.path.is_file():
            return [source.path]
        return sorted([*matching(source, "*.csv", columns_of, _KEYS), *found(source.path, _PICKLES)])

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per prompt and model.

        :raises DataError: if the file is not such a table, or is a pickle that may not be read.
        """
        if file.suffix == ".csv":
            return gather(file, _records(file, columns_of(file), table_rows(file, source), source))
        frame = _frame(file, source)
        return gather(file, _records(file, frame.columns, _rows(frame), source))


def _frame(file: Path, source: LogSource) -> Any:
    import pandas as pd

    frame = pickled(file, source)
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"holds a {type(frame).__name__}, not a pandas frame")
    if not frame.columns.is_unique:
        raise DataError("has two columns of one name")
    return frame


def _rows(frame: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for start in range(0, len(frame), _STRIDE):
        part = frame.iloc[start : start + _STRIDE]
        rows = zip(*(part[name].tolist() for name in part.columns), strict=True)
        for row, cells in enumerate(rows, start=start + 1):
            yield row, dict(zip(part.columns, cells, strict=True))


def _records(
    file: Path, columns: Iterable[str], rows: Iterable[tuple[int, Mapping[str, Any]]], source: LogSource
) -> Iterator[Record]:
    models = _models(tuple(columns))
    shots = _SHOTS.search(file.stem)
    scorer = f"{shots[1]}-shot" if shots else ""
    for row, cells in rows:
        try:
            instance = canonical_id(cells["sample_id"])
            dataset, category = _place(cells["eval_name"])
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        question = first_text(cells["prompt"]) or ""
        for model in models:
            try:
                utility, cost = number_in(cells[model]), paid_in(cells[model + _COST])
            except DataError as error:
                source.fault(file, f"{model}: {error}", row=row)
                continue
            response = first_text(cells.get(model + _RESPONSE))
            yield Record(
                dataset=dataset,
                model=model,
                instance=instance,
                utility=utility,
                scorer=scorer,
                status="empty" if utility is not None and response is not None and not response.strip() else "ok",
                cost=cost,
                question=question,
                category=category,
                response=response if source.responses else None,
                row=row,
            )


def _models(columns: tuple[str, ...]) -> list[str]:
    names = {name for name in columns if isinstance(name, str)}
    if not names:
        raise DataError("is empty, or no table")
    lacking = sorted(_KEYS - names)
    if lacking:
        raise DataError(f"has no column {lacking[0]!r}")
    models = [name for name in columns if isinstance(name, str) and name + _COST in names]
    if not models:
        raise DataError(f"has no model: no column <m> beside a column <m>{_COST}")
    return models


def _place(name: object) -> tuple[str, str]:
    """The dataset and the category that an `eval_name` stands for."""
    if not isinstance(name, str) or not name.strip():
        raise DataError("has no eval_name")
    if name.startswith(_MMLU):
        return "mmlu", name.removeprefix(_MMLU).replace("-", "_")
    return _PLACES.get(name, (name, ""))
