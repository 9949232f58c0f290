"""Inference with a trained router: which model to use for a query, and what to expect from each.

A query goes through the same steps as in training, as a single row, so a decision does not depend on other queries.
Nothing about a query is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmr_core.contracts import Embeddings, LightFeatures
from mmr_core.errors import DataError, DegenerateError, FeatureError, MMRError, PluginError, UsageError
from mmr_core.features.aligned import Features
from mmr_core.features.images import inspect_images
from mmr_core.numerics.sweep import choose
from mmr_core.runner.fit import build_queries
from mmr_core.runner.policies import ask, predicts, probabilities_of
from mmr_core.specs import MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Encoder, Fusion, Queries
    from mmr_core.specs import Modality, ModelSpec
    from mmr_core.trained.trained_manifest import TrainedManifest

    Floats = NDArray[np.float64]

UNKNOWN_SCENARIO = "unknown"

RuleKind = Literal["budget", "trade-off", "operating point"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedRouter:
    """A fitted router with everything that its decisions depend on.

    :param manifest: what its file says about it.
    :param arrays: the learned arrays of router, fusion and encoders, by name.
    :param encoders: by modality; only those that the router uses.
    """

    manifest: TrainedManifest
    arrays: Mapping[str, NDArray[Any]]
    router: Any
    fusion: Fusion | None
    encoders: Mapping[Modality, Encoder]
    pool: tuple[ModelSpec, ...]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query to route to one of the models.

    :param image: the image file, if there is one.
    :param scenario: the task tag; if empty, the one the router was trained on, provided there was only one.
    """

    question: str = ""
    image: Path | None = None
    scenario: str = ""


@dataclass(frozen=True, kw_only=True)
class DecisionRule:
    """How a model is chosen from the predictions.

    :param value: USD for a budget, else the trade-off weight per unit of normalised cost.
    """

    kind: RuleKind
    value: float


@dataclass(frozen=True, kw_only=True)
class ModelForecast:
    """What the router predicts for one model.

    :param utility, cost: predicted, cost in USD; None for a policy router.
    :param probability: of being chosen, for a policy router; otherwise None.
    """

    model: str
    utility: float | None
    cost: float | None
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class RoutingDecision:
    """The model chosen for one query, and the predictions behind it.

    :param rule: the rule that it was chosen by.
    :param within_budget: whether the chosen model's predicted cost is within the budget; None without a budget.
    :param seen: the modalities of the query that the router used.
    :param forecasts: one per candidate model, in the pool's order.
    """

    model: str
    rule: DecisionRule
    within_budget: bool | None
    seen: tuple[Modality, ...]
    forecasts: tuple[ModelForecast, ...]


def decision_rule(trained: TrainedRouter, *, budget: float | None, trade_off: float | None) -> DecisionRule:
    """The rule to decide by; the stored operating point if neither a budget nor a trade-off is given.

    :param budget: maximum predicted cost, USD per query.
    :param trade_off: weight per unit of normalised cost; infinity means the cheapest model.
    :raises UsageError: if both are given, one is negative or NaN, the router predicts no costs to keep a budget by, or
        none is given and there is no operating point.
    """
    if budget is not None and trade_off is not None:
        raise UsageError("--budget and --trade-off exclude each other", fix="give one of them")
    for name, value in (("--budget", budget), ("--trade-off", trade_off)):
        if value is not None and (math.isnan(value) or value < 0):
            raise UsageError(f"{name} is {value}", fix="give a number of at least 0")
    if budget is not None:
        if not predicts(trained.router):
            raise UsageError(
                f"router {trained.manifest.router.canonical_id!r} does not predict costs, so it cannot keep a budget",
                fix="give --trade-off instead",
            )
        return DecisionRule(kind="budget", value=budget)
    if trade_off is not None:
        return DecisionRule(kind="trade-off", value=trade_off)
    point = trained.manifest.operating_point
    if point is None:
        raise UsageError(
            "the router was trained without validation rows, so it has no operating point",
            fix="give --budget or --trade-off",
        )
    return DecisionRule(kind="operating point", value=point.trade_off)


def decide(trained: TrainedRouter, query: Query, rule: DecisionRule) -> RoutingDecision:
    """Chooses a model for a query.

    :raises DegenerateError: if the query has none of the modalities that the router uses.
    :raises FeatureError: if the image cannot be opened.
    :raises PluginError: if an encoder, the fusion or the router breaks its contract.
    """
    features, digest = _features(trained, query)
    queries = build_queries(features, (digest,), trained.pool, trained.fusion)
    return _by_router(trained, queries, rule, digest)


def check_parts_fit(trained: TrainedRouter) -> None:
    """Checks with an empty query that encoders, fusion and router fit together.

    :raises DataError: if they give no decision, or one of the wrong shape.
    """
    features = _one_row(_blank_rows(trained), Query(scenario=_only_scenario(trained)), (0, 0))
    # Parts that do not fit together may raise anything, anywhere in a plugin.
    try:
        queries = build_queries(features, ("blank",), trained.pool, trained.fusion)
        _by_router(trained, queries, DecisionRule(kind="trade-off", value=1.0), "blank")
    except Exception as error:
        reason = str(error) if isinstance(error, MMRError) else f"{type(error).__name__}: {error}"
        raise DataError(f"its parts do not fit together: {reason}", fix="train it again") from error


def _by_router(trained: TrainedRouter, queries: Queries, rule: DecisionRule, digest: str) -> RoutingDecision:
    seen = tuple(name for name, has in zip(MODALITIES, queries.mask[0].tolist(), strict=True) if has)
    name = trained.manifest.router.canonical_id
    policy = ask(trained.router, queries, 1.0, name, np.array([rule.value]))
    if predicts(trained.router):
        utility, cost = policy.arrays
        return _by_prediction(trained, utility, cost, rule, seen)
    (probabilities,) = probabilities_of(policy.decisions_at(rule.value), len(trained.pool))
    return _by_decision(trained, probabilities, rule, seen, digest)


def _by_prediction(
    trained: TrainedRouter, utility: Floats, cost: Floats, rule: DecisionRule, seen: tuple[Modality, ...]
) -> RoutingDecision:
    within = None
    if rule.kind == "budget":
        chosen, within = _within_budget(utility[0], cost[0], rule.value)
    else:
        chosen = int(choose(utility, cost / trained.manifest.cost_scale, rule.value)[0])
    forecasts = tuple(
        ModelForecast(model=model.name, utility=u, cost=c, probability=None)
        for model, u, c in zip(trained.pool, utility[0].tolist(), cost[0].tolist(), strict=True)
    )
    return RoutingDecision(
        model=trained.pool[chosen].name, rule=rule, within_budget=within, seen=seen, forecasts=forecasts
    )


def _within_budget(utility: Floats, cost: Floats, budget: float) -> tuple[int, bool]:
    """The model of highest predicted utility with predicted cost <= budget, as `budget_sweep` chooses, and True.

    Ties: lower cost, then lower index. If no model is affordable, the cheapest (ties: higher utility), and False.
    """
    affordable = np.flatnonzero(cost <= budget)
    if len(affordable):
        return int(affordable[np.lexsort((cost[affordable], -utility[affordable]))[0]]), True
    return int(np.lexsort((-utility, cost))[0]), False


def _by_decision(
    trained: TrainedRouter, probabilities: Floats, rule: DecisionRule, seen: tuple[Modality, ...], digest: str
) -> RoutingDecision:
    """Draws a model with these probabilities; the query seeds the draw, so the same query gets the same decision."""
    seed = trained.manifest.router.parameters.get("seed", 0)
    drawn = int.from_bytes(blake2b(f"{seed}:{digest}".encode(), digest_size=8).digest(), "big") / 2**64
    chosen = int(np.searchsorted(np.cumsum(probabilities), drawn * probabilities.sum(), side="right"))
    forecasts = tuple(
        ModelForecast(model=model.name, utility=None, cost=None, probability=p)
        for model, p in zip(trained.pool, probabilities.tolist(), strict=True)
    )
    model = trained.pool[min(chosen, len(probabilities) - 1)].name
    return RoutingDecision(model=model, rule=rule, within_budget=None, seen=seen, forecasts=forecasts)


def _features(trained: TrainedRouter, query: Query) -> tuple[Features, str]:
    """The features of one query, made as in training, and a digest of the question and the image's bytes."""
    present = query.question.strip() != "" and "text" in trained.encoders
    pictured = query.image is not None and "image" in trained.encoders
    if not present and not pictured:
        needed = " or ".join({"text": "question", "image": "image"}[name] for name in trained.encoders)
        raise DegenerateError(f"the query has no {needed}, and the router uses nothing else")
    state = blake2b(query.question.encode("utf-8", "surrogatepass") if present else b"", digest_size=8)
    rows = _blank_rows(trained)
    size = (0, 0)
    if present:
        rows["text"] = _embedding(trained, "text", query.question)
    if pictured and query.image is not None:
        file = inspect_images([query.image])[query.image]
        if file.fault:
            raise FeatureError(f"the image cannot be opened ({file.fault})", where=str(query.image))
        size = file.size
        state.update(file.digest)
        rows["image"] = _embedding(trained, "image", query.image)
    shown = Query(
        question=query.question if present else "",
        image=query.image if pictured else None,
        scenario=query.scenario or _only_scenario(trained),
    )
    return _one_row(rows, shown, size), state.hexdigest()


def _one_row(rows: Mapping[Modality, NDArray[np.float32]], shown: Query, size: tuple[int, int]) -> Features:
    """The features of a query that has been reduced to what the router uses.

    :param rows: float32 [1, width] for each encoded modality; zeros if the query does not have it.
    """
    norms = [np.sqrt(np.square(rows[m], dtype=np.float64).sum()) if m in rows else 0.0 for m in MODALITIES]
    return Features(
        embeddings=Embeddings(
            text=rows.get("text"),
            image=rows.get("image"),
            norms=np.array([norms], dtype=np.float32),
            mask=np.array([[shown.question != "", shown.image is not None]]),
        ),
        light=LightFeatures(
            text_length=np.array([len(shown.question)], dtype=np.int64),
            image_size=np.array([size], dtype=np.int64),
            scenario=(shown.scenario,),
        ),
        questions=(shown.question,),
        images=(shown.image,),
    )


def _blank_rows(trained: TrainedRouter) -> dict[Modality, NDArray[np.float32]]:
    width = trained.manifest.features.width
    return {modality: np.zeros((1, width), dtype=np.float32) for modality in trained.encoders}


def _only_scenario(trained: TrainedRouter) -> str:
    known = trained.manifest.training.scenarios
    return known[0] if len(known) == 1 else UNKNOWN_SCENARIO


def _embedding(trained: TrainedRouter, modality: Modality, item: Any) -> NDArray[np.float32]:
    """float32 [1, width], aligned as in training."""
    encoder: Encoder = trained.encoders[modality]
    name = f"{modality} encoder {type(encoder).__name__}"
    row = np.asarray(getattr(encoder, f"encode_{modality}")([item]), dtype=np.float32)
    if row.ndim != 2 or len(row) != 1 or not np.isfinite(row).all():
        raise PluginError(f"{name}: expected finite float32 of shape (1, d), got shape {row.shape}")
    features = trained.manifest.features
    given, width = row.shape[1], features.width
    fits = (
        given == width
        or (features.align == "pad" and given < width)
        or (features.align == "truncate" and given > width)
    )
    if not fits:
        raise FeatureError(
            f"{name}: expected {width} dimensions, as in training, got {given}",
            fix="train it on a table that has this modality",
        )
    aligned = np.zeros((1, width), dtype=np.float32)
    aligned[:, : min(given, width)] = row[:, :width]
    return aligned
