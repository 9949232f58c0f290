"""Draws and curves as Parquet, beside the JSON that they are too large for.

`draws.parquet` and `curves.parquet` are long tables for comparing runs and for plots of your own, with words as
dictionaries and zstd, so that a line per draw costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError
from mmr_core.numerics.metrics import frontier
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.results.estimates import METRIC_NAMES
from mmr_core.results.evaluation import Column, Row, Slice

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

AGAIN = "run 'mmr run --out' again"
_POINT = ("trade_off", "cost", "utility")


class Place(NamedTuple):
    """Which row of a run: `dataset` is the run's column, which with slice and slice_kind names a slice."""

    dataset: str
    slice: str
    slice_kind: str
    row: str
    kind: str


def place_of(column: Column, part: Slice, row: Row) -> Place:
    """Where a row of a run stands."""
    return Place(column.dataset, part.name, part.kind, row.name, row.kind)


def curves_parquet(columns: Sequence[Column], seeds: Sequence[int], *, synthetic: bool) -> bytes:
    """`curves.parquet`: the operating points on the Pareto front, of every row, slice and seed.

    Columns: dataset, slice, slice_kind, row, kind, seed (null for references), trade_off (weight per unit of
    normalised cost), cost (USD per query), utility, on_frontier (whether it is a corner of the concave frontier that
    the metrics are read off).
    """
    pieces = []
    for column, part, row in _rows(columns):
        own = seeds if row.kind == "router" else (None,)
        for seed, curve in zip(own, row.curves, strict=True):
            line = frontier(curve.cost, curve.utility, part.within)
            pieces.append(
                {
                    **place_of(column, part, row)._asdict(),
                    "seed": seed,
                    **{axis: getattr(curve, axis) for axis in _POINT},
                    "on_frontier": np.isin(curve.cost + 1j * curve.utility, line.cost + 1j * line.utility),
                }
            )
    return _file(pieces, synthetic)


def draws_parquet(columns: Sequence[Column], *, synthetic: bool) -> bytes:
    """`draws.parquet`: every metric of every row and slice in every bootstrap draw, averaged over seeds.

    Columns: dataset, slice, slice_kind, row, kind, metric, draw, value (NaN where a draw has no figure). Averages over
    datasets are not stored: they follow from the draws.
    """
    pieces = [
        {
            **place_of(column, part, row)._asdict(),
            "metric": metric,
            "draw": np.arange(len(row.draws[metric]), dtype=np.int32),
            "value": row.draws[metric],
        }
        for column, part, row in _rows(columns)
        for metric in METRIC_NAMES
    ]
    return _file(pieces, synthetic)


def read_draws(path: Path, *, dataset: str | None = None, metric: str | None = None) -> dict[Place, dict[str, Floats]]:
    """The draws of each row in a `draws.parquet`, [B] by metric.

    :param dataset: only rows of this column as a whole, without its slices.
    :param metric: only this metric.
    :raises DataError: if the file is missing, or is not such a file, or draws are missing from it.
    """
    wanted: list[tuple[str, str, Any]] = [] if metric is None else [("metric", "=", metric)]
    if dataset is not None:
        wanted += [("dataset", "=", dataset), ("slice", "=", dataset), ("slice_kind", "in", ["dataset", "mixture"])]
    table = _table(path, "draws", [*Place._fields, "metric", "draw", "value"], wanted)
    values, draw = table["value"].to_numpy(), table["draw"].to_numpy()
    found: dict[Place, dict[str, Floats]] = {}
    for (*place, named), start, end in _runs(table, [*Place._fields, "metric"]):
        if not np.array_equal(draw[start:end], np.arange(end - start)):
            raise DataError(f"draws of row {place[3]!r} are missing", where=str(path), fix=AGAIN)
        found.setdefault(Place(*place), {})[named] = np.array(values[start:end], dtype=np.float64)
    return found


def read_curves(path: Path) -> dict[Place, tuple[OperatingCurve, ...]]:
    """The curves of each row in a `curves.parquet`, one per seed.

    :raises DataError: if the file is missing, or is not such a file.
    """
    table = _table(path, "curves", [*Place._fields, "seed", *_POINT], [])
    axes = [table[axis].to_numpy() for axis in _POINT]
    found: dict[Place, tuple[OperatingCurve, ...]] = {}
    for (*words, _), start, end in _runs(table, [*Place._fields, "seed"]):
        place = Place(*words)
        trade_off, cost, utility = (np.array(axis[start:end], dtype=np.float64) for axis in axes)
        curve = OperatingCurve(trade_off=trade_off, cost=cost, utility=utility)
        found[place] = (*found.get(place, ()), curve)
    return found


def _rows(columns: Sequence[Column]) -> Iterator[tuple[Column, Slice, Row]]:
    for column in columns:
        for part in (column.whole, *column.slices):
            for row in part.rows:
                yield column, part, row


def _table(path: Path, what: str, columns: list[str], wanted: list[tuple[str, str, Any]]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=columns, filters=wanted or None)
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path), fix=AGAIN) from None
    except (OSError, pa.ArrowException) as error:
        line = str(error).partition("\n")[0]
        raise DataError(f"is not a file of {what} ({line})", where=str(path), fix=AGAIN) from error
    if missing := [name for name in columns if name not in table.column_names]:
        raise DataError(f"is not a file of {what} (it has no column {missing[0]!r})", where=str(path), fix=AGAIN)
    return table


def _runs(table: pa.Table, words: list[str]) -> Iterator[tuple[tuple[Any, ...], int, int]]:
    """For each run of lines that share the values of some columns: the values, its first line and the line after it."""
    if not len(table):
        return
    changes = np.zeros(len(table) - 1, dtype=np.bool_)
    for word in words:
        codes = table[word].combine_chunks()
        codes = codes.indices if hasattr(codes, "indices") else codes.fill_null(-1) if word == "seed" else codes
        codes = codes.to_numpy(zero_copy_only=False)
        changes |= codes[1:] != codes[:-1]
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    values = zip(*(table[word].take(starts).to_pylist() for word in words), strict=True)
    yield from zip(values, starts.tolist(), [*starts[1:].tolist(), len(table)], strict=True)


def _file(pieces: list[dict[str, Any]], synthetic: bool) -> bytes:
    """One table of all pieces; a scalar in a piece applies to all of its lines."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lengths = [max(len(value) for value in piece.values() if isinstance(value, np.ndarray)) for piece in pieces]
    arrays = {name: _joined(name, [piece[name] for piece in pieces], lengths) for name in pieces[0]}
    table = pa.table(arrays).replace_schema_metadata({"mmr.synthetic": str(synthetic).lower()})
    words = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]  # figures hardly repeat
    words += [name for name in ("seed", "draw") if name in table.schema.names]
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=words)
    return bytes(sink.getvalue())


def _joined(name: str, values: list[Any], lengths: list[int]) -> pa.Array:
    import pyarrow as pa

    if isinstance(values[0], np.ndarray):
        return pa.array(np.concatenate(values))
    if name == "seed":
        return pa.array([value for value, n in zip(values, lengths, strict=True) for _ in range(n)], type=pa.int64())
    known = {word: i for i, word in enumerate(dict.fromkeys(values))}
    indices = np.repeat([known[word] for word in values], lengths).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(list(known), type=pa.string()))
