"""The outcome table: every model's utility and cost on every instance, with what a query consists of.

One table holds the instances of one or several datasets and the same K models for all of them. Missing is neither
wrong nor free: it is NaN in both arrays, with a status that says why. `store` keeps tables on disk; importers read
them from foreign files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.specs import DatasetSpec, ModelSpec


_BLOCK = 1 << 16
"""Rows that are looked at together, so that checking a long table takes little memory."""


class Status(IntEnum):
    """What became of an outcome. `MISSING` where its utility or its cost is unknown, even if the other is known."""

    OK = 0
    MISSING = 1
    ERROR = 2
    TRUNCATED = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class OutcomeTable:
    """Outcomes of n instances x K models. Rows keep the order of the file they came from.

    :param dataset: [n] canonical dataset names (of members, never of a mixture).
    :param instance_id: [n] whole ids, such as "MathVision_12"; unique within a dataset.
    :param question: [n] texts; "" where the query has none.
    :param answer: [n] reference answers; never shown to a router.
    :param category: [n] categories; "" where the table has none.
    :param image: [n] paths, or None where the instance has no image; a path may name a file that is absent.
    :param models: K specs, in the order of the arrays' columns.
    :param columns: K names the models have in the source, such as CSV column prefixes.
    :param utility: float64 [n, K] in [0, 1], NaN where missing.
    :param cost: float64 [n, K] in USD, NaN where missing.
    :param status: int8 [n, K] of `Status`.
    :param input_tokens, image_tokens, output_tokens: float64 [n, K], NaN where unknown.
    :param response: [n, K] answers of the models, None for one that is not known; None if the source has none at all.
    :param datasets: the specs of all datasets that occur in `dataset`.
    :param source: where the table came from, for people.
    :param synthetic: whether the outcomes were generated rather than observed.
    :param cached_tokens: float64 [n, K], prompt tokens read from the provider's cache, which are then not among
        `input_tokens`; NaN where the source does not tell them apart, None if it never does.
    :raises DataError: if shapes disagree, an id occurs twice, or a number is outside its range.
    """

    dataset: NDArray[np.object_]
    instance_id: NDArray[np.object_]
    question: NDArray[np.object_]
    answer: NDArray[np.object_]
    category: NDArray[np.object_]
    image: NDArray[np.object_]
    models: tuple[ModelSpec, ...]
    columns: tuple[str, ...]
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    status: NDArray[np.int8]
    input_tokens: NDArray[np.float64]
    image_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    response: NDArray[np.object_] | None
    datasets: tuple[DatasetSpec, ...]
    source: str
    synthetic: bool = False
    cached_tokens: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n, models = len(self.instance_id), len(self.models)
        for name in ("dataset", "question", "answer", "category", "image"):
            _demand_shape(getattr(self, name), (n,), name, self.source)
        for name in ("utility", "cost", "status", "input_tokens", "image_tokens", "output_tokens"):
            _demand_shape(getattr(self, name), (n, models), name, self.source)
        if self.response is not None:
            _demand_shape(self.response, (n, models), "response", self.source)
        if self.cached_tokens is not None:
            _demand_shape(self.cached_tokens, (n, models), "cached_tokens", self.source)
        if len(self.columns) != models:
            raise DataError(f"{len(self.columns)} column names for {models} models", where=self.source)
        names = [model.name for model in self.models]
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"model {name!r} occurs twice", where=self.source, fix="remove one of them")
        unknown = set(self.dataset) - {spec.name for spec in self.datasets}
        if unknown:
            raise DataError(f"no spec for dataset {min(unknown)!r}", where=self.source)
        ids: dict[str, set[str]] = {name: set() for name in set(self.dataset)}
        for dataset, idx in zip(self.dataset, self.instance_id, strict=True):
            if idx in ids[dataset]:
                raise DataError(f"instance {idx!r} occurs twice", where=self.source, fix="remove one of them")
            ids[dataset].add(idx)
        self._demand_range("utility", lambda values: (values < 0) | (values > 1), "outside [0, 1]")
        for name in ("cost", "input_tokens", "image_tokens", "output_tokens", "cached_tokens"):
            self._demand_range(name, lambda values: (values < 0) | np.isinf(values), "negative or infinite")
        self._demand_range("status", lambda codes: (codes < min(Status)) | (codes > max(Status)), "not known")

    def _demand_range(self, name: str, wrong: Callable[[NDArray[Any]], NDArray[np.bool_]], fault: str) -> None:
        values = getattr(self, name)
        if values is None or _is_unknown_numbers(values):
            return
        for start in range(0, len(self), _BLOCK):
            found = wrong(values[start : start + _BLOCK])
            if found.any():
                row, column = np.argwhere(found)[0]
                raise DataError(
                    f"{name} {values[start + row, column]} of model {self.models[column].name!r} is {fault}",
                    where=f"{self.source}, instance {self.instance_id[start + row]!r}",
                )

    def __len__(self) -> int:
        return len(self.instance_id)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """[n] whether every model's utility and cost on the instance are known."""
        complete = np.empty(len(self), dtype=np.bool_)
        for start in range(0, len(self), _BLOCK):
            rows = slice(start, start + _BLOCK)
            complete[rows] = ~(np.isnan(self.utility[rows]) | np.isnan(self.cost[rows])).any(axis=1)
        return complete

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """Canonical names of the datasets that have at least one instance, in order of first appearance."""
        return tuple(dict.fromkeys(self.dataset))

    def spec_of(self, dataset: str) -> DatasetSpec:
        """The spec of a dataset that occurs in the table.

        :raises DataError: if the table has no such dataset.
        """
        for spec in self.datasets:
            if spec.name == dataset:
                return spec
        raise DataError(f"no dataset {dataset!r} in the table", where=self.source)

    def take(self, rows: NDArray[Any]) -> OutcomeTable:
        """The table of some rows, given as indices or as a mask, in the order given; nothing is shared."""
        count = len(self.instance_id[rows])
        picked: dict[str, Any] = {
            field.name: unknown_numbers((count, len(self.models)))
            if _is_unknown_numbers(value)
            else np.array(value[rows])
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **picked)

    def take_models(self, names: Sequence[str]) -> OutcomeTable:
        """The table of some models, in the order given.

        :raises DataError: if the table has no such model.
        """
        position = {model.name: j for j, model in enumerate(self.models)}
        absent = [name for name in names if name not in position]
        if absent:
            raise DataError(f"no model {absent[0]!r} in the table", where=self.source)
        chosen = [position[name] for name in names]
        picked: dict[str, Any] = {
            field.name: unknown_numbers((len(self), len(chosen)))
            if _is_unknown_numbers(value)
            else np.array(value[:, chosen])
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray) and value.ndim == 2
        }
        return replace(
            self,
            models=tuple(self.models[j] for j in chosen),
            columns=tuple(self.columns[j] for j in chosen),
            **picked,
        )

    def canonical_order(self) -> NDArray[np.intp]:
        """Indices that put rows in the one canonical order: by dataset name, then by instance id."""
        keys = sorted(range(len(self)), key=lambda i: (self.dataset[i], self.instance_id[i]))
        return np.array(keys, dtype=np.intp)

    def digest(self) -> str:
        """A digest of models, ids, questions, categories, utilities and costs that ignores the order of rows."""
        state = blake2b(digest_size=16)
        state.update("\0".join(model.name for model in self.models).encode())
        order = self.canonical_order()
        for i in order:
            row = (self.dataset[i], self.instance_id[i], self.question[i], self.category[i])
            state.update("\0".join(row).encode() + b"\1")
        for numbers in (self.utility, self.cost):
            # One NaN and one zero: bits that compare alike must not make digests differ.
            state.update(np.where(np.isnan(numbers), np.nan, numbers + 0.0)[order].tobytes())
        return state.hexdigest()


def unknown_numbers(shape: tuple[int, int]) -> NDArray[np.float64]:
    """float64 of this shape, NaN everywhere: a read-only view of one number, whatever the shape."""
    return np.broadcast_to(np.float64(np.nan), shape)


def _is_unknown_numbers(numbers: NDArray[Any]) -> bool:
    """Whether an array is what `unknown_numbers` makes."""
    if numbers.ndim != 2 or numbers.strides != (0, 0) or numbers.flags.writeable or numbers.dtype != np.float64:
        return False
    return numbers.size > 0 and bool(np.isnan(numbers[0, 0]))


def object_array(values: Iterable[Any]) -> NDArray[np.object_]:
    """A one-dimensional object array of exactly these values."""
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


def _demand_shape(array: NDArray[Any], shape: tuple[int, ...], name: str, source: str) -> None:
    if array.shape != shape:
        raise DataError(f"{name}: expected shape {shape}, got {array.shape}", where=source)
