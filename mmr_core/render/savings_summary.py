"""The savings of a column in sentences: the best single model, the recommendation, and what was left out.

The terminal, Markdown and JSON use the same sentences, and they state losses as plainly as savings.
"""

from __future__ import annotations

from collections.abc import Iterator

from mmr_core.render.numbers import (
    UNIT,
    cost_text,
    decimal,
    name,
    saving_text,
    share,
    signed,
    usd,
    with_interval,
)
from mmr_core.results import Chosen, ColumnSavings, Estimate, Mark, RouterSavings


def summary(column: ColumnSavings) -> list[str]:
    """The answer, a sentence each."""
    best = column.single(column.best)
    lines = [
        f"Best single model: {name(best.name)}, utility {with_interval(best.utility)} at {cost_text(best.cost)} {UNIT}."
    ]
    lines += list(_advice(column))
    lines += list(_frontier(column))
    return lines


def left_out(column: ColumnSavings) -> list[str]:
    """Models, instances and routers that the figures leave out."""
    lines = [f"model {name(model)} is left out: {reason}" for model, reason in column.models_left_out.items()]
    for gap in column.left_out:
        missing = ", ".join(f"{name(model)} {count:,}" for model, count in gap.models.items())
        lines.append(
            f"dataset {gap.dataset}: {gap.instances:,} of {gap.of:,} test instances ({gap.instances / gap.of:.1%}) are "
            f"left out, for lack of a utility or a cost ({missing}); the figures speak of the others alone"
        )
    lines += [f"router {name(failure.router)} failed: {name(failure.reason)}" for failure in column.failures]
    return lines


def _advice(column: ColumnSavings) -> Iterator[str]:
    mark = column.mark
    if mark is None:
        yield "No router is recommended: there is no complete validation instance to choose one by."
        return
    if column.recommended is None:
        yield (
            f"No router is recommended: on the {mark.instances:,} validation instances none reached the utility of "
            f"{name(mark.model)} ({decimal(mark.utility, 3)}) below its cost ({usd(mark.cost)} {UNIT}). "
            f"Use {name(mark.model)}."
        )
        return
    router = column.router(column.recommended)
    chosen = router.chosen["cost"]
    yield _recommendation(router, chosen, mark)
    yield (
        f"On the {column.evaluated:,} test instances, which played no part in that choice, "
        f"{_saving(chosen, name(column.best))}; "
        f"{_quality(chosen.gain)}."
    )


def _recommendation(router: RouterSavings, chosen: Chosen, mark: Mark) -> str:
    weights = ", ".join(f"{weight:.6g}" for weight in chosen.trade_off)
    plural = "s" if len(chosen.trade_off) > 1 else ""
    return (
        f"Recommended: router {name(router.name)} at trade-off weight{plural} {weights}. Of all routers it reached the "
        f"utility of {name(mark.model)} ({decimal(mark.utility, 3)}) on the {mark.instances:,} validation instances at "
        f"the least cost ({usd(chosen.validation_cost)} instead of {usd(mark.cost)} {UNIT})."
    )


def _saving(chosen: Chosen, best: str) -> str:
    cost, ratio = chosen.cost, chosen.ratio
    if ratio.value is None:
        return f"it costs {cost_text(cost)} {UNIT}, and {best} nothing"
    if ratio.value > 1:
        more = share(2 - ratio.value)
        return (
            f"it saves nothing: it costs {more} more than {best}, {cost_text(cost)} {UNIT} "
            f"(saving {saving_text(ratio)})"
        )
    told = "" if ratio.high is None or ratio.high < 1 else ", which is not distinguishable from no saving"
    return f"it saves {saving_text(ratio)} of the cost of {best}{told}: it costs {cost_text(cost)} {UNIT}"


def _quality(gain: Estimate) -> str:
    text = f"its utility differs by {with_interval(gain, signed)}"
    if gain.low is None or gain.high is None:
        return text
    if gain.high < 0:
        return f"{text}: it is less accurate, so what validation promised did not hold"
    if gain.low > 0:
        return f"{text}: it is more accurate"
    return f"{text}, which is not distinguishable from no difference"


def _frontier(column: ColumnSavings) -> Iterator[str]:
    """The best case over the routers' frontiers, with hindsight."""
    if not column.routers:
        return
    reached = [router.against[0].cost.value for router in column.routers]
    least = min((cost for cost in reached if cost is not None), default=float("inf"))
    best = column.single(column.best)
    if least == float("inf"):
        yield f"Even chosen on the test split itself, no router reaches the utility of {name(best.name)}."
    elif best.cost.value is not None and least >= best.cost.value:
        yield f"Even chosen on the test split itself, no router reaches the utility of {name(best.name)} at less cost."
