"""The draws and curves of a run as Parquet files, for who compares runs or draws their own plots.

Long tables with words as dictionaries and zstd, so that a row per draw costs little. `slice`, `slice_kind` and
`dataset` (the run's column) together name a slice. Averages are not stored: they follow from the draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError
from mmr_core.numerics.metrics import frontier
from mmr_core.results.model import METRIC_NAMES, Column, Row, RunResult, Slice

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

Floats = NDArray[np.float64]
RowDraws = dict[tuple[str, str, str], Floats]
"""(kind, row, metric) -> [B] draws."""


def curves_parquet(run: RunResult) -> bytes:
    """`curves.parquet`: the operating points on the Pareto front, of every row, slice and seed.

    Columns: dataset, slice, slice_kind, row, kind, seed (null for references), trade_off (weight per unit of
    normalised cost), cost (USD per query), utility, on_frontier (whether it is a corner of the
    concave frontier that the metrics are read off).
    """
    pieces = []
    for column, part, row in _rows(run):
        seeds = run.seeds if row.kind == "router" else (None,)
        for seed, curve in zip(seeds, row.curves, strict=True):
            line = frontier(curve.cost, curve.utility, part.within)
            corners = set(zip(line.cost, line.utility, strict=True))
            points = list(zip(curve.cost, curve.utility, strict=True))
            pieces.append(
                {
                    **_words(column, part, row),
                    "seed": seed,
                    "trade_off": curve.trade_off,
                    "cost": curve.cost,
                    "utility": curve.utility,
                    "on_frontier": np.array([point in corners for point in points], dtype=np.bool_),
                }
            )
    return _file(pieces, run.data.synthetic)


def draws_parquet(run: RunResult) -> bytes:
    """`draws.parquet`: every metric of every row and slice in every bootstrap draw, averaged over seeds.

    Columns: dataset, slice, slice_kind, row, kind, metric, draw, value (NaN where a draw has no figure).
    """
    pieces = [
        {
            **_words(column, part, row),
            "metric": metric,
            "draw": np.arange(len(row.draws[metric]), dtype=np.int32),
            "value": row.draws[metric],
        }
        for column, part, row in _rows(run)
        for metric in METRIC_NAMES
    ]
    return _file(pieces, run.data.synthetic)


def read_draws(path: Path, dataset: str, metric: str, draws: int) -> RowDraws:
    """The draws of one metric on a whole column, [draws] for each row.

    :raises DataError: if the file is missing, is no such file, or has another number of draws.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [("dataset", "=", dataset), ("slice", "=", dataset), ("metric", "=", metric)]
    whole = [("slice_kind", "in", ["dataset", "mixture"])]
    try:
        table = pq.read_table(path, columns=["row", "kind", "metric", "draw", "value"], filters=wanted + whole)
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path), fix="run 'mmr run --out' again") from None
    except (OSError, pa.ArrowException) as error:
        line = str(error).splitlines()[0]
        raise DataError(f"is not a file of draws ({line})", where=str(path), fix="run 'mmr run --out' again") from error
    found: RowDraws = {}
    values, draw = table["value"].to_numpy(), table["draw"].to_numpy()
    names = list(zip(*(table[word].to_pylist() for word in ("kind", "row", "metric")), strict=True))
    starts = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1]]
    for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
        if not np.array_equal(draw[start:end], np.arange(draws)):
            raise DataError(
                f"row {names[start][1]!r} has {end - start} draws where results.json has {draws}",
                where=str(path),
                fix="run 'mmr run --out' again",
            )
        found[names[start]] = np.asarray(values[start:end], dtype=np.float64)
    return found


def _rows(run: RunResult) -> Iterator[tuple[Column, Slice, Row]]:
    for column in run.columns:
        for part in (column.whole, *column.slices):
            for row in part.rows:
                yield column, part, row


def _words(column: Column, part: Slice, row: Row) -> dict[str, Any]:
    return {
        "dataset": column.dataset,
        "slice": part.name,
        "slice_kind": part.kind,
        "row": row.name,
        "kind": row.kind,
    }


def _file(pieces: list[dict[str, Any]], synthetic: bool) -> bytes:
    """One table of all pieces; in a piece, what is no array holds for all of its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lengths = [max(len(value) for value in piece.values() if isinstance(value, np.ndarray)) for piece in pieces]
    arrays = {name: _joined(name, [piece[name] for piece in pieces], lengths) for name in pieces[0]}
    table = pa.table(arrays).replace_schema_metadata({"mmr.synthetic": str(synthetic).lower()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=_dictionaries(table))
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


def _dictionaries(table: pa.Table) -> list[str]:
    """The columns of words; figures hardly ever repeat, and a dictionary of them would only cost."""
    import pyarrow as pa

    return [field.name for field in table.schema if pa.types.is_dictionary(field.type)] + [
        name for name in ("seed", "draw") if name in table.schema.names
    ]
