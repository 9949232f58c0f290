"""One evaluation by the rules of the authors' program: rows, models, split, fits and metrics.

These are their rules, not ours: missing outcomes are filled with column means that include test rows, the split is
random, and a fusion may look at all rows of the set that it encodes. Nothing here is used by `mmr_core.runner`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PlainSerializer
from pydantic.dataclasses import dataclass as pydantic_dataclass

from mmr_core.authors.scoring import (
    AuthorsMetrics,
    authors_metrics,
    authors_oracle,
    authors_point_metrics,
    best_single,
    random_points,
)
from mmr_core.contracts import (
    Embeddings,
    Fusion,
    LightFeatures,
    Prediction,
    Progress,
    Queries,
    ScoringRouter,
    TrainingData,
    no_progress,
)
from mmr_core.errors import DataError, DegenerateError, PluginError, UsageError
from mmr_core.specs import ORACLE, UNIFORM

if TYPE_CHECKING:
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.specs import ModelSpec

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Indices = NDArray[np.intp]

TRAIN_SHARE = 0.2


def _figures(metrics: Mapping[str, AuthorsMetrics]) -> dict[str, dict[str, float | bool | None]]:
    """The metrics of each router as JSON, which has neither NaN nor infinity."""
    return {
        router: {
            "nauc": None if math.isnan(found.nauc) else found.nauc,
            "peak": found.peak,
            "qnc": found.qnc if math.isfinite(found.qnc) else None,
            "qnc_reached": math.isfinite(found.qnc),
        }
        for router, found in metrics.items()
    }


@pydantic_dataclass(frozen=True, kw_only=True)
class AuthorsResult:
    """The result of one evaluation by the authors' protocol, on one dataset or mixture.

    :ivar metrics: by router, in the order in which the routers were given.
    """

    n_train: int = Field(serialization_alias="train")
    n_test: int = Field(serialization_alias="test")
    models: tuple[str, ...] = Field(description="canonical names in the protocol's order, that of their columns")
    columns: tuple[str, ...] = Field(description="column prefixes, by whose code points the models are ordered")
    best_model: str = Field(description="the most accurate single model on the test rows")
    best_utility: float = Field(description="its mean utility")
    best_cost: float = Field(description="its mean cost in USD")
    filled: int = Field(description="missing utilities and costs, train and test, filled with column means")
    metrics: Annotated[Mapping[str, AuthorsMetrics], PlainSerializer(_figures, when_used="json")] = Field(
        serialization_alias="routers"
    )
    seed: int = Field(exclude=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The features of one side of the split; no outcomes."""

    rows: Indices
    text: Features | None
    image: Features | None
    pool: tuple[ModelSpec, ...]


def evaluate_authors(
    table: OutcomeTable,
    *,
    text: Features | None,
    image: Features | None,
    routers: Sequence[tuple[str, Callable[..., ScoringRouter]]],
    fusions: Mapping[str, Callable[[], Fusion]],
    seed: int = 42,
    progress: Progress = no_progress,
) -> AuthorsResult:
    """Split, fill, fit, sweep and score as the authors' program does.

    Each learned router is created by `factory(seed=seed)`; its `default_fusion` is looked up in `fusions`, fitted on
    the training rows and applied to each side of the split separately. Routers receive features, the models' specs
    and training outcomes; questions, images and light features are blank.

    :param table: the selected rows in file order.
    :param text, image: float32 [n, d] and [n, d'], row for row with `table`, used bit for bit; None if there is none.
    :param routers: (name, factory) pairs; the factory of "random" and of "oracle" is never called.
    :raises UsageError: if features do not fit the table, or names do not fit each other.
    :raises DataError: if a model has no utility or no cost at all.
    :raises DegenerateError: if there are too few rows to split.
    :raises PluginError: if a router's predictions are not finite [n, K] arrays.
    """
    _demand_features(table, text, image)
    names = [name for name, _ in routers]
    if len(set(names)) < len(names):
        raise UsageError("a router occurs twice", where=", ".join(names), fix="name each once")
    order = authors_order(table.columns)
    columns = tuple(table.columns[j] for j in order)
    known_utility, known_cost = table.utility[:, order], table.cost[:, order]
    utility, cost = fill_missing(known_utility, known_cost, names=columns)
    train, test = authors_split(len(table), seed)
    pool = tuple(table.models[j] for j in order)
    training_part = _part(train, text, image, pool)
    test_part = _part(test, text, image, pool)
    test_utility, test_cost = utility[test], cost[test]
    best, best_utility, best_cost = best_single(test_utility, test_cost)
    metrics: dict[str, AuthorsMetrics] = {}
    for done, (name, factory) in enumerate(routers):
        progress("authors' protocol", done, len(routers))
        if name == UNIFORM:
            points = random_points(test_utility, test_cost, seed)
            metrics[name] = authors_point_metrics(*points, best_utility, best_cost)
        elif name == ORACLE:
            metrics[name] = authors_oracle(test_utility, test_cost)
        else:
            router = factory(seed=seed)
            fusion = _fusion_of(name, router, fusions)
            router.fit(_training_data(_queries(training_part, fusion, fit=True), utility[train], cost[train]))
            prediction = _checked(name, router.predict(_queries(test_part, fusion)), test_utility.shape)
            metrics[name] = authors_metrics(*prediction, test_utility, test_cost)
    progress("authors' protocol", len(routers), len(routers))
    return AuthorsResult(
        metrics=metrics,
        n_train=len(train),
        n_test=len(test),
        models=tuple(model.name for model in pool),
        columns=columns,
        best_model=pool[best].name,
        best_utility=best_utility,
        best_cost=best_cost,
        filled=int(np.isnan(known_utility).sum() + np.isnan(known_cost).sum()),
        seed=seed,
    )


def authors_order(columns: Sequence[str]) -> Indices:
    """[K] indices that sort models by the code points of their column prefixes."""
    return np.array(sorted(range(len(columns)), key=columns.__getitem__), dtype=np.intp)


def authors_split(n: int, seed: int) -> tuple[Indices, Indices]:
    """Training and test rows of scikit-learn's `train_test_split` at 20 %, each in the order it returns them.

    :raises DegenerateError: if either side would be empty.
    """
    from sklearn.model_selection import train_test_split

    if int(TRAIN_SHARE * n) < 1:
        raise DegenerateError(
            f"{n} rows leave none to train on", where="authors' split", fix="select at least 5 instances"
        )
    train, test = train_test_split(np.arange(n), train_size=TRAIN_SHARE, shuffle=True, random_state=seed)
    return np.asarray(train, np.intp), np.asarray(test, np.intp)


def fill_missing(utility: Floats, cost: Floats, names: Sequence[str] | None = None) -> tuple[Floats, Floats]:
    """New arrays in which each NaN is replaced by the mean of its column, test rows included.

    :param utility, cost: [n, K], NaN where missing.
    :param names: K names for messages; default: the indices.
    :raises DataError: if a column has no value at all.
    """
    labels = [f"model {j}" if names is None else f"model {names[j]!r}" for j in range(utility.shape[1])]
    return _filled(utility, "utility", labels), _filled(cost, "cost", labels)


def unit_rows(embeddings: NDArray[Any]) -> Features:
    """float32 [n, d], each row divided once by its L2 norm; zero rows stay zero."""
    rows = np.asarray(embeddings, np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, np.finfo(np.float32).tiny), np.float32)


def _filled(values: Floats, what: str, labels: Sequence[str]) -> Floats:
    filled = np.array(values, np.float64)
    missing = np.isnan(filled)
    for j in range(filled.shape[1]):
        if not missing[:, j].any():
            continue
        if missing[:, j].all():
            raise DataError(f"{labels[j]} has no {what} in any selected row", fix="leave the model or the dataset out")
        filled[missing[:, j], j] = np.mean(filled[~missing[:, j], j])
    return filled


def _demand_features(table: OutcomeTable, text: Features | None, image: Features | None) -> None:
    for what, array in (("text", text), ("image", image)):
        if array is None:
            continue
        if array.ndim != 2 or len(array) != len(table) or array.dtype != np.float32:
            raise UsageError(
                f"{what} features: expected float32 ({len(table)}, d), got {array.dtype} {array.shape}",
                where="authors' protocol",
                fix="give one row per instance",
            )
        if not np.isfinite(array).all():
            raise UsageError(f"{what} features contain NaN or infinity", where="authors' protocol")


def _part(rows: Indices, text: Features | None, image: Features | None, pool: tuple[ModelSpec, ...]) -> _Part:
    return _Part(
        rows=rows,
        text=None if text is None else text[rows],
        image=None if image is None else image[rows],
        pool=pool,
    )


def _fusion_of(name: str, router: ScoringRouter, fusions: Mapping[str, Callable[[], Fusion]]) -> Fusion | None:
    if router.default_fusion is None:
        return None
    if router.default_fusion not in fusions:
        raise UsageError(
            f"router {name!r} needs fusion {router.default_fusion!r}, which is not among {sorted(fusions)}",
            where="authors' protocol",
        )
    return fusions[router.default_fusion]()


def _queries(part: _Part, fusion: Fusion | None, fit: bool = False) -> Queries:
    n = len(part.rows)
    embeddings = _embeddings(part)
    if fusion is None:
        fused = np.zeros((n, 0), np.float32)
    else:
        fused = (fusion.fit(embeddings) if fit else fusion).transform(embeddings)
    return Queries(
        ids=tuple(f"row-{row}" for row in part.rows),
        questions=("",) * n,
        images=(None,) * n,
        mask=embeddings.mask,
        z=fused,
        embeddings=embeddings,
        light=LightFeatures(
            text_length=np.zeros(n, np.int64),
            image_size=np.zeros((n, 2), np.int64),
            scenario=("",) * n,
        ),
        pool=part.pool,
    )


def _embeddings(part: _Part) -> Embeddings:
    """Copies, so that no router can reach the arrays of another."""
    norms = np.zeros((len(part.rows), 2), np.float32)
    for column, array in enumerate((part.text, part.image)):
        if array is not None:
            norms[:, column] = np.linalg.norm(array, axis=1)
    return Embeddings(
        text=None if part.text is None else part.text.copy(),
        image=None if part.image is None else part.image.copy(),
        norms=norms,
        mask=norms > 0,
    )


def _training_data(queries: Queries, utility: Floats, cost: Floats) -> TrainingData:
    """The arrays come from fancy indexing, so they are copies and not views of the table."""
    return TrainingData(
        queries=queries,
        utility=utility,
        cost=cost,
        validation=np.zeros(len(queries), np.bool_),
        cost_scale=float(cost.max()),
    )


def _checked(name: str, prediction: Prediction, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    for what in ("utility", "cost"):
        array = getattr(prediction, what)
        if array.shape != shape:
            raise PluginError(f"predicted {what} of shape {array.shape}, expected {shape}", where=f"router {name!r}")
        if not np.isfinite(array).all():
            raise PluginError(f"predicted a {what} that is not finite", where=f"router {name!r}")
    return prediction.utility, prediction.cost
