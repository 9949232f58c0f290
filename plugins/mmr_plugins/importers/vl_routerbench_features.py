"""The embeddings that come with VL-RouterBench, written as a file of features for a table that was imported from it.

`EMBEDDINGS/<text|vision>/<encoder>.parquet` has `sample_id` and `embedding`. What is written is read by
`mmr run --features FILE`; there a zero row says that an instance has no such embedding.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import FeatureError, UsageError
from mmr_core.logs import canonical_id
from mmr_core.store.atomic import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable

_FOLDERS = {"text": "text", "image": "vision"}


def export_features(
    folder: Path, table: OutcomeTable, out: Path, *, text: str | None = None, image: str | None = None
) -> int:
    """Writes the embeddings of a table's instances, and gives how many instances have one.

    :param folder: the folder of the benchmark, with `EMBEDDINGS` in it.
    :param table: n instances that were imported from the benchmark.
    :param out: the file to write, `FILE.npz`: `ids` [n], `text` and `image` float32 [n, d].
    :param text, image: names of encoders, as the files in `EMBEDDINGS/text` and `EMBEDDINGS/vision` are called.
    :raises UsageError: if no encoder is named.
    :raises FeatureError: if a file is not there, cannot be read, or has no embedding of any instance.
    """
    named = {modality: name for modality, name in (("text", text), ("image", image)) if name is not None}
    if not named:
        raise UsageError("no encoder is named", fix="give text=NAME, image=NAME or both")
    arrays: dict[str, Any] = {"ids": np.array([str(name) for name in table.instance_id], dtype=np.str_)}
    found = np.zeros(len(table), dtype=bool)
    rows = _rows_by_sample(table)
    for modality, name in named.items():
        file = folder / "EMBEDDINGS" / _FOLDERS[modality] / f"{name}.parquet"
        arrays[modality] = _aligned(file, rows, len(table))
        found |= arrays[modality].any(axis=1)
    content = BytesIO()
    np.savez(content, **arrays)
    write_atomically(out, content.getvalue())
    return int(found.sum())


def _rows_by_sample(table: OutcomeTable) -> dict[tuple[str, str], int]:
    """Rows by (a name of the dataset in small letters, the id without its prefix), for every name it goes by."""
    names = {
        spec.name: {word.casefold() for word in (spec.name, spec.title, spec.id_prefix, *spec.aliases)}
        for spec in table.datasets
    }
    prefixes = {spec.name: f"{spec.id_prefix}_" for spec in table.datasets}
    return {
        (name, instance.removeprefix(prefixes[dataset])): row
        for row, (dataset, instance) in enumerate(zip(table.dataset, table.instance_id, strict=True))
        for name in names[dataset]
    }


def _aligned(file: Path, rows: dict[tuple[str, str], int], count: int) -> NDArray[np.float32]:
    """Embeddings [n, d] in the order of the table, zero where there is none."""
    ids, embeddings = _read(file)
    aligned = np.zeros((count, embeddings.shape[1]), dtype=np.float32)
    known = 0
    for native, embedding in zip(ids, embeddings, strict=True):
        dataset, _, index = native.partition("/")
        row = rows.get((dataset.casefold(), canonical_id(index))) if index.strip() else None
        if row is not None:
            aligned[row] = embedding
            known += 1
    if not known:
        raise FeatureError("has no embedding of an instance of this table", where=str(file))
    return aligned


def _read(file: Path) -> tuple[list[str], NDArray[np.float32]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        columns = parquet.read_table(file, columns=["sample_id", "embedding"])
        ids = [str(native) for native in columns["sample_id"].to_pylist()]
        embeddings = np.array(columns["embedding"].to_pylist(), dtype=np.float32)
    except (OSError, pa.ArrowException, ValueError, TypeError) as error:
        raise FeatureError(f"cannot be read ({str(error).partition('.')[0]})", where=str(file)) from None
    if embeddings.ndim != 2 or not np.isfinite(embeddings).all():
        raise FeatureError("has embeddings of different widths, or a value that is not a number", where=str(file))
    return ids, embeddings
