"""The neutral record that every evaluation log is read into, and batches of such records by column.

An importer of logs yields `Records`: some 10,000 records of one file at a time, so that a log of any length passes
through little memory. Formats that lie in rows make `Record`s and let `gather` turn them into batches; formats that
lie in columns make `Records` themselves. What a source does not say is left at its default, which means unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 10_000
"""How many records a batch has, about."""

AXES = ("run", "judge", "filter", "metric", "scorer", "repeat")
"""In what several records of one cell may differ. Where they do, the user chooses."""

STATUS_OF = {
    "ok": Status.OK,
    "empty": Status.OK,
    "infer_failed": Status.ERROR,
    "judge_failed": Status.MISSING,
    "judge_random": Status.MISSING,
    "truncated": Status.TRUNCATED,
    "unscored": Status.MISSING,
    "missing": Status.MISSING,
}
"""The words for what became of a cell, and the status that each means in a table.

`empty` is an answer without text that was scored all the same; `infer_failed`, no answer came; `judge_failed` and
`judge_random`, an answer came, but its label is absent or was drawn by lot; `truncated`, the answer was cut short;
`unscored`, there is no label; `missing`, the kit lists the instance without an outcome.
"""
UNKNOWN_UTILITY = frozenset({"infer_failed", "judge_failed", "judge_random", "unscored", "missing"})
"""Words whose cells have no utility, whatever number the kit put there."""

TOKEN_SOURCES = ("unknown", "reported", "retokenized", "estimated")

AMOUNTS = ("cost", "input_tokens", "cached_tokens", "image_tokens", "output_tokens", "reasoning_tokens")

_WHOLE = re.compile(r"([+-]?\d+)\.0+")


class Record(NamedTuple):
    """One outcome of one model on one instance, as one scorer saw it. Made by keyword.

    :param dataset: what the kit calls the dataset; known names and aliases are mapped later.
    :param model: what the kit calls the model.
    :param instance: the instance's id within the dataset, without the dataset's prefix; see `canonical_id`.
    :param utility: in [0, 1]; None where it is not known.
    :param native_id: the id as the kit writes it; "" where that is `instance`.
    :param metric, scorer, judge, filter, run: what told this record from others of the same cell; "" where the kit
        has no such thing. Runs of one model stand in the order of their names, so begin them with their time.
    :param repeat: the number of the attempt (epoch, sample), from 1.
    :param status: a word of `STATUS_OF`.
    :param cost: in USD; None where it is not known, never 0.
    :param input_tokens: prompt tokens of text, without those that are known to come from a cache.
    :param cached_tokens: prompt tokens from the provider's cache; None where they are counted in `input_tokens`.
    :param image_tokens: prompt tokens that stand for images; None where they are counted in `input_tokens`.
    :param output_tokens: everything generated, reasoning included.
    :param reasoning_tokens: the part of `output_tokens` that was reasoning.
    :param token_source: a word of `TOKEN_SOURCES`: who counted the tokens.
    :param question, answer, category: of the instance; "" where the log does not say.
    :param image: path of the instance's image; None where there is none or the log does not say.
    :param response: the model's answer; only asked for where `LogSource.responses` is true.
    :param row: the row or line in the file that the record came from, from 1; 0 where that means nothing.
    """

    dataset: str
    model: str
    instance: str
    utility: float | None = None
    native_id: str = ""
    metric: str = ""
    scorer: str = ""
    judge: str = ""
    filter: str = ""
    run: str = ""
    repeat: int = 1
    status: str = "ok"
    cost: float | None = None
    input_tokens: float | None = None
    cached_tokens: float | None = None
    image_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_tokens: float | None = None
    token_source: str = "unknown"
    question: str = ""
    answer: str = ""
    category: str = ""
    image: str | None = None
    response: str | None = None
    row: int = 0


_DEFAULTS = dict(Record._field_defaults)


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """n records of one file, by column.

    :param file: the file that they were read from.
    :param columns: for fields of `Record`, n values (a list, a tuple or an array), or one value that all n have.
        `instance` is always n values; `dataset` and `model` must be there too; others may be left out.
    :raises DataError: if a column is unknown, lacking, or of another length.
    """

    file: Path
    columns: Mapping[str, Any]

    def __post_init__(self) -> None:
        strange = [name for name in self.columns if name not in Record._fields]
        lacking = [name for name in ("dataset", "model", "instance") if name not in self.columns]
        if strange or lacking:
            what = f"a column {strange[0]!r} is unknown" if strange else f"a column {lacking[0]!r} is missing"
            raise DataError(f"{what} in a batch of records", where=str(self.file))
        if not _is_many(self.columns["instance"]):
            raise DataError("the column 'instance' has one value for all records", where=str(self.file))
        for name, values in self.columns.items():
            if _is_many(values) and len(values) != len(self):
                raise DataError(
                    f"column {name!r}: expected {len(self)} values, got {len(values)}", where=str(self.file)
                )

    def __len__(self) -> int:
        return len(self.columns["instance"])

    def column(self, name: str) -> Any:
        """A column as it was given: n values, or one for all; the default where it was left out."""
        return self.columns[name] if name in self.columns else _DEFAULTS[name]

    def constant(self, name: str) -> bool:
        """Whether a column is one value for all records."""
        return not _is_many(self.column(name))

    def values(self, name: str) -> list[Any]:
        """The n values of a column."""
        values = self.column(name)
        if isinstance(values, np.ndarray):
            return list(values.tolist())
        return list(values) if _is_many(values) else [values] * len(self)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The n values of a column as float64, NaN where they are None.

        :raises DataError: if one is not a number.
        """
        try:
            numbers = np.array(self.column(name), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the column {name!r} has a value that is not a number: {error}", where=str(self.file)
            ) from None
        return np.broadcast_to(numbers, (len(self),))


def gather(file: Path, records: Iterable[Record], *, size: int = BATCH) -> Iterator[Records]:
    """Batches of `size` records of one file; columns in which all are alike become one value.

    Where the records end in an exception, those before it are given first.
    """
    remaining = iter(records)
    failure: Exception | None = None
    while failure is None:
        rows: list[Record] = []
        try:
            rows.extend(islice(remaining, size))
        except Exception as error:
            failure = error
        if not rows:
            break
        columns: dict[str, Any] = {}
        for name, values in zip(Record._fields, zip(*rows, strict=True), strict=True):
            alike = name != "instance" and not _is_many(values[0]) and values.count(values[0]) == len(values)
            columns[name] = values[0] if alike else values
        yield Records(file=file, columns=columns)
    if failure is not None:
        raise failure


def canonical_id(value: object) -> str:
    """The one way to write an id: "12", 12, 12.0 and "12.0" are all "12"; other texts lose the blanks around them.

    :raises DataError: if there is no id.
    """
    if isinstance(value, bool) or value is None or (isinstance(value, float) and not np.isfinite(value)):
        raise DataError(f"{value!r} is not an id")
    text = str(value.item() if isinstance(value, np.generic) else value).strip()
    if not text:
        raise DataError("an id is empty")
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _is_many(values: object) -> bool:
    return isinstance(values, (list, tuple, np.ndarray)) and not (isinstance(values, np.ndarray) and values.ndim == 0)
