"""The share of queries that each router sends to each model, along its frontier."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmr_core.outcomes import OutcomeTable
from mmr_core.specs import ORACLE
from mmr_core.studies import (
    Axis,
    Cell,
    CellRecord,
    Chart,
    Entry,
    Exhibit,
    Line,
    Panel,
    Results,
    Series,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_plugins.studies.frontiers import Standing, cost_entry, dearest_title, in_domain, standing, titles_of
from mmr_plugins.studies.measured import Measured

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""Mean utilities this close are one: they are sums in different orders."""

BUDGETS = (0.05, 1 / 3, 1.0)
"""Mean costs for which the sheet shows the shares, relative to the best single model's; the paper speaks of a third."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixing:
    """What a policy sends where along its Pareto front, ascending in mean cost and in mean utility.

    :param cost: [m] relative to the dearest single model; :param utility: [m]; :param share: [m, K], rows sum to 1.
    """

    cost: Floats
    utility: Floats
    share: Floats


def mixing(records: Sequence[CellRecord]) -> Mixing | None:
    """The policy of one router, averaged over its seeds at each weight of the grid, where it is on its Pareto front.

    Off the front the router is of no use, and its shares would jump back and forth along the cost. None where the front
    is one point, or the router was not followed along the grid.

    :param records: of one column, one per seed.
    """
    along = [record.along for record in records if record.along is not None]
    if not along or len(along) < len(records):
        return None
    cost = np.mean([policy.cost for policy in along], axis=0) / records[0].within.high
    utility = np.mean([policy.utility for policy in along], axis=0)
    share = np.mean([policy.share for policy in along], axis=0)
    front = pareto_front(cost, utility)
    if len(front) < 2:
        return None
    return Mixing(cost=cost[front], utility=utility[front], share=share[front])


def pareto_front(cost: Floats, utility: Floats) -> NDArray[np.intp]:
    """The places [m] of the points that no other is as cheap and as good as, cheapest first; of equals the first.

    Costs that differ by rounding alone are equal.
    """
    cost = np.round(cost, 12)
    order = np.lexsort((-utility, cost))
    best_before = np.maximum.accumulate(np.concatenate([[-np.inf], utility[order][:-1]]))
    return order[utility[order] > best_before + ROUNDING]


class ModelShares:
    """Stacked shares over cost, a panel per router."""

    title: ClassVar[str] = "The share of queries sent to each model"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """The routers of the run on the widest column."""
        return in_domain(setting, setting.widest)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """A panel per router that does different things at different weights, and the oracle.

        :raises Unavailable: if the column was not measured, or no router was followed along the weights.
        """
        place = standing(Measured(setting, results), setting.widest)
        policies = {name: mixing(records) for name, records in place.routers.items()}
        followed = {name: policy for name, policy in policies.items() if policy is not None}
        if not followed:
            reasons = dict.fromkeys(gap.reason for gap in place.gaps)
            raise Unavailable(
                "; ".join(reasons) or "no router of the run does different things at different trade-off weights"
            )
        bound = mixing([place.references[ORACLE]]) if ORACLE in place.references else None
        if bound is not None:
            followed[ORACLE] = bound
        ends = _ends(followed.values())
        panels = [_panel(name, policy, place, setting.table, ends) for name, policy in followed.items()]
        exhibit = Exhibit(
            name="shares",
            title=f"The share of queries sent to each model on {place.column.title}",
            caption=(
                "Shares of the test queries that each router sends to each model, over its mean cost, averaged over "
                "seeds at each trade-off weight. Only weights on the router's Pareto front are shown, where no other "
                "brings as much for less. Models are stacked from the cheapest at the bottom to the dearest; the areas "
                "end where spending more brings nothing more. A router whose front is one point, such as a random one, "
                "has no panel."
            ),
            sheet=_sheet(followed, place, setting.table),
            drawing=Chart(panels=tuple(panels), columns=min(len(panels), 3), legend_title="sent to"),
        )
        return StudyReport(exhibits=(exhibit,), gaps=place.gaps)


def _panel(name: str, policy: Mixing, place: Standing, table: OutcomeTable, ends: tuple[float, float]) -> Panel:
    """Shares over a cost axis with the given ends."""
    titles = titles_of(table)
    record = next(iter(place.references.values()))
    x = tuple(policy.cost.tolist())
    stacked = [
        Series(name=titles[model], kind="stack", x=x, y=tuple(policy.share[:, record.models.index(model)].tolist()))
        for model in place.singles
    ]
    return Panel(
        title=name,
        x=Axis(
            label=f"mean cost (1 = always {dearest_title(place, table)})",
            scale="log" if ends[0] > 0 else "linear",
            low=ends[0],
            high=ends[1],
        ),
        y=Axis(label="share of queries", low=0.0, high=1.0),
        series=tuple(stacked),
    )


def _ends(policies: Collection[Mixing]) -> tuple[float, float]:
    """From the least cost of all policies to that of the dearest single model, or beyond if one spends more."""
    return min(float(p.cost[0]) for p in policies), max(1.0, *(float(p.cost[-1]) for p in policies))


def at_budget(policy: Mixing, budget: float) -> int | None:
    """The place of greatest utility among those of at most this relative cost; of equals the cheapest."""
    within = np.flatnonzero(policy.cost <= budget * (1 + 1e-9))
    return None if len(within) == 0 else int(within[np.argmax(policy.utility[within])])


def _sheet(followed: Mapping[str, Mixing], place: Standing, table: OutcomeTable) -> Sheet:
    record = next(iter(place.references.values()))
    titles = titles_of(table)
    best = record.within.best_cost / record.within.high
    lines = []
    for name, policy in followed.items():
        for budget in BUDGETS:
            at = at_budget(policy, budget * best)
            label = f"at most {budget:.0%} of {titles[record.best_single]}"
            lines.append(Line(label=label, entries=_entries(policy, at, place), group=name, reference=name == ORACLE))
    return Sheet(
        header=("mean cost", "utility", "cost", *(titles[model] for model in place.singles)),
        lines=tuple(lines),
        notes=(
            "The operating point of greatest utility on the grid of trade-off weights within the mean cost; cost is "
            "relative to the dearest single model, shares are in %. A dash: no point of the grid is as cheap.",
        ),
    )


def _entries(policy: Mixing, at: int | None, place: Standing) -> tuple[Entry, ...]:
    record = next(iter(place.references.values()))
    if at is None:
        return (Entry(),) * (2 + len(place.singles))
    shares = [Entry(value=100 * policy.share[at, record.models.index(m)], digits=1) for m in place.singles]
    return (Entry(value=float(policy.utility[at])), cost_entry(float(policy.cost[at])), *shares)
