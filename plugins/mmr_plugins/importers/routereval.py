"""The importer of RouterEval: `router_dataset/<dataset>_router_dataset.pkl`, a pickled dictionary of arrays.

`[easy|hard][number of candidates][all_strong|all_weak|strong_to_weak]` is a pool: `model` names its candidates, and
`data` has `train_score`, `val_score` and `test_score`, a row per prompt and a column per candidate. Beside the pools
lie `split_index`, `prompt` and `embedding`. There are neither answers, tokens nor costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Question, Records, canonical_id
from mmr_core.logs.log_files import found
from mmr_plugins.importers.harness import first_text
from mmr_plugins.importers.log_fields import pickled

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


_DIFFICULTIES = ("easy", "hard")
SCORE, LABEL = "score", "label"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """One pool of candidates.

    :param name: `<easy|hard>-<number of candidates>-<composition>`.
    :param models: K names.
    :param data: the arrays `<split>_score`, [prompts of the split, K], and perhaps `<split>_label`.
    """

    name: str
    models: tuple[str, ...]
    data: Mapping[str, Any]

    def scores(self, split: str) -> dict[str, NDArray[np.float64]]:
        """The scores of a split by metric, [n, K]; labels only where there are such and they differ from the scores.

        :raises DataError: if they are not such arrays.
        """
        score = self._array(f"{split}_{SCORE}")
        label = self._array(f"{split}_{LABEL}")
        if score is None:
            raise DataError(f"pool {self.name!r} has no {split}_{SCORE}")
        if label is None or np.array_equal(score, label, equal_nan=True):
            return {SCORE: score}
        return {SCORE: score, LABEL: label}

    def _array(self, name: str) -> NDArray[np.float64] | None:
        if self.data.get(name) is None:
            return None
        try:
            array = np.asarray(self.data[name], dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"pool {self.name!r}: {name} has a value that is not a number") from None
        if array.ndim != 2 or array.shape[1] != len(self.models):
            raise DataError(f"pool {self.name!r}: {name} has the shape {array.shape} for {len(self.models)} models")
        return array


def pools_of(content: object) -> list[Pool]:
    """Every pool, in the order of the file.

    :raises DataError: if the content is not such a dictionary, or a pool in it is malformed.
    """
    if not isinstance(content, Mapping):
        raise DataError(f"holds a {type(content).__name__}, not a dictionary")
    pools = []
    for difficulty in _DIFFICULTIES:
        for size, compositions in _mapping(content.get(difficulty, {}), difficulty).items():
            for composition, pool in _mapping(compositions, f"{difficulty}-{size}").items():
                name = f"{difficulty}-{size}-{composition}"
                parts = _mapping(pool, name)
                models = _names(parts.get("model"), name)
                pools.append(Pool(name=name, models=models, data=_mapping(parts.get("data"), f"{name}, data")))
    if not pools:
        raise DataError(f"has no pool under {' or '.join(map(repr, _DIFFICULTIES))}")
    return pools


def _mapping(value: object, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{name!r} is a {type(value).__name__}, not a dictionary")
    return value


def _names(value: Any, pool: str) -> tuple[str, ...]:
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise DataError(f"pool {pool!r} has no list of models")
    names = tuple(str(name).strip() for name in listed)
    if not all(names) or len(set(names)) < len(names):
        raise DataError(f"pool {pool!r} has models without a name, or twice")
    return names


SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """The n prompts of a split: ids here, ids in the kit's words, texts ("" where unknown), and rows from 1."""

    ids: tuple[str, ...]
    native: tuple[str, ...]
    texts: tuple[str, ...]
    rows: tuple[int, ...]


def prompts_of(content: Mapping[str, Any], pools: Sequence[Pool]) -> dict[str, Prompts]:
    """The prompts of each split.

    :raises DataError: if the pools do not agree on how many there are, or ids or texts are of another number.
    """
    counts = {split: _count(split, pools) for split in SPLITS}
    indices = {split: _listed(content, "split_index", f"{split}_indices", counts[split]) for split in SPLITS}
    texts = {split: _listed(content, "prompt", f"{split}_prompt", counts[split]) for split in SPLITS}
    numbered = {
        split: None if listed is None else tuple(canonical_id(index) for index in listed)
        for split, listed in indices.items()
    }
    every = [index for listed in numbered.values() for index in listed or ()]
    unique = len(set(every)) == len(every) == sum(counts.values())
    prompts = {}
    for split, count in counts.items():
        native = numbered[split] or tuple(map(str, range(count)))
        if len(set(native)) < len(native):
            native = tuple(map(str, range(count)))
        listed = texts[split]
        prompts[split] = Prompts(
            ids=native if unique else tuple(f"{split}_{index}" for index in native),
            native=tuple(f"{split} {index}" for index in native),
            texts=("",) * count if listed is None else tuple(first_text(text) or "" for text in listed),
            rows=tuple(range(1, count + 1)),
        )
    return prompts


def _count(split: str, pools: Sequence[Pool]) -> int:
    counts = {len(array) for pool in pools for array in pool.scores(split).values()}
    if len(counts) > 1:
        raise DataError(f"has pools with {' and '.join(map(str, sorted(counts)))} rows of {split}_{SCORE}")
    return counts.pop()


def _listed(content: Mapping[str, Any], part: str, name: str, count: int) -> list[Any] | None:
    """A list of one value per prompt; None where the dictionary does not have it."""
    parts = content.get(part)
    value = parts.get(name) if isinstance(parts, Mapping) else None
    if value is None:
        return None
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, (list, tuple)) or len(listed) != count:
        raise DataError(f"has {part} {name!r} of another length than its {count} rows of scores")
    return list(listed)


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
    settings: ClassVar[Mapping[str, str]] = {
        POOL: f"the pool whose candidates to take, or {ALL!r} for those of every pool"
    }

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

        :raises DataError: if the file is not such a dictionary, may not be read, or lacks the pool.
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
