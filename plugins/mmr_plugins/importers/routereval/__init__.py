"""The importer of RouterEval: `router_dataset/<dataset>_router_dataset.pkl`, a pickled dictionary of arrays.

`[easy|hard][number of candidates][all_strong|all_weak|strong_to_weak]` is a pool: `model` names its candidates, and
`data` has `train_score`, `val_score` and `test_score`, a row per prompt and a column per candidate. Beside the pools
lie `split_index`, `prompt` and `embedding`. There are neither answers, tokens nor costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Question, Records
from mmr_core.logs.log_files import found
from mmr_plugins.importers.pickled import pickled
from mmr_plugins.importers.routereval.pools import Pool, pools_of
from mmr_plugins.importers.routereval.prompts import SPLITS, Prompts, prompts_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_SUFFIX = "_router_dataset.pkl"
POOL, ALL = "pool", "all"


class RouterEvalImporter(LogImporter):
    """Reads a folder with such files, or one of them.

    A pool is what RouterEval evaluates a router on, so one is asked for; `all` takes every model once, whatever the
    pools it is in. Ids are those of `split_index`, or `<split>_<n>` where they do not tell prompts apart. The
    row of an origin counts the prompts of a split. The three splits are read alike: splits here are our own.
    Embeddings are not read.
    """

    kit = "RouterEval"
    settings: ClassVar[Mapping[str, str]] = {POOL: f"the candidates of which pool, or {ALL!r} for those of every pool"}

    def sniff(self, path: Path) -> bool:
        """Whether there is a file `<dataset>_router_dataset.pkl`."""
        try:
            return bool(found(path, f"*{_SUFFIX}"))
        except OSError:
            return False

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files `<dataset>_router_dataset.pkl`."""
        return [source.path] if source.path.is_file() else found(source.path, f"*{_SUFFIX}")

    def questions(self, source: LogSource) -> Iterable[Question]:
        """Which pool counts, where there are several."""
        if POOL in source.settings or not source.allow_pickle:
            return
        files: Counter[str] = Counter()
        sizes: dict[str, int] = {}
        for file in self.files(source):
            try:
                for pool in pools_of(pickled(file, source)):
                    files[pool.name] += 1
                    sizes[pool.name] = max(sizes.get(pool.name, 0), len(pool.models))
            except DataError:
                continue  # Reading its records says what is wrong with it.
        if len(files) > 1:
            of = {name: f"{sizes[name]} models, {n} dataset{'s' * (n > 1)}" for name, n in files.items()}
            yield Question(
                key=POOL, candidates={**of, ALL: "every model of every pool"}, why="several pools of candidates"
            )

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per prompt and candidate; where labels and scores differ, one of each metric.

        :raises DataError: if the file is no such dictionary, may not be read, or has not the pool.
        """
        content = pickled(file, source)
        pools = pools_of(content)
        wanted = source.settings.get(POOL, ALL)
        chosen = [pool for pool in pools if wanted in (ALL, pool.name)]
        if not chosen:
            raise DataError(f"has no pool {wanted!r}", fix=f"it has {', '.join(pool.name for pool in pools)}")
        dataset = file.name.removesuffix(_SUFFIX) if file.name.endswith(_SUFFIX) else file.stem
        prompts = prompts_of(content, chosen)
        known: dict[tuple[str, str, str], NDArray[np.float64]] = {}
        for pool in chosen:
            for split in SPLITS:
                yield from _records(file, dataset, pool, split, prompts[split], known, source)


def _records(
    file: Path,
    dataset: str,
    pool: Pool,
    split: str,
    prompts: Prompts,
    known: dict[tuple[str, str, str], NDArray[np.float64]],
    source: LogSource,
) -> Iterator[Records]:
    """The columns of one split of a pool; those of a model that another pool had are compared with them only."""
    import numpy as np

    for metric, scores in pool.scores(split).items():
        for column, model in enumerate(pool.models):
            utility = scores[:, column]
            before = known.get((metric, split, model))
            if before is not None:
                if not np.array_equal(before, utility, equal_nan=True):
                    source.fault(
                        file, f"pool {pool.name!r} has another {split}_{metric} of {model!r} than one before it"
                    )
                continue
            told = all(of[1] != split for of in known)  # The texts of a split come once, with its first column.
            known[metric, split, model] = utility
            if len(utility):
                yield Records(
                    file=file,
                    columns={
                        "dataset": dataset,
                        "model": model,
                        "instance": prompts.ids,
                        "native_id": prompts.native,
                        "utility": utility,
                        "metric": metric,
                        "question": prompts.texts if told else "",
                        "row": prompts.rows,
                    },
                )
