"""The third sort of Parquet files in a store: where each number of one model on one dataset came from.

Only imports of evaluation logs have such files. Texts repeat a great deal, so they are kept as dictionaries.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.store.parquet import read_columns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Origins:
    """Where the outcomes of one model on n instances of one dataset came from; every text may be "" for unknown.

    :param instance_id: [n] whole ids; instances of which the log says nothing are left out.
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
        """The origin of one outcome by the names of the fields, or None where the log says nothing of it."""
        rows = np.flatnonzero(self.instance_id == instance_id)
        if not len(rows):
            return None
        found = {field.name: getattr(self, field.name)[rows[0]] for field in fields(self)}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}


if TYPE_CHECKING:
    OriginsOf = Callable[[str, str], Origins | None]
    """Gives the origins of a (dataset, model) by their canonical names; None where there are none."""


def origins_to_bytes(origins: Origins) -> bytes:
    """The file `origins/<dataset>/<model>.parquet`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    coded = pa.dictionary(pa.int32(), pa.string())
    arrays = {}
    for field in fields(origins):
        values = getattr(origins, field.name)
        if values.dtype == object:
            arrays[field.name] = pa.array(values.tolist(), pa.string() if field.name == "instance_id" else coded)
        else:
            arrays[field.name] = pa.array(values)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def read_origins(path: Path, digest: str | None) -> Origins:
    """Reads a file of origins, and compares its bytes with a digest unless that is None.

    :raises DataError: if it is absent, damaged, or not what the digest says.
    """
    columns = read_columns(path, digest, [field.name for field in fields(Origins)])
    for name, dtype in (("row", np.int64), ("repeat", np.int64), ("reasoning_tokens", np.float64)):
        columns[name] = np.array(columns[name], dtype=dtype)
    return Origins(**columns)
