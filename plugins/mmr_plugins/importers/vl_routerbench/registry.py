"""What the rows and columns of VL-RouterBench's matrices are: the samples and the models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs import canonical_id
from mmr_core.logs.log_files import json_document
from mmr_plugins.importers.pickled import pickled

if TYPE_CHECKING:
    from mmr_core.logs import LogSource

_UNKNOWN = ("", "unknown")
_ALLOW = "add --allow-pickle, so that the pickle that names them can be read"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of the matrices.

    :param native: `<dataset>/<index>`, as the benchmark writes it.
    :param dataset, instance: the two parts.
    :param category: the task; "" where it is not known.
    """

    native: str
    dataset: str
    instance: str
    category: str


def samples_of(data: Path, count: int, source: LogSource) -> list[Sample]:
    """The samples in the order of the rows.

    The pickled index says it, where pickles may be read; else the rows of `meta.parquet`, which the benchmark writes
    in the same order.

    :raises DataError: if nothing says what the rows are, or a sample is there twice.
    """
    pickles = [
        file for file in (data / "matrices/sample_ids.pkl", data / "registry/sample_index.pkl") if file.is_file()
    ]
    facts = _facts(data / "registry/meta.parquet")
    if pickles and source.allow_pickle:
        natives = _texts(pickled(pickles[0], source), pickles[0].name)
    elif facts is not None:
        natives = list(facts)
    else:
        raise DataError("has no registry/meta.parquet that names its rows", fix=_ALLOW if pickles else "")
    if len(natives) != count:
        raise DataError(
            f"has {count} rows, and {len(natives)} samples are named", fix=_ALLOW if not source.allow_pickle else ""
        )
    if len(set(natives)) < count:
        raise DataError("has a sample twice")
    return [_sample(native, (facts or {}).get(native, ("", ""))) for native in natives]


def models_of(registry: Path, count: int, source: LogSource) -> list[str]:
    """The models in the order of the columns.

    :raises DataError: if nothing names as many as there are.
    """
    listed, stated, index = (registry / name for name in ("models.txt", "models.json", "model_index.pkl"))
    if listed.is_file():
        names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    elif stated.is_file():
        names = _names(json_document(stated))
    elif index.is_file() and source.allow_pickle:
        names = _texts(pickled(index, source), index.name)
    else:
        raise DataError("has no registry/models.txt or models.json", fix=_ALLOW if index.is_file() else "")
    if len(names) != count or len(set(names)) < count or not all(names):
        raise DataError(f"has {count} columns, and {len(names)} models are named, {len(set(names))} of them different")
    return names


def _facts(meta: Path) -> dict[str, tuple[str, str]] | None:
    """Dataset and task by `sample_id`, in the order of the file; None where there is no such file."""
    if not meta.is_file():
        return None
    import pyarrow as pa
    from pyarrow import parquet

    try:
        columns = parquet.read_table(meta).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"has a registry/{meta.name} that cannot be read ({str(error).partition('.')[0]})") from None
    if "sample_id" not in columns:
        raise DataError(f"has a registry/{meta.name} without sample_id")
    ids = _texts(columns["sample_id"], meta.name)
    blank: list[Any] = [""] * len(ids)
    facts = zip(columns.get("dataset", blank), columns.get("task", blank), strict=True)
    known = {native: (_known(dataset), _known(task)) for native, (dataset, task) in zip(ids, facts, strict=True)}
    if len(known) < len(ids):
        raise DataError("has a sample twice")
    return known


def _sample(native: str, fact: tuple[str, str]) -> Sample:
    before, slash, index = native.partition("/")
    dataset = fact[0] or (before if slash else "")
    if not dataset:
        raise DataError(f"nothing says which dataset the sample {native!r} is of")
    return Sample(native=native, dataset=dataset, instance=canonical_id(index if slash else native), category=fact[1])


def _texts(value: object, name: str) -> list[str]:
    listed: Any = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(text, str) and text.strip() for text in listed):
        raise DataError(f"has no list of names in {name}")
    return [text.strip() for text in listed]


def _names(document: Any) -> list[str]:
    models = document.get("models") if isinstance(document, dict) else document
    found: Iterable[Any] = models if isinstance(models, list) else ()
    return _texts([model.get("name") if isinstance(model, dict) else model for model in found], "models.json")


def _known(value: object) -> str:
    return value if isinstance(value, str) and value not in _UNKNOWN else ""
