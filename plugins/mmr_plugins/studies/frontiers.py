"""Figures 4 and S1: what every router reaches at every cost, beside the oracle and the single models.

Figure 4 shows the column that stands for the whole table, figure S1 every dataset by itself. Other figures of
frontiers take their series, lines and panels from here. The envelope and its range are those of the metrics
(`mmr_core.numerics.metrics.frontier`), so a figure shows the very area that nAUC measures; costs are divided by the
mean cost of the dearest single model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import frontier
from mmr_core.outcomes import OutcomeTable
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX
from mmr_core.specs import ORACLE, DatasetSpec
from mmr_core.studies import (
    Axis,
    Cell,
    CellRecord,
    Chart,
    Entry,
    Exhibit,
    Gap,
    Line,
    Panel,
    Results,
    Series,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_core.studies.exhibits import marked
from mmr_plugins.studies.lineup import over_seeds, routers_with_random
from mmr_plugins.studies.measured import Measured, figure
from mmr_plugins.studies.paper import decimals

Floats = NDArray[np.float64]

SINGLE_MODELS = "single models"
SMOOTH = 96
"""Points along a logarithmic axis, on which a straight piece of a frontier is a curve."""

METRICS = ("nauc", "peak", "qnc", "skill")
HEADER = ("nAUC", "peak", "QNC", "skill", "cost at the peak")
SINGLE_NOTE = "Of a single model, the peak is its mean utility and the cost its mean cost."
COST_NOTE = "Costs are relative to the mean cost of the dearest single model; QNC is relative to that of the best one."
HOW = (
    "Each line is the upper concave envelope of a router's operating points at every trade-off weight, within the "
    "range from the cheapest to the dearest single model (section 4.3), averaged over seeds; the cost axis is "
    "logarithmic. "
    "The oracle knows the outcomes; the constant policy predicts the training means for every query."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """All that was measured of the run's routers on one column.

    :param routers: by name, a record per seed; those with a missing seed are left out.
    :param references: by name of the row.
    :param gaps: what is missing, with the reason.
    """

    column: DatasetSpec
    routers: Mapping[str, Sequence[CellRecord]]
    references: Mapping[str, CellRecord]
    gaps: tuple[Gap, ...]

    @property
    def singles(self) -> dict[str, CellRecord]:
        """The single models, by name, cheapest first."""
        known = {
            name.removeprefix(MODEL_PREFIX): record
            for name, record in self.references.items()
            if name.startswith(MODEL_PREFIX)
        }
        return dict(sorted(known.items(), key=lambda item: float(item[1].frontier_cost[0])))


def in_domain(setting: Setting, column: DatasetSpec) -> list[Cell]:
    """The references of a column, and each router of the run with each seed, learned on the column itself."""
    fits = [Cell(test=column.name, router=name) for name in routers_with_random(setting)]
    return [Cell(test=column.name), *(seeded for cell in fits for seeded in over_seeds(cell, setting))]


def standing(measured: Measured, column: DatasetSpec) -> Standing:
    """What was measured of the cells of `in_domain`.

    :raises Unavailable: if the references of the column were not measured, so that nothing can be compared.
    """
    setting = measured.setting
    measured.demand_some([Cell(test=column.name)])
    names = (ORACLE, CONSTANT, BEST_SINGLE, *(f"{MODEL_PREFIX}{model.name}" for model in setting.table.models))
    rows = {name: measured.reference(column.name, name) for name in names}
    fits = {name: measured.fits(Cell(test=column.name, router=name)) for name in routers_with_random(setting)}
    return Standing(
        column=column,
        routers={name: records for name, records in fits.items() if records},
        references={name: records[0] for name, records in rows.items() if records},
        gaps=measured.gaps(in_domain(setting, column)),
    )


def frontier_points(records: Sequence[CellRecord]) -> tuple[Floats, Floats]:
    """The frontier p(c) of a policy, averaged over its seeds: [m] relative cost, ascending to 1, and [m] utility.

    :param records: of one column, so that they share their cost range.
    """
    within = records[0].within
    lines = [frontier(record.frontier_cost, record.frontier_utility, within) for record in records]
    knots = [line.cost for line in lines]
    if within.low > 0:
        knots.append(np.clip(np.geomspace(within.low, within.high, SMOOTH), within.low, within.high))
    cost = np.unique(np.concatenate(knots))
    utility = np.mean([np.interp(cost, line.cost, line.utility) for line in lines], axis=0)
    return cost / within.high, utility


def frontier_series(name: str, records: Sequence[CellRecord], *, reference: bool = False) -> Series:
    """The frontier of a policy as a line."""
    cost, utility = frontier_points(records)
    return Series(name=name, x=tuple(cost.tolist()), y=tuple(utility.tolist()), reference=reference)


def single_series(place: Standing, table: OutcomeTable, labelled: Collection[str] | None = None) -> Series:
    """The single models as points.

    :param labelled: the models whose names are written beside them; None means all.
    """
    titles = titles_of(table)
    shown = place.singles
    points = [single_point(record) for record in shown.values()]
    return Series(
        name=SINGLE_MODELS,
        kind="points",
        x=tuple(cost for cost, _ in points),
        y=tuple(utility for _, utility in points),
        labels=tuple(titles[name] if labelled is None or name in labelled else "" for name in shown),
    )


def single_point(record: CellRecord) -> tuple[float, float]:
    """Relative cost and utility of a single model."""
    return float(record.frontier_cost[0]) / record.within.high, float(record.frontier_utility[0])


def titles_of(table: OutcomeTable) -> dict[str, str]:
    """The titles of the models, by name."""
    return {model.name: model.title for model in table.models}


def frontier_panel(title: str, series: Sequence[Series], dearest: str, *, logarithmic: bool) -> Panel:
    """Frontiers over relative cost.

    :param dearest: the title of the model whose mean cost is 1.
    """
    drawn = [one for one in series if one.x]
    least = min((min(one.x) for one in drawn), default=0.0)
    return Panel(
        title=title,
        x=Axis(label=f"mean cost (1 = always {dearest})", scale="log" if logarithmic and least > 0 else "linear"),
        y=Axis(label="mean utility"),
        series=tuple(drawn),
    )


def standing_panel(place: Standing, table: OutcomeTable, title: str, labelled: Collection[str] | None = None) -> Panel:
    """Every router, the oracle, the constant policy and the single models of a column, over a logarithmic cost."""
    series = [frontier_series(name, records) for name, records in place.routers.items()]
    series += [
        frontier_series(name, [place.references[name]], reference=True)
        for name in (ORACLE, CONSTANT)
        if name in place.references
    ]
    series.append(single_series(place, table, labelled))
    return frontier_panel(title, series, dearest_title(place, table), logarithmic=True)


def dearest_title(place: Standing, table: OutcomeTable) -> str:
    """The title of the model whose mean cost is the unit of relative costs."""
    return titles_of(table)[list(place.singles)[-1]]


def standing_sheet(place: Standing, table: OutcomeTable) -> Sheet:
    """The figures of every policy of a column; the best router of each figure is marked."""
    lines = [measured_line(name, records) for name, records in place.routers.items()]
    lines += [
        measured_line(name, [place.references[name]], reference=True)
        for name in (ORACLE, CONSTANT, BEST_SINGLE)
        if name in place.references
    ]
    titles = titles_of(table)
    for name, record in place.singles.items():
        cost, utility = single_point(record)
        peak = Entry(value=utility)
        entries = (Entry(), peak, Entry(), Entry(), cost_entry(cost))
        lines.append(Line(label=titles[name], entries=entries, group=SINGLE_MODELS, reference=True))
    sheet = Sheet(header=("policy", *HEADER), lines=tuple(lines), notes=(COST_NOTE, SINGLE_NOTE))
    return marked(sheet, ("higher", "higher", "lower", "higher", None))


def measured_line(label: str, records: Sequence[CellRecord], *, reference: bool = False, group: str = "") -> Line:
    """The metrics of one policy, averaged over seeds, and the relative cost of its peak."""
    entries = [figure(records, metric) for metric in METRICS]
    cost, utility = frontier_points(records)
    at_peak = float(cost[int(np.argmax(utility >= utility.max() - 1e-12))])
    return Line(label=label, entries=(*entries, cost_entry(at_peak)), group=group, reference=reference)


def cost_entry(cost: float) -> Entry:
    """A relative cost, with decimals enough for that of a very cheap policy."""
    return Entry(value=cost, digits=decimals(cost, least=3))


def grouped(sheets: Sequence[tuple[str, Sheet]]) -> Sheet:
    """Sheets of one header under each other, each below its heading; notes are printed once."""
    lines = [
        replace(line, group=f"{heading}: {line.group}" if line.group else heading)
        for heading, sheet in sheets
        for line in sheet.lines
    ]
    notes = dict.fromkeys(note for _, sheet in sheets for note in sheet.notes)
    return Sheet(header=sheets[0][1].header, lines=tuple(lines), notes=tuple(notes))


class Figure4:
    """Cost-utility frontiers on the widest column."""

    title: ClassVar[str] = "Figure 4: frontiers of cost and utility"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """The references and the routers of the run on the widest column."""
        return in_domain(setting, setting.widest)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """One panel.

        :raises Unavailable: if the column was not measured.
        """
        place = standing(Measured(setting, results), setting.widest)
        exhibit = Exhibit(
            name="figure4",
            title=f"Frontiers of cost and utility on {place.column.title}",
            caption=f"What each router reaches at each mean cost on {_size(place)}. {HOW}",
            sheet=standing_sheet(place, setting.table),
            drawing=Chart(panels=(standing_panel(place, setting.table, place.column.title),)),
        )
        return StudyReport(exhibits=(exhibit,), gaps=place.gaps)


class FigureS1:
    """Cost-utility frontiers on every dataset."""

    title: ClassVar[str] = "Figure S1: frontiers of cost and utility per dataset"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """The references and the routers of the run on each dataset."""
        return [cell for column in setting.datasets for cell in in_domain(setting, column)]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """A panel per dataset.

        :raises Unavailable: if none was measured.
        """
        measured = Measured(setting, results)
        places: list[Standing] = []
        gaps: list[Gap] = []
        for column in setting.datasets:
            try:
                place = standing(measured, column)
            except Unavailable as unavailable:
                gaps.append(Gap(what=f"the panel of {column.title}", reason=unavailable.what))
            else:
                places.append(place)
                gaps += place.gaps
        if not places:
            raise Unavailable("none of the datasets was measured: " + "; ".join(gap.reason for gap in gaps))
        table = setting.table
        panels = [standing_panel(place, table, place.column.title, _landmarks(place)) for place in places]
        exhibit = Exhibit(
            name="s-figure1",
            title="Frontiers of cost and utility on each dataset",
            caption=(
                f"What each router reaches at each mean cost, learned and tested on one dataset at a time. {HOW} "
                "Of the single models, the cheapest, the dearest and the most accurate are named."
            ),
            sheet=grouped([(place.column.title, standing_sheet(place, table)) for place in places]),
            drawing=Chart(panels=tuple(panels), columns=min(len(panels), 3)),
        )
        return StudyReport(exhibits=(exhibit,), gaps=tuple(gaps))


def _size(place: Standing) -> str:
    record = next(iter(place.references.values()))
    return f"the {record.instances} test instances of {place.column.title}, learned from {record.learned_from}"


def _landmarks(place: Standing) -> set[str]:
    names = list(place.singles)
    best = next(iter(place.references.values())).best_single
    return {names[0], names[-1], best}
