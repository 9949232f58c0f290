"""The Parquet files of a store: the instances of a dataset, one model's outcomes on it, and where these came from.

Turns rows of an outcome table into the bytes of a file and back, without loss: NaN stays NaN, None stays None, and
texts stay as they are. Knows no folders and no manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import Status
from mmr_core.store.store_manifest import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable

NUMBERS = ("utility", "cost", "input_tokens", "image_tokens", "output_tokens")
CACHED = "cached_tokens"
"""A number that a file of outcomes has only where the source told cached tokens from others."""
STATUS_WORDS = np.array([status.name.lower() for status in Status], dtype=object)
ROW_GROUP = 1 << 16
"""How many rows are encoded at a time; the memory for writing a file grows with this, not with the file."""
_AGAIN = "import the data again into a new store"


@dataclass(frozen=True, kw_only=True, eq=False)
class Instances:
    """The n instances of one dataset.

    :param image: paths as the store keeps them, relative to it or absolute; None where there is no image.
    :param row: int64 [n], the rows they had in the table they came with.
    """

    instance_id: NDArray[np.object_]
    question: NDArray[np.object_]
    answer: NDArray[np.object_]
    category: NDArray[np.object_]
    image: NDArray[np.object_]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.instance_id)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """One model's outcomes on n instances of one dataset; `response` holds None where there is no answer."""

    instance_id: NDArray[np.object_]
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    input_tokens: NDArray[np.float64]
    image_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    response: NDArray[np.object_]
    status: NDArray[np.int8]
    cached_tokens: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.instance_id)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """bool [n]: whether a row has the model's answer."""
        return has_text(self.response)

    @property
    def known(self) -> NDArray[np.bool_]:
        """bool [n]: whether a row has any value at all."""
        known: NDArray[np.bool_] = self.answered | (self.status != Status.MISSING)
        for name in (*NUMBERS, CACHED):
            known = known | ~np.isnan(getattr(self, name))
        return known


@dataclass(frozen=True, kw_only=True, eq=False)
class Origins:
    """Where the outcomes of one model on n instances of one dataset came from; every text may be "" for unknown.

    Only imports of evaluation logs know that.

    :param instance_id: [n] whole ids; instances that the log does not mention are left out.
    :param source: [n] files, relative to the path that was imported.
    :param row: int64 [n], the row or line in that file, from 1; 0 where that means nothing.
    :param native_id: [n] ids as the kit writes them.
    :param run, judge, filter, metric, scorer: [n], which of several records of the cell this is.
    :param repeat: int64 [n], the number of the attempt; 0 where the mean of several was taken, the row being the first.
    :param status: [n], the importer's word for what became of the cell.
    :param token_source: [n], who counted the tokens.
    :param reasoning_tokens: float64 [n], the part of the output tokens that was reasoning; NaN where unknown.
    """

    instance_id: NDArray[np.object_]
    source: NDArray[np.object_]
    row: NDArray[np.int64]
    native_id: NDArray[np.object_]
    run: NDArray[np.object_]
    judge: NDArray[np.object_]
    filter: NDArray[np.object_]
    metric: NDArray[np.object_]
    scorer: NDArray[np.object_]
    repeat: NDArray[np.int64]
    status: NDArray[np.object_]
    token_source: NDArray[np.object_]
    reasoning_tokens: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.instance_id)

    def of(self, instance_id: str) -> dict[str, Any] | None:
        """The origin of one outcome by the names of the fields, or None where the log does not mention it."""
        rows = np.flatnonzero(self.instance_id == instance_id)
        if not len(rows):
            return None
        found = {field.name: getattr(self, field.name)[rows[0]] for field in fields(self)}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}


if TYPE_CHECKING:
    OriginsOf = Callable[[str, str], Origins | None]
    """Gives the origins of a (dataset, model) by their canonical names; None where there are none."""


def has_text(texts: NDArray[np.object_]) -> NDArray[np.bool_]:
    """bool [n]: which of the texts are not None."""
    return np.array(texts != None, dtype=np.bool_)  # noqa: E711, elementwise


def outcomes_of(table: OutcomeTable, rows: NDArray[np.intp], j: int) -> Outcomes:
    """The outcomes of model j on some rows of a table."""
    n = len(rows)
    return Outcomes(
        instance_id=table.instance_id[rows],
        status=table.status[rows, j],
        response=np.full(n, None, dtype=object) if table.response is None else table.response[rows, j],
        cached_tokens=np.full(n, np.nan) if table.cached_tokens is None else table.cached_tokens[rows, j],
        **{name: getattr(table, name)[rows, j] for name in NUMBERS},
    )


def instance_columns(instances: Instances) -> dict[str, NDArray[Any]]:
    """The columns of `instances/<dataset>.parquet`."""
    return {field.name: getattr(instances, field.name) for field in fields(instances)}


def outcome_columns(outcomes: Outcomes, *, cached: bool) -> dict[str, NDArray[Any]]:
    """The columns of `outcomes/<dataset>/<model>.parquet`.

    :param cached: whether the source told cached tokens from others, so that the file has a column of them.
    """
    columns = {field.name: getattr(outcomes, field.name) for field in fields(outcomes)}
    columns["status"] = STATUS_WORDS[outcomes.status]
    if not cached:
        del columns[CACHED]
    return columns


def instances_to_bytes(instances: Instances) -> memoryview:
    """The file `instances/<dataset>.parquet`."""
    return _to_bytes(instance_columns(instances))


def outcomes_to_bytes(outcomes: Outcomes) -> memoryview:
    """The file `outcomes/<dataset>/<model>.parquet`."""
    return _to_bytes(outcome_columns(outcomes, cached=not np.isnan(outcomes.cached_tokens).all()))


def origins_to_bytes(origins: Origins) -> memoryview:
    """The file `origins/<dataset>/<model>.parquet`; texts repeat a great deal, so they are kept as dictionaries."""
    columns = {field.name: getattr(origins, field.name) for field in fields(origins)}
    coded = [name for name, values in columns.items() if values.dtype == object and name != "instance_id"]
    return _to_bytes(columns, coded)


class ColumnWriter:
    """Writes one Parquet file, some rows after the other.

    :param sink: a path, or an output stream of pyarrow.
    :param coded: columns of texts that are kept as dictionaries.
    """

    def __init__(self, sink: Any, coded: Collection[str] = ()) -> None:
        self._sink = sink
        self._coded = coded
        self._writer: pq.ParquetWriter | None = None

    def write(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Appends rows, given as columns of one length, which have the same names and dtypes each time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        length = len(next(iter(columns.values())))
        for start in range(0, max(length, 1), ROW_GROUP):
            table = pa.table({name: self._array(name, v[start : start + ROW_GROUP]) for name, v in columns.items()})
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._sink, table.schema, compression="zstd")
            self._writer.write_table(table)

    def close(self) -> None:
        """Finishes the file."""
        if self._writer is not None:
            self._writer.close()

    def _array(self, name: str, values: NDArray[Any]) -> pa.Array:
        import pyarrow as pa

        if values.dtype != object:
            return pa.array(values)
        return pa.array(values.tolist(), pa.dictionary(pa.int32(), pa.string()) if name in self._coded else pa.string())


def read_instances(path: Path, digest: str | None) -> Instances:
    """Reads a file of instances, and compares its bytes with a digest unless that is None.

    :raises DataError: if it is absent, damaged, or not what the digest says.
    """
    table = _read(path, digest, [field.name for field in fields(Instances)])
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    columns["row"] = columns["row"].astype(np.int64)
    return Instances(**columns)


def read_outcomes(path: Path, digest: str | None, expected: NDArray[np.object_] | None = None) -> Outcomes:
    """Reads a file of outcomes, and compares its bytes with a digest unless that is None.

    :param expected: [n] ids; if the file has exactly these, this very array becomes `instance_id`.
    :raises DataError: if it is absent, damaged, or not what the digest says.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    needed = [field.name for field in fields(Outcomes) if field.name != CACHED]
    table = _read(path, digest, needed, optional=(CACHED,))
    codes = pc.index_in(table.column("status"), value_set=pa.array(STATUS_WORDS, pa.string()))
    if codes.null_count:
        strange = pc.unique(table.column("status").filter(pc.is_null(codes))).to_pylist()
        raise DataError(
            f"has the status {min(map(str, strange))!r}", where=str(path), fix=f"known are {', '.join(STATUS_WORDS)}"
        )
    ids = table.column("instance_id")
    same = expected is not None and ids.equals(pa.chunked_array([pa.array(expected, pa.string())]))
    numbers = {
        name: np.array(table.column(name).to_numpy(), dtype=np.float64)
        if name in table.column_names
        else np.full(len(table), np.nan)
        for name in (*NUMBERS, CACHED)
    }
    return Outcomes(
        instance_id=expected if expected is not None and same else ids.to_numpy(),
        response=table.column("response").to_numpy(),
        status=codes.to_numpy().astype(np.int8),
        **numbers,
    )


def read_origins(path: Path, digest: str | None) -> Origins:
    """Reads a file of origins, and compares its bytes with a digest unless that is None.

    :raises DataError: if it is absent, damaged, or not what the digest says.
    """
    table = _read(path, digest, [field.name for field in fields(Origins)])
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    for name, dtype in (("row", np.int64), ("repeat", np.int64), ("reasoning_tokens", np.float64)):
        columns[name] = np.array(columns[name], dtype=dtype)
    return Origins(**columns)


def _to_bytes(columns: Mapping[str, NDArray[Any]], coded: Collection[str] = ()) -> memoryview:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    writer = ColumnWriter(sink, coded)
    writer.write(columns)
    writer.close()
    return memoryview(sink.getvalue())


def _read(path: Path, digest: str | None, names: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """Columns of a Parquet file, whose bytes are compared with a digest unless that is None.

    :param optional: columns that are read where the file has them.
    :raises DataError: if it is absent, damaged, without one of the columns, or not what the digest says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("is missing, though manifest.json names it", where=str(path), fix=_AGAIN) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    if digest is not None and digest_of(content) != digest:
        raise DataError("is not the file that manifest.json describes: its digest differs", where=str(path), fix=_AGAIN)
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        lacking = [name for name in names if name not in file.schema_arrow.names]
        if lacking:
            raise DataError(f"has no column {lacking[0]!r}", where=str(path), fix=_AGAIN)
        return file.read(columns=[*names, *(name for name in optional if name in file.schema_arrow.names)])
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"is a damaged Parquet file: {reason}", where=str(path), fix=_AGAIN) from error
