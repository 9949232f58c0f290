"""Figure S2: two queries per scenario that show what a router does, picked by a rule and not by hand.

One went to a cheap model that was right, the other to a dear model that alone was. Which rows the choices are of is
the protocol's affair: the complete test instances of a column in canonical order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmr_core.outcomes import OutcomeTable
from mmr_core.runner.prepare import select
from mmr_core.specs import DatasetSpec
from mmr_core.splits import train_mask
from mmr_core.studies import (
    Case,
    Cell,
    CellRecord,
    Entry,
    Exhibit,
    Gallery,
    Gap,
    Line,
    Results,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_plugins.studies.lineup import MAIN_RULE, main_router, members_present
from mmr_plugins.studies.measured import Measured

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]

RIGHT = 0.5
"""The utility from which an answer counts as right."""
REACHED = 1e-9
CHEAP, DEAR = "cheap and right", "dear and needed"
LONGEST = 160
"""Characters of an answer that are shown."""

RULE = (
    f"The router is {MAIN_RULE}, with the first seed, at the cheapest trade-off weight of the grid at which it is as "
    "good as the best single model on the whole column, or else at its greatest utility. Cheap and dear are the halves "
    f"of the pool by mean cost; right is a utility of {RIGHT:g} or more. '{CHEAP.capitalize()}': of the test queries "
    "that went to a cheap model which was right, where the best single model was right as well, the one on which most "
    "was saved against it. "
    f"'{DEAR.capitalize()}': of those that went to a dear model which was right where every model of lower mean cost "
    "was wrong, the one with most such models. Of equals the first in canonical order is shown."
)
HEADER = (
    "case",
    "instance",
    "sent to",
    "its cost",
    "best single model",
    "its cost there",
    "saved in %",
    "models right",
)
NOTE = "Costs are those of the models on that query, as are the savings, in % of the best single model's cost there."
NONE_CHEAP = "no test query of it went to a cheap model that was as right as the best single model, at a lower cost"
NONE_DEAR = "no test query of it went to a dear model that was right where every cheaper model was wrong"


@dataclass(frozen=True, kw_only=True, eq=False)
class Routed:
    """What happened to the test queries of a column at one trade-off weight.

    :param asked: the n complete test instances, in canonical order.
    :param chosen: [n] the index of the model that each was sent to.
    :param rank: [K] the place of each model by mean cost on these instances; 0 is the cheapest.
    :param best: the index of the best single model.
    """

    asked: OutcomeTable
    chosen: Ints
    rank: Ints
    best: int

    @classmethod
    def of(cls, table: OutcomeTable, column: DatasetSpec, record: CellRecord) -> Routed:
        """The choices of a record laid beside the rows that they were made for.

        :raises ValueError: if the record has no choices, or not one for each test instance of this table.
        """
        along = record.along
        if along is None or along.choices is None:
            raise ValueError(f"the choices of {record.name} on {column.name} were not kept")
        asked = test_instances(table, column).take_models(record.models)
        if along.choices.shape[1] != len(asked):
            raise ValueError(f"{along.choices.shape[1]} choices for {len(asked)} test instances of {column.name}")
        order = np.argsort(asked.cost.mean(axis=0), kind="stable")
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order))
        return cls(
            asked=asked,
            chosen=along.choices[shown_weight(record)],
            rank=rank,
            best=record.models.index(record.best_single),
        )

    def cheap_and_right(self, rows: NDArray[np.bool_]) -> int | None:
        """The row sent to a cheap model, as right as the best single model, with the greatest saving against it.

        :param rows: bool [n], among which one is looked for.
        """
        everyone = np.arange(len(self.chosen))
        saved = self.asked.cost[:, self.best] - self.asked.cost[everyone, self.chosen]
        cheap = self.rank[self.chosen] < len(self.rank) // 2
        wasteful = (self.asked.utility[:, self.best] >= RIGHT) & (saved > 0)
        fit = rows & cheap & self._right & wasteful
        return int(np.argmax(np.where(fit, saved, -np.inf))) if fit.any() else None

    def dear_and_needed(self, rows: NDArray[np.bool_]) -> int | None:
        """The row sent to a dear model that was right where every cheaper one was wrong, with most such models."""
        place = self.rank[self.chosen]  # [n], also the number of cheaper models
        cheaper = self.rank[None, :] < place[:, None]  # [n, K]
        needed = ~(cheaper & (self.asked.utility >= RIGHT)).any(axis=1)
        dear = place >= (len(self.rank) + 1) // 2
        fit = rows & dear & needed & self._right
        return int(np.argmax(np.where(fit, place, -1))) if fit.any() else None

    @property
    def _right(self) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = self.asked.utility[np.arange(len(self.chosen)), self.chosen] >= RIGHT
        return right


def test_instances(table: OutcomeTable, column: DatasetSpec) -> OutcomeTable:
    """The complete test instances of a column in canonical order, as the protocol asks routers about them."""
    own = select(table, column)
    return own.take(~train_mask(own.dataset, own.instance_id) & own.complete)


def shown_weight(record: CellRecord) -> int:
    """The place of the grid at which cases are shown: the cheapest as good as the best single model, else the peak.

    :raises ValueError: if the policy was not followed along the grid.
    """
    along = record.along
    if along is None:
        raise ValueError(f"{record.name} was not followed along the trade-off weights")
    enough = along.utility >= min(record.within.best_utility, along.utility.max()) - REACHED
    return int(np.argmin(np.where(enough, along.cost, np.inf)))


class CaseStudies:
    """A gallery of two queries per scenario, with image, question and every model's outcome."""

    title: ClassVar[str] = "Figure S2: queries and where they were sent"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """One fit for each column that a scenario is looked up in, with its choices.

        :raises Unavailable: if the run has no scoring router.
        """
        router = _router(setting)
        columns = dict.fromkeys(column_for(setting, scenario).name for scenario in scenarios_of(setting))
        return [_cell(setting, router, name) for name in columns]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """The gallery; a scenario without a case is a gap.

        :raises Unavailable: if nothing was measured, or no case was found.
        """
        router = _router(setting)
        measured = Measured(setting, results)
        rows: list[tuple[str, tuple[Case, ...]]] = []
        lines: list[Line] = []
        gaps = list(measured.gaps(self.cells(setting)))
        for scenario in scenarios_of(setting):
            column = column_for(setting, scenario)
            records = measured.records([_cell(setting, router, column.name)])
            if not records:
                continue
            routed = Routed.of(setting.table, column, records[0])
            found = _found(routed, _of_scenario(routed.asked, scenario))
            if cases := tuple(_case(routed, row, heading) for heading, row in found if row is not None):
                rows.append((scenario, cases))
            lines += [_line(routed, row, heading, scenario) for heading, row in found if row is not None]
            reasons = {CHEAP: NONE_CHEAP, DEAR: NONE_DEAR}
            gaps += [Gap(what=f"{scenario}, {h}", reason=reasons[h]) for h, row in found if row is None]
        if not rows:
            raise Unavailable("; ".join(dict.fromkeys(gap.reason for gap in gaps)) or "no case was found")
        exhibit = Exhibit(
            name="s-figure2",
            title=f"Queries of each scenario and where {router} sent them",
            caption=RULE,
            sheet=Sheet(header=HEADER, lines=tuple(lines), notes=(NOTE,)),
            drawing=Gallery(rows=tuple(rows)),
        )
        return StudyReport(exhibits=(exhibit,), gaps=tuple(gaps))


def scenarios_of(setting: Setting) -> tuple[str, ...]:
    """The scenarios of the table, in the order of their first datasets."""
    return tuple(dict.fromkeys(spec.scenario for spec in setting.datasets))


def column_for(setting: Setting, scenario: str) -> DatasetSpec:
    """Where a scenario is looked up: the widest column if it has such a dataset, else the first one that does."""
    scenario_of = {spec.name: spec.scenario for spec in setting.datasets}
    candidates = (setting.widest, *setting.mixtures, *setting.datasets)
    return next(
        column
        for column in candidates
        if any(scenario_of[name] == scenario for name in members_present(setting, column))
    )


def _router(setting: Setting) -> str:
    router = main_router(setting)
    if router is None:
        raise Unavailable("no scoring router is in the run", fix="add one with --router")
    return router


def _cell(setting: Setting, router: str, column: str) -> Cell:
    return Cell(test=column, router=router, seed=setting.seeds[0], keep_choices=True)


def _of_scenario(asked: OutcomeTable, scenario: str) -> NDArray[np.bool_]:
    names = [spec.name for spec in asked.datasets if spec.scenario == scenario]
    return np.isin(asked.dataset.astype(str), names)


def _found(routed: Routed, rows: NDArray[np.bool_]) -> Sequence[tuple[str, int | None]]:
    return ((CHEAP, routed.cheap_and_right(rows)), (DEAR, routed.dear_and_needed(rows)))


def _case(routed: Routed, row: int, heading: str) -> Case:
    asked, model = routed.asked, int(routed.chosen[row])
    image = asked.image[row]
    return Case(
        heading=heading,
        question=asked.question[row],
        image=Path(image) if image is not None and Path(image).is_file() else None,
        facts=_facts(routed, row, model),
    )


def _facts(routed: Routed, row: int, model: int) -> tuple[tuple[str, str], ...]:
    asked = routed.asked
    titles = [spec.title for spec in asked.models]
    by_cost = np.argsort(routed.rank)
    right = [titles[j] for j in by_cost if asked.utility[row, j] >= RIGHT]
    wrong = [titles[j] for j in by_cost if asked.utility[row, j] < RIGHT]
    saved = _saved(routed, row, model)
    best = "right" if asked.utility[row, routed.best] >= RIGHT else "wrong"
    facts = [
        ("dataset", asked.spec_of(asked.dataset[row]).title),
        ("category", asked.category[row]),
        ("sent to", f"{titles[model]}, {_usd(asked.cost[row, model])}"),
        ("its answer", _short(asked.response[row, model] if asked.response is not None else None)),
        ("reference answer", _short(asked.answer[row])),
        ("best single model", f"{titles[routed.best]}, {best}, {_usd(asked.cost[row, routed.best])}"),
        ("saved", f"{saved:.1f} %" if saved is not None and saved > 0 else ""),
        ("right", ", ".join(right)),
        ("wrong", "every other model" if len(right) == 1 else ", ".join(wrong) or "none"),
    ]
    return tuple((word, value) for word, value in facts if value)


def _line(routed: Routed, row: int, heading: str, scenario: str) -> Line:
    asked, model = routed.asked, int(routed.chosen[row])
    right = int((asked.utility[row] >= RIGHT).sum())
    return Line(
        label=heading,
        group=scenario,
        entries=(
            Entry(text=asked.instance_id[row]),
            Entry(text=asked.models[model].title),
            Entry(text=_usd(asked.cost[row, model])),
            Entry(text=asked.models[routed.best].title),
            Entry(text=_usd(asked.cost[row, routed.best])),
            Entry(value=_saved(routed, row, model), digits=1),
            Entry(text=f"{right} of {len(asked.models)}"),
        ),
    )


def _saved(routed: Routed, row: int, model: int) -> float | None:
    """What was saved on a query against the best single model, in percent of its cost; None where that is free."""
    dear = float(routed.asked.cost[row, routed.best])
    return 100 * (1 - float(routed.asked.cost[row, model]) / dear) if dear > 0 else None


def _usd(cost: float) -> str:
    return f"{cost:.2g} USD"


def _short(text: str | None) -> str:
    words = " ".join((text or "").split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"
