"""Asks a trained router about one query: which model, and what it expects of each.

A query goes through the steps of training, one row at a time, so an answer is the same whether a query comes alone
or as one of many. Nothing of a query is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmr_core.contracts import Embeddings, LightFeatures, PolicyRouter, ScoringRouter
from mmr_core.errors import DataError, DegenerateError, FeatureError, MMRError, PluginError, UsageError
from mmr_core.features.aligned import Features
from mmr_core.features.images import inspect_images
from mmr_core.numerics.sweep import choose
from mmr_core.runner.fit import build_queries
from mmr_core.runner.policies import GRID, decided, scored
from mmr_core.specs import MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Encoder, Queries
    from mmr_core.specs import Modality
    from mmr_core.trained.saving import TrainedRouter

    Floats = NDArray[np.float64]

UNKNOWN_SCENARIO = "unknown"

RuleKind = Literal["budget", "trade-off", "operating point"]


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is to be answered by one of the models.

    :param image: the file of its image, if it has one.
    :param scenario: the task tag; empty means the one that the router was trained on, if that was one.
    """

    question: str = ""
    image: Path | None = None
    scenario: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a model is chosen from what is predicted.

    :param value: USD for a budget, else the trade-off weight per unit of normalised cost.
    """

    kind: RuleKind
    value: float


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the router expects of one model.

    :param utility, cost: predicted, cost in USD; None of a router that only decides.
    :param probability: of being chosen, of a router that only decides; else None.
    """

    model: str
    utility: float | None
    cost: float | None
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the router answers about one query.

    :param seen: the modalities of the query that it looked at.
    :param within_budget: whether the chosen model's predicted cost is within the budget; None without a budget.
    """

    model: str
    rule: Rule
    within_budget: bool | None
    seen: tuple[Modality, ...]
    expected: tuple[Expected, ...]


def rule_for(trained: TrainedRouter, *, budget: float | None, trade_off: float | None) -> Rule:
    """The rule that a person asked for; the stored operating point where none was.

    :param budget: USD per query.
    :param trade_off: per unit of normalised cost; infinity means the cheapest.
    :raises UsageError: if both are given, one cannot be, or neither is and there is no operating point.
    """
    if budget is not None and trade_off is not None:
        raise UsageError("a budget and a trade-off are two rules", fix="give --budget or --trade-off")
    for name, value in (("--budget", budget), ("--trade-off", trade_off)):
        if value is not None and (math.isnan(value) or value < 0):
            raise UsageError(f"{name} is {value}", fix="give a number of at least 0")
    if budget is not None:
        if not isinstance(trained.router, ScoringRouter):
            raise UsageError(
                f"router {trained.manifest.router.canonical_id!r} decides without predicting costs, "
                "so it keeps to no budget",
                fix="give --trade-off instead",
            )
        return Rule(kind="budget", value=budget)
    if trade_off is not None:
        return Rule(kind="trade-off", value=trade_off)
    point = trained.manifest.operating_point
    if point is None:
        raise UsageError(
            "the router was trained without validation rows, so it has no operating point",
            fix="give --budget or --trade-off",
        )
    return Rule(kind="operating point", value=point.trade_off)


def ask_about(trained: TrainedRouter, query: Query, rule: Rule) -> Answer:
    """The model to choose for a query, and what is expected of every model.

    :raises DegenerateError: if the query has nothing that the router looks at.
    :raises FeatureError: if the image cannot be opened.
    :raises PluginError: if an encoder, the fusion or the router breaks its contract.
    """
    features, digest = _features(trained, query)
    queries = build_queries(features, (digest,), trained.pool, trained.fusion)
    return _by_router(trained, queries, rule, digest)


def demand_answers(trained: TrainedRouter) -> None:
    """Asks about a query that has nothing, which any router can be asked: do the parts of a file fit together?

    :raises DataError: if it has no answer, or one of the wrong shape.
    """
    features = _one_row(_blank_rows(trained), Query(scenario=_only_scenario(trained)), (0, 0))
    # Parts that do not fit together may fail anywhere in a plugin.
    try:
        queries = build_queries(features, ("blank",), trained.pool, trained.fusion)
        _by_router(trained, queries, Rule(kind="trade-off", value=1.0), "blank")
    except Exception as error:
        reason = str(error) if isinstance(error, MMRError) else f"{type(error).__name__}: {error}"
        raise DataError(f"its parts do not fit together: {reason}", fix="train it again") from error


def _by_router(trained: TrainedRouter, queries: Queries, rule: Rule, digest: str) -> Answer:
    seen = tuple(name for name, has in zip(MODALITIES, queries.mask[0].tolist(), strict=True) if has)
    name = trained.manifest.router.canonical_id
    if isinstance(trained.router, ScoringRouter):
        prediction = scored(trained.router.predict(queries), (1, len(trained.pool)), 1.0, name)
        return _by_prediction(trained, prediction.pred_utility, prediction.pred_cost, rule, seen)
    return _by_decision(trained, _probabilities(trained.router, queries, rule, name), rule, seen, digest)


def _by_prediction(
    trained: TrainedRouter, utility: Floats, cost: Floats, rule: Rule, seen: tuple[Modality, ...]
) -> Answer:
    within = None
    if rule.kind == "budget":
        chosen, within = _within_budget(utility[0], cost[0], rule.value)
    else:
        chosen = int(choose(utility, cost / trained.manifest.cost_scale, rule.value)[0])
    expected = tuple(
        Expected(model=model.name, utility=u, cost=c, probability=None)
        for model, u, c in zip(trained.pool, utility[0].tolist(), cost[0].tolist(), strict=True)
    )
    return Answer(model=trained.pool[chosen].name, rule=rule, within_budget=within, seen=seen, expected=expected)


def _within_budget(utility: Floats, cost: Floats, budget: float) -> tuple[int, bool]:
    """The best predicted utility among models of predicted cost <= budget, as `budget_sweep` chooses.

    Ties: lower cost, then lower index. Where no model is affordable, the cheapest; ties: higher utility.
    """
    affordable = np.flatnonzero(cost <= budget)
    if len(affordable):
        return int(affordable[np.lexsort((cost[affordable], -utility[affordable]))[0]]), True
    return int(np.lexsort((-utility, cost))[0]), False


def _probabilities(router: Any, queries: Queries, rule: Rule, name: str) -> Floats:
    if not isinstance(router, PolicyRouter):
        raise PluginError(f"router {name!r} has neither predict nor decide")
    decision = router.decide(queries, rule.value)
    (rows,) = decided([decision] * len(GRID), (1, len(queries.pool)), name).probabilities
    return np.asarray(rows[0], dtype=np.float64)


def _by_decision(
    trained: TrainedRouter, probabilities: Floats, rule: Rule, seen: tuple[Modality, ...], digest: str
) -> Answer:
    """Draws a model with these probabilities; the draw is the query's own, so the same query has the same answer."""
    seed = trained.manifest.router.parameters.get("seed", 0)
    drawn = int.from_bytes(blake2b(f"{seed}:{digest}".encode(), digest_size=8).digest(), "big") / 2**64
    chosen = int(np.searchsorted(np.cumsum(probabilities), drawn * probabilities.sum(), side="right"))
    expected = tuple(
        Expected(model=model.name, utility=None, cost=None, probability=p)
        for model, p in zip(trained.pool, probabilities.tolist(), strict=True)
    )
    model = trained.pool[min(chosen, len(probabilities) - 1)].name
    return Answer(model=model, rule=rule, within_budget=None, seen=seen, expected=expected)


def _features(trained: TrainedRouter, query: Query) -> tuple[Features, str]:
    """The features of one query as training had them, and a digest of the question and the image's bytes."""
    present = query.question.strip() != "" and "text" in trained.encoders
    pictured = query.image is not None and "image" in trained.encoders
    if not present and not pictured:
        due = " or ".join({"text": "question", "image": "image"}[name] for name in trained.encoders)
        raise DegenerateError(f"the query has no {due}, and that is all that the router looks at")
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
    """The features of a query that has only what the router looks at.

    :param rows: float32 [1, width] of each modality that is encoded; zeros where the query does not have it.
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
        raise PluginError(f"{name} returned an array of shape {row.shape} where finite float32 [1, d] is due")
    features = trained.manifest.features
    given, width = row.shape[1], features.width
    fits = (
        given == width
        or (features.align == "pad" and given < width)
        or (features.align == "truncate" and given > width)
    )
    if not fits:
        raise FeatureError(
            f"{name} gives {given} dimensions where the router was trained on {width}",
            fix="train it on a table that has this modality",
        )
    aligned = np.zeros((1, width), dtype=np.float32)
    aligned[:, : min(given, width)] = row[:, :width]
    return aligned
