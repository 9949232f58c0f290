"""Makes, fits and asks the submitted router, exactly as `mmr_core.runner.fit` does, and collects plain arrays.

The arrays are what the router gave, checked only for being arrays of numbers: the parent judges them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mmr_core.contracts import Decisions, Fusion, PolicyRouter, Prediction, Queries, ScoringRouter
from mmr_core.errors import MMRError, PluginError
from mmr_core.plugins import HOME
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.runner.fit import Fitted, Lesson, learn
from mmr_core.runner.policies import GRID, ask
from mmr_leaderboard.child.job_reader import Ask, Job, read_job
from mmr_leaderboard.child.own_encoder import EmbeddingSource, GivenEmbeddings, OwnEmbeddings

Numbers = NDArray[Any]
Collected = dict[str, Numbers]

# Kept before any plugin is imported, so that none can set the clock or the arrays.
_clock = time.perf_counter
_array = np.array
_ascontiguous = np.ascontiguousarray
_concatenate = np.concatenate
_stack = np.stack
_frombuffer = np.frombuffer
_number = np.number
_bool = np.bool_


class NotAvailable(Exception):
    """The registry does not know a component or cannot load it; the argument is the registry's error."""


class BadAnswer(Exception):
    """The router answered with something that is not an array of numbers.

    :param about_decisions: whether it is a policy router.
    """

    def __init__(self, what: str, *, about_decisions: bool) -> None:
        super().__init__(what)
        self.about_decisions = about_decisions


def run_job(folder: str) -> Collected:
    """Does the job in a folder: the arrays and seconds of every ask, and what the router states about itself.

    :raises NotAvailable: if the router, fusion or encoder is unknown or cannot be loaded.
    :raises BadAnswer: if the router does not answer with arrays of numbers.
    """
    job = read_job(Path(folder))
    own = job.router["distribution"]
    registry = Registry.discover(trusts=lambda distribution: distribution in (HOME, own))
    name = _whole_name(registry.routers, job.router["name"], own, home=False)
    router_class = _loaded(registry.routers, name)
    default = getattr(router_class, "default_fusion", None)
    fusion_name = None if default is None else job.router["fusion"] or default
    if fusion_name is not None:
        fusion_name = _whole_name(registry.fusions, fusion_name, own, home=True)
        _loaded(registry.fusions, fusion_name)
    encoder_name = job.router["encoder"]
    if encoder_name is not None:
        encoder_name = _whole_name(registry.encoders, encoder_name, own, home=True)
        _loaded(registry.encoders, encoder_name)
    # Only now, since only libraries that are loaded can be limited.
    with threadpool_limits(limits=1):
        encoding = _encoding(registry, encoder_name, job)
        router = registry.routers.create(name, **{**job.router["parameters"], "seed": job.router["seed"]})
        fusion = _fusion(registry, fusion_name, job)
        fitted = learn(router, fusion, _lesson(job, encoding))
        collected: Collected = {}
        for number, ask in enumerate(job.asks):
            collected.update({f"{number}-{what}": array for what, array in _asked(fitted, encoding, job, ask).items()})
    collected["stated"] = _stated(registry, name, fusion_name, job)
    return collected


def _whole_name(shelf: ComponentShelf, name: str, own: str, *, home: bool) -> str:
    """The canonical id that a submission means: its own component before one of the benchmark's.

    :param home: whether a name that its own distribution does not have may be one of the benchmark's.
    """
    if "/" in name:
        return name
    mine = f"{own}/{name}"
    known = any(item.canonical_id == mine for item in shelf.specs())
    return mine if known or not home else name


def _loaded(shelf: ComponentShelf, name: str) -> Any:
    try:
        return shelf.load(name)
    except MMRError as error:
        raise NotAvailable(error) from error


def _encoding(registry: Registry, name: str | None, job: Job) -> EmbeddingSource:
    if name is None:
        return GivenEmbeddings(job.training.features)
    return OwnEmbeddings.fitted(registry.encoders.create(name, **job.router["encoder_parameters"]), job)


def _fusion(registry: Registry, name: str | None, job: Job) -> Fusion | None:
    if name is None:
        return None
    fusion: Fusion = registry.fusions.create(name, **job.router["fusion_parameters"])
    return fusion


def _lesson(job: Job, encoding: EmbeddingSource) -> Lesson:
    return Lesson(
        features=encoding.training,
        ids=job.training.ids,
        pool=job.pool,
        utility=job.utility,
        cost=job.cost,
        validation=job.validation,
        cost_scale=job.cost_scale,
    )


def _asked(fitted: Fitted, encoding: EmbeddingSource, job: Job, ask: Ask) -> Collected:
    """The arrays of one ask, and `seconds`: one number, or one for each query that was asked by itself."""
    ids = ask.ids or tuple(job.queries.ids[row] for row in ask.rows)
    if not ask.each:
        arrays, seconds = _batch(fitted, encoding, job, ask.rows, ids)
        return {**arrays, "seconds": _array([seconds])}
    parts = [_batch(fitted, encoding, job, ask.rows[i : i + 1], ids[i : i + 1]) for i in range(len(ids))]
    return {**_joined([arrays for arrays, _ in parts]), "seconds": _array([seconds for _, seconds in parts])}


def _joined(parts: Sequence[Collected]) -> Collected:
    """Joins answers about one query each; in decisions the queries are the second axis, after the grid."""
    try:
        return {
            what: _concatenate([part[what] for part in parts], axis=0 if what in ("utility", "cost") else 1)
            for what in parts[0]
        }
    except (KeyError, ValueError) as error:
        raise BadAnswer(
            f"answers about single queries do not fit together: {error}", about_decisions="utility" not in parts[0]
        ) from error


def _batch(
    fitted: Fitted, encoding: EmbeddingSource, job: Job, rows: NDArray[np.intp], ids: Sequence[str]
) -> tuple[Collected, float]:
    features = job.queries.features.take(rows)
    router = fitted.router
    started = _clock()
    queries = fitted.queries(encoding.features(features), ids)
    if isinstance(router, ScoringRouter):
        prediction = router.predict(queries)
        return _scores(prediction), _clock() - started
    prepared = _clock() - started
    started = _clock()
    if isinstance(router, PolicyRouter):
        decisions = [router.decide(queries, float(weight)) for weight in GRID]
    else:
        decisions = _decisions_of_policy(router, queries, job)
    # A router in service decides at one weight.
    return _decisions(decisions, queries), prepared + (_clock() - started) / len(GRID)


def _decisions_of_policy(router: Any, queries: Queries, job: Job) -> list[Decisions]:
    """What a router of another kind decides at each weight."""
    try:
        return list(ask(router, queries, job.cost_scale, "submitted").decisions_along(GRID))
    except PluginError as error:
        raise BadAnswer(str(error), about_decisions=False) from error


def _scores(prediction: object) -> Collected:
    if not isinstance(prediction, Prediction):
        raise BadAnswer(f"predict gave {type(prediction).__name__}, not a Prediction", about_decisions=False)
    return {what: _floats(getattr(prediction, what), what, decisions=False) for what in ("utility", "cost")}


def _decisions(given: Sequence[object], queries: Queries) -> Collected:
    """`choice` int64 [grid, n] where every answer is a choice, else `probabilities` float64 [grid, n, K]."""
    if not all(isinstance(one, Decisions) for one in given):
        raise BadAnswer("decide did not give Decisions", about_decisions=True)
    answers: list[Decisions] = list(given)  # type: ignore[arg-type]
    if any((one.choice is None) == (one.probabilities is None) for one in answers):
        raise BadAnswer("decide must give either a choice or probabilities", about_decisions=True)
    if all(one.choice is not None for one in answers):
        return {"choice": _stacked([_whole(one.choice) for one in answers])}
    rows = [
        _one_hot(_whole(one.choice), len(queries.pool))
        if one.probabilities is None
        else _floats(one.probabilities, "probabilities", decisions=True)
        for one in answers
    ]
    return {"probabilities": _stacked(rows)}


def _stacked(arrays: Sequence[Numbers]) -> Numbers:
    try:
        return _stack(arrays)
    except ValueError as error:
        raise BadAnswer(f"decisions differ in shape between weights: {error}", about_decisions=True) from error


def _floats(given: object, what: str, *, decisions: bool) -> Numbers:
    try:
        return _array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise BadAnswer(f"{what} is not an array of numbers: {error}", about_decisions=decisions) from error


def _whole(given: object) -> Numbers:
    try:
        choice = _array(given)
        if choice.dtype.kind not in "iu":
            raise TypeError(f"it holds {choice.dtype}")
        return _array(choice, dtype=np.int64)
    except (TypeError, ValueError) as error:
        raise BadAnswer(f"choice is not an array of integers: {error}", about_decisions=True) from error


def _one_hot(choice: Numbers, models: int) -> Numbers:
    if choice.ndim != 1 or (choice < 0).any() or (choice >= models).any():
        raise BadAnswer(f"choice must be one model index from 0 to {models - 1} per query", about_decisions=True)
    return np.eye(models)[choice]


def _stated(registry: Registry, name: str, fusion: str | None, job: Job) -> Numbers:
    """What the router ran with: a JSON object, as bytes."""
    item = registry.routers.find(name)
    parameters = registry.routers.parameters(name, job.router["parameters"])
    parameters.pop("seed", None)
    default = getattr(registry.routers.load(name), "default_fusion", None)
    said: Mapping[str, Any] = {
        "canonical_id": item.canonical_id,
        "version": item.provider.version,
        "parameters": parameters,
        "default_fusion": default,
        "fusion": fusion,
        "fusion_parameters": {}
        if fusion is None
        else registry.fusions.parameters(fusion, job.router["fusion_parameters"]),
    }
    return _frombuffer(json.dumps(said, default=str).encode(), dtype=np.uint8)
