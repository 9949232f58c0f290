"""What encoders, fusions, routers and importers receive and must give back.

The dataclasses here are the whole of what a plugin is handed. None of them has a field for outcomes of the test
split, for reference answers, or for the name of a dataset: a router sees the query, light features, scenario tags
and static model metadata (the paper's section 4.3, "Routing constraints"). n counts instances, K models, d embedding
dimensions, p fused dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable
    from mmr_core.specs import DatasetSpec, ModelSpec

TEXT, IMAGE = 0, 1
"""Columns of every [n, 2] array over modalities."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """Raw embeddings of n instances, one row each.

    :param text: float32 [n, d_text]; a zero row where the instance has no text; None where no text was encoded.
    :param image: float32 [n, d_image]; a zero row where the instance has no image; None where none was encoded.
    :param norms: float32 [n, 2], L2 norms of the raw rows in the order (text, image); 0 where missing.
    :param mask: bool [n, 2], the modality mask m_i = (has_text, has_image).
    """

    text: NDArray[np.float32] | None
    image: NDArray[np.float32] | None
    norms: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.mask)


@dataclass(frozen=True, kw_only=True, eq=False)
class LightFeatures:
    """Features that cost nothing to know before any model runs.

    :param text_length: int64 [n], characters of the question; 0 where there is none.
    :param image_size: int64 [n, 2], width and height in pixels; 0 where there is no image.
    :param scenario: the task tag of each instance, n strings.
    """

    text_length: NDArray[np.int64]
    image_size: NDArray[np.int64]
    scenario: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Queries:
    """What a router may see of n instances.

    :param ids: n opaque names, stable for an instance; they carry no dataset name.
    :param questions: n texts; "" where the instance has none.
    :param images: n paths; None where the instance has no image. They are where the files are, so a folder may be
        named after its dataset; a caller that cannot trust a router hands it copies under
        opaque names.
    :param mask: bool [n, 2], (has_text, has_image).
    :param z: float32 [n, p], the fused features; p is 0 for a router that wants none.
    :param embeddings: the raw embeddings that `z` was made of.
    :param light: text length, image size, scenario.
    :param pool: static metadata of the K candidate models, in the order of every [n, K] array.
    """

    ids: tuple[str, ...]
    questions: tuple[str, ...]
    images: tuple[Path | None, ...]
    mask: NDArray[np.bool_]
    z: NDArray[np.float32]
    embeddings: Embeddings
    light: LightFeatures
    pool: tuple[ModelSpec, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """The training split: its queries and their outcomes, in one canonical order.

    :param queries: n training queries.
    :param utility: float64 [n, K] in [0, 1]; NaN where the outcome is missing.
    :param cost: float64 [n, K] in USD, >= 0; NaN where the outcome is missing.
    :param validation: bool [n], the part of the split kept for choosing operating points; all False in a fit from
        which that part was left out.
    :param cost_scale: USD; the largest cost of the whole training split, by which costs are divided wherever a
        trade-off weight meets them (Eq. S1).
    """

    queries: Queries
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    validation: NDArray[np.bool_]
    cost_scale: float

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a scoring router expects of each model on each query.

    :param utility: [n, K], finite.
    :param cost: [n, K] in USD, finite; a regression may go below zero.
    """

    utility: NDArray[Any]
    cost: NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """What a policy router does at one trade-off weight: exactly one of the two.

    :param choice: int [n], the index of the chosen model.
    :param probabilities: float [n, K], rows that are non-negative and sum to 1 (Eq. 6).
    """

    choice: NDArray[np.integer[Any]] | None = None
    probabilities: NDArray[np.floating[Any]] | None = None


@runtime_checkable
class Encoder(Protocol):
    """Turns texts or images into raw embeddings.

    An encoder for one modality has only that one method. It may also have `fit(texts: Sequence[str]) -> Self`, which
    is then called with the texts of the training split before anything is encoded, and whose outcome must be part of
    `fingerprint`.

    Attributes: `modalities`, a tuple of "text" and "image"; `fingerprint`, a string that differs whenever the same
    input could be encoded differently (weights, precision, parameters, library versions that matter).

    Methods: `encode_text(texts: Sequence[str]) -> float32 [n, d]` and
    `encode_image(paths: Sequence[Path]) -> float32 [n, d]`, row for row, not normalised. A row depends on its own
    input alone. An image that cannot be read raises `FeatureError` that names the file. Any text is a text, the empty
    one included. Parameters go by keyword, have defaults, and are named in the docstring.

    An encoder whose weights are fetched on first use may also have `demand_at_hand() -> None`, which fetches nothing
    and raises `FeatureError` where they are not on this machine. Studies that try every encoder ask it first.
    """

    modalities: ClassVar[tuple[str, ...]]

    @property
    def fingerprint(self) -> str: ...


@runtime_checkable
class Fusion(Protocol):
    """Turns embeddings into the fused features z.

    `fit` sees the training rows only and returns itself; `transform` gives float32 [n, p], each row a function of
    that row and of what `fit` kept. A fusion that looks at the other rows of its batch says `transductive = True`
    and is refused in ranking. Where one modality was not encoded at all, features come of the other, or a
    `UsageError` says that they cannot. Parameters go by keyword, have defaults, and are named in the docstring.
    """

    def fit(self, embeddings: Embeddings) -> Self: ...

    def transform(self, embeddings: Embeddings) -> NDArray[np.float32]: ...


@runtime_checkable
class ScoringRouter(Protocol):
    """Predicts utility and cost of every model; the choice is argmax of u - lambda c (Eqs. 3, S7).

    Made with `seed: int` and its parameters by keyword. `default_fusion` names the fusion it wants unless the caller
    names another; None means that it reads `Queries.embeddings` and wants no z.

    Every parameter has a default and is named in the docstring. The same seed on the same machine gives the same
    numbers. A query is answered alike alone, among others, in any order and under any id, up to rounding. Modalities
    and training outcomes may be missing anywhere, and the pool has any number of models: answers stay finite. What a
    router knows of outcomes comes from its `TrainingData` alone. `mmr_core.testing.RouterConformance` checks all this.
    """

    default_fusion: ClassVar[str | None]

    def fit(self, training: TrainingData) -> Self: ...

    def predict(self, queries: Queries) -> Prediction: ...


@runtime_checkable
class PolicyRouter(Protocol):
    """Decides at a given trade-off weight, which multiplies costs divided by `TrainingData.cost_scale`.

    It is swept on the grid [0, 60 weights from 1e-4 to 1e4 in equal ratios, infinity]. Whatever else is asked of a
    `ScoringRouter` is asked of it too.
    """

    default_fusion: ClassVar[str | None]

    def fit(self, training: TrainingData) -> Self: ...

    def decide(self, queries: Queries, trade_off: float) -> Decisions: ...


Router = ScoringRouter | PolicyRouter

State = Mapping[str, Any]
"""What was learned, in plain data: numpy arrays of booleans, whole numbers or floats, and JSON values, by name.

Names are letters, digits, '.', '_' and '-'. Arrays lie at the top level, never within a JSON value; JSON values hold
no NaN and no infinity, which belong in arrays. There are no other objects, so a file of a state is read without pickle.
"""


@runtime_checkable
class Saveable(Protocol):
    """What a router, a fusion, or an encoder with `fit` also has if `mmr train` is to write it to a file; optional.

    `state` gives what `fit` learned. `restore` is called on an object that was made with the same parameters, as
    JSON keeps them (a tuple comes back as a list), and makes it answer from that state exactly as the fitted one
    answers, bit for bit on one machine. A file may be damaged or made in malice: `restore` checks what it is given
    (`mmr_core.state` helps) and raises `DataError`.

    Arrays come back with the dtype, the shape and the order (C or Fortran) that they were given with, and compact: a
    matrix product with a part of a larger array may differ in its last bit from one with a copy, so keep copies.
    """

    def state(self) -> State: ...

    def restore(self, state: State) -> Self: ...


Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how many are done, how many there are)."""


def no_progress(task: str, done: int, total: int) -> None:
    """The `Progress` of a caller that does not watch."""


@dataclass(frozen=True, kw_only=True)
class ImportContext:
    """What an importer may draw on besides the file it reads.

    :param datasets: every registered dataset.
    :param models: every registered model.
    :param cache: a folder that an importer may keep things in between runs; it exists.
    :param warn: called with one line for what the reader should know and the import survives.
    """

    datasets: Sequence[DatasetSpec]
    models: Sequence[ModelSpec]
    cache: Path
    warn: Callable[[str], None] = field(default=lambda line: None)
    progress: Progress = no_progress


@runtime_checkable
class Importer(Protocol):
    """Reads an outcome table from files of one format, or makes one.

    `embedded = True` marks an importer that needs no path (it is then called with None). `sniff` answers whether a
    path looks like the format, and raises nothing. `read` raises `DataError` with file, column, row and value, and
    imports nothing by halves.
    """

    embedded: ClassVar[bool]

    def sniff(self, path: Path) -> bool: ...

    def read(self, path: Path | None, context: ImportContext) -> OutcomeTable: ...


@runtime_checkable
class PartwiseImporter(Importer, Protocol):
    """An importer that can also give a table part by part, so that one larger than memory can go into a store.

    `read_parts` gives the rows of `read`, in order, as tables with the same models. A later part may describe a
    dataset anew, and `DataError` may be raised after parts have been given.
    """

    def read_parts(self, path: Path, context: ImportContext) -> Iterator[OutcomeTable]: ...
