"""The importer of VL-RouterBench: two matrices of prompts x models, and registries that name their rows and columns.

`data/matrices/Y.npz` has the scores (key `Y`) and `C.npy` the costs in USD; `data/registry/meta.parquet` names the
rows (`sample_id` as `<dataset>/<index>`, `dataset`, `task`), as do `sample_ids.pkl` and `sample_index.pkl`;
`models.txt` or `models.json` name the columns. `BENCHMARKS/<task>/<dataset>_samples.jsonl` has prompts and images.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Records, canonical_id
from mmr_core.logs.log_files import found, json_document, json_lines
from mmr_core.logs.log_records import BATCH
from mmr_plugins.importers.log_fields import pickled

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.logs import LogSource


_KEYS = ("Y", "data", "arr_0")
_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, MemoryError)


def scores_in(file: Path) -> NDArray[np.float64]:
    """The matrix of scores, [n, K].

    :raises DataError: if the file holds no matrix of numbers.
    """
    try:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise DataError("is one array, not an archive of arrays")
        with arrays:
            names = arrays.files
            if "indptr" in names:
                raise DataError("has a sparse matrix, in which a wrong answer and no answer are the same")
            name = next((key for key in _KEYS if key in names), names[0] if len(names) == 1 else "")
            if not name:
                raise DataError(f"has no array 'Y'; it has {', '.join(names) or 'none'}")
            return _matrix(arrays[name])
    except _DAMAGE as error:
        raise DataError(f"is not an archive of arrays, or was cut short ({_first_line(error)})") from None


def costs_beside(scores: Path, shape: tuple[int, ...], source: LogSource) -> NDArray[np.float64] | None:
    """The matrix of costs in USD beside one of scores; None, and a fault, where it cannot be used.

    A cost of zero is unknown.
    """
    file = scores.with_name("C.npy")
    if not file.is_file():
        source.fault(scores, "has no C.npy beside it, so costs are unknown")
        return None
    try:
        cost = _matrix(np.load(file, allow_pickle=False))
        if cost.shape != shape:
            raise DataError(f"expected shape {shape} as in {scores.name}, got {cost.shape}")
    except DataError as error:
        source.fault(file, f"{error}; costs are unknown")
        return None
    except _DAMAGE as error:
        source.fault(file, f"is not an array, or was cut short ({_first_line(error)}); costs are unknown")
        return None
    return np.where(cost == 0, np.nan, cost)


def _matrix(array: Any) -> NDArray[np.float64]:
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "biuf":
        what = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"expected a matrix of numbers, got {what}")
    return array.astype(np.float64)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


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
            f"has {count} rows, but {len(natives)} samples are named", fix=_ALLOW if not source.allow_pickle else ""
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
        raise DataError(f"has {count} columns, but {len(names)} models are named, {len(set(names))} of them different")
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
        raise DataError(f"the dataset of sample {native!r} is not stated")
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


_PROMPTS = ("prompt", "text", "question")
_PLACES = ("uri", "path")


@dataclass(frozen=True, kw_only=True)
class Text:
    """What a sample asks: its prompt, and the path of its image where there is such a file."""

    prompt: str
    image: str | None


def texts_under(root: Path, source: LogSource) -> dict[str, Text]:
    """Prompts and images by `sample_id`; empty where there is no folder `BENCHMARKS`. Faulty lines are reported."""
    texts: dict[str, Text] = {}
    folder = root / "BENCHMARKS"
    for file in found(folder, "*_samples.jsonl") if folder.is_dir() else ():
        try:
            for row, sample in json_lines(file, source):
                native = sample.get("sample_id")
                if isinstance(native, str) and native.strip():
                    texts[native.strip()] = Text(prompt=_prompt(sample), image=_image(sample.get("assets"), root))
                else:
                    source.fault(file, "has no sample_id", row=row)
        except DataError as error:
            source.fault(file, error)
    return texts


def _prompt(sample: dict[str, Any]) -> str:
    return next((sample[name] for name in _PROMPTS if isinstance(sample.get(name), str)), "")


def _image(assets: object, root: Path) -> str | None:
    """The first image that is a file of the benchmark's folder; images inside of tables (`image_tsv`) are none."""
    for asset in assets if isinstance(assets, list) else ():
        if isinstance(asset, dict) and asset.get("type") == "image":
            for place in (asset[name] for name in _PLACES if isinstance(asset.get(name), str) and asset[name]):
                path = (root / place.replace("\0", "")).resolve()
                if path.is_relative_to(root.resolve()) and path.is_file():
                    return str(path)
    return None


_MATRIX = "Y.npz"


class VLRouterBenchImporter(LogImporter):
    """Reads the folder of the benchmark, any folder in it with `data/matrices`, or `Y.npz` itself.

    Datasets are those of VLMEvalKit, and an id is the index that it gives to an instance; so where the table of
    MMR-Bench has that dataset, ids are the published ones. A cost of 0 is unknown. The splits in `SPLITS` are not
    used: splits here are our own. Embeddings are not part of a table; `vl_routerbench.features` writes them to a
    file for `--features`.
    """

    kit = "VL-RouterBench"

    def sniff(self, path: Path) -> bool:
        """Whether there is a file `matrices/Y.npz`."""
        try:
            return bool(_matrices(path))
        except OSError:
            return False

    def files(self, source: LogSource) -> Sequence[Path]:
        """The matrices of scores."""
        return [source.path] if source.path.is_file() else _matrices(source.path)

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per sample and model, model by model.

        :raises DataError: if the matrix cannot be read, or nothing says what its rows and columns are.
        """
        data = file.parent.parent
        utility = scores_in(file)
        models = models_of(data / "registry", utility.shape[1], source)
        samples = samples_of(data, len(utility), source)
        cost = costs_beside(file, utility.shape, source)
        texts = texts_under(data.parent, source)
        for column, model in enumerate(models):
            known = texts if column == 0 else {}  # What is said of a sample once need not be said again.
            for start in range(0, len(samples), BATCH):
                rows = slice(start, start + BATCH)
                yield _batch(
                    file,
                    model,
                    samples[rows],
                    utility[rows, column],
                    None if cost is None else cost[rows, column],
                    known,
                    start,
                )


def _matrices(path: Path) -> list[Path]:
    return [file for file in found(path, _MATRIX) if file.parent.name == "matrices"]


def _batch(
    file: Path,
    model: str,
    samples: Sequence[Sample],
    utility: NDArray[np.float64],
    cost: NDArray[np.float64] | None,
    texts: dict[str, Text],
    start: int,
) -> Records:
    columns: dict[str, Any] = {
        "dataset": [sample.dataset for sample in samples],
        "model": model,
        "instance": [sample.instance for sample in samples],
        "native_id": [sample.native for sample in samples],
        "utility": utility,
        "category": [sample.category for sample in samples],
        "row": np.arange(start + 1, start + 1 + len(samples)),
    }
    if cost is not None:
        columns["cost"] = cost
    if texts:
        said = [texts.get(sample.native) for sample in samples]
        columns["question"] = ["" if text is None else text.prompt for text in said]
        columns["image"] = [None if text is None else text.image for text in said]
    return Records(file=file, columns=columns)
