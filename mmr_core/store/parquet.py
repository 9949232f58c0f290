"""The two main sorts of Parquet files in a store: the instances of a dataset, and one model's outcomes on it.

Turns rows of an outcome table into the bytes of a file and back, without loss: NaN stays NaN, None stays None, and
texts stay as they are. Knows no folders and no manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import Status
from mmr_core.store.manifest import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable

NUMBERS = ("utility", "cost", "input_tokens", "image_tokens", "output_tokens")
CACHED = "cached_tokens"
"""A number that a file of outcomes has only where the source told cached tokens from others."""
STATUS_WORDS = np.array([status.name.lower() for status in Status], dtype=object)


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
    def known(self) -> NDArray[np.bool_]:
        """bool [n]: whether a row says anything at all."""
        answered = np.array([text is not None for text in self.response], dtype=bool)
        numbers = np.stack([getattr(self, name) for name in (*NUMBERS, CACHED)])  # [6, n]
        return np.array(answered | (self.status != Status.MISSING) | ~np.isnan(numbers).all(axis=0), dtype=bool)


def outcomes_of(table: OutcomeTable, rows: NDArray[np.intp], j: int) -> Outcomes:
    """The outcomes of model j on some rows of a table."""
    nothing = np.full(len(rows), None, dtype=object)
    untold = np.full(len(rows), np.nan)
    return Outcomes(
        instance_id=table.instance_id[rows],
        status=table.status[rows, j],
        response=nothing if table.response is None else table.response[rows, j],
        cached_tokens=untold if table.cached_tokens is None else table.cached_tokens[rows, j],
        **{name: getattr(table, name)[rows, j] for name in NUMBERS},
    )


def instances_to_bytes(instances: Instances) -> bytes:
    """The file `instances/<dataset>.parquet`."""
    return _to_bytes({field.name: getattr(instances, field.name) for field in fields(instances)})


def outcomes_to_bytes(outcomes: Outcomes) -> bytes:
    """The file `outcomes/<dataset>/<model>.parquet`."""
    columns = {field.name: getattr(outcomes, field.name) for field in fields(outcomes)}
    columns["status"] = STATUS_WORDS[outcomes.status]
    if np.isnan(outcomes.cached_tokens).all():
        del columns[CACHED]
    return _to_bytes(columns)


def read_instances(path: Path, digest: str | None) -> Instances:
    """Reads a file of instances, and compares its bytes with a digest unless that is None.

    :raises DataError: if it is absent, damaged, or not what the digest says.
    """
    columns = read_columns(path, digest, [field.name for field in fields(Instances)])
    columns["row"] = columns["row"].astype(np.int64)
    return Instances(**columns)


def read_outcomes(path: Path, digest: str | None) -> Outcomes:
    """Reads a file of outcomes, and compares its bytes with a digest unless that is None.

    :raises DataError: if it is absent, damaged, or not what the digest says.
    """
    needed = [field.name for field in fields(Outcomes) if field.name != CACHED]
    columns = read_columns(path, digest, needed, optional=(CACHED,))
    columns.setdefault(CACHED, np.full(len(columns["status"]), np.nan))
    codes = {word: code for code, word in enumerate(STATUS_WORDS)}
    strange = set(columns["status"]) - codes.keys()
    if strange:
        raise DataError(
            f"has the status {sorted(map(str, strange))[0]!r}",
            where=str(path),
            fix=f"known are {', '.join(STATUS_WORDS)}",
        )
    columns["status"] = np.array([codes[word] for word in columns["status"]], dtype=np.int8)
    for name in (*NUMBERS, CACHED):
        columns[name] = np.array(columns[name], dtype=np.float64)
    return Outcomes(**columns)


def _to_bytes(columns: dict[str, NDArray[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {
        name: pa.array(values.tolist(), pa.string()) if values.dtype == object else pa.array(values)
        for name, values in columns.items()
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def read_columns(
    path: Path, digest: str | None, names: list[str], optional: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Columns of a Parquet file of the store, whose bytes are compared with a digest unless that is None.

    :param optional: columns that are read where the file has them.
    :raises DataError: if it is absent, damaged, without one of the columns, or not what the digest says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    again = "import the data again into a new store"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("is absent, though manifest.json names it", where=str(path), fix=again) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    if digest is not None and digest_of(content) != digest:
        raise DataError("is not the file that manifest.json describes: its digest differs", where=str(path), fix=again)
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        lacking = [name for name in names if name not in file.schema_arrow.names]
        if lacking:
            raise DataError(f"has no column {lacking[0]!r}", where=str(path), fix=again)
        there = [*names, *(name for name in optional if name in file.schema_arrow.names)]
        table = file.read(columns=there)
        return {name: table.column(name).to_numpy() for name in there}
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"is a damaged Parquet file: {reason}", where=str(path), fix=again) from error
