"""The importer of VL-RouterBench: two matrices of prompts x models, and registries that name their rows and columns.

`data/matrices/Y.npz` has the scores (key `Y`) and `C.npy` the costs in USD; `data/registry/meta.parquet` names the
rows (`sample_id` as `<dataset>/<index>`, `dataset`, `task`), as do `sample_ids.pkl` and `sample_index.pkl`;
`models.txt` or `models.json` name the columns. `BENCHMARKS/<task>/<dataset>_samples.jsonl` has prompts and images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.logs import LogImporter, LogSource, Records
from mmr_core.logs.log_files import found
from mmr_core.logs.records import BATCH
from mmr_plugins.importers.vl_routerbench.matrices import costs_beside, scores_in
from mmr_plugins.importers.vl_routerbench.registry import Sample, models_of, samples_of
from mmr_plugins.importers.vl_routerbench.texts import Text, texts_under

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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
