"""How much training data routers need: each learns from a growing share of the training split (beyond the paper)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from mmr_core.results import averaged
from mmr_core.runner.references import CONSTANT
from mmr_core.specs import DatasetSpec
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
    Setting,
    Sheet,
    StudyReport,
)
from mmr_core.studies.exhibits import marked
from mmr_plugins.studies.curves import curve, demand_learners, first_fit, level, one_seed_note
from mmr_plugins.studies.frontiers import grouped
from mmr_plugins.studies.measured import Measured, figure, gain
from mmr_plugins.studies.overall import SKILL

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
METRICS = (("nauc", "nAUC"), ("skill", "skill"))
NESTED = "Smaller shares lie in larger ones; each dataset gives its share of its validation part and of the rest."

Fits = Mapping[str, Mapping[float, list[CellRecord]]]
"""By router and share, the record as a list of one, or an empty list."""


class TrainingSize:
    """nAUC and skill over the number of training instances, router by router."""

    title: ClassVar[str] = "Beyond the paper: how much training data routers need"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Every router that learns with every share of the widest column's training split, and the references.

        :raises Unavailable: if no router of the run learns.
        """
        fits = [cell for row in _grid(setting).values() for cell in row.values()]
        return [Cell(test=setting.widest.name), *fits]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Two panels, and a sheet with differences to the whole training split.

        :raises Unavailable: if nothing was measured.
        """
        column = setting.widest
        measured = Measured(setting, results)
        cells = list(self.cells(setting))
        measured.demand_some(cells[1:])
        fits = {
            router: {share: first_fit(measured, cell) for share, cell in row.items()}
            for router, row in _grid(setting).items()
        }
        exhibit = Exhibit(
            name="training-size",
            title=f"nAUC and skill by training instances on {column.title}",
            caption=(
                "Each router learns from 5 % to all of the training split and is asked about the same test split. "
                "Bands are 95 % intervals. The constant policy, which looks at no query, knows the means of the whole "
                "training split throughout."
            ),
            sheet=_sheet(fits, one_seed_note(setting, results)),
            drawing=_chart(fits, measured, column),
        )
        return StudyReport(exhibits=(exhibit,), gaps=measured.gaps(cells))


def _grid(setting: Setting) -> dict[str, dict[float, Cell]]:
    """By router and share; the whole split is the in-domain cell that other tables have."""
    column, seed = setting.widest.name, setting.seeds[0]
    return {
        router: {share: Cell(test=column, router=router, seed=seed, train_share=share) for share in SHARES}
        for router in demand_learners(setting)
    }


def instances(fits: Fits) -> dict[float, int]:
    """How many training instances each share is, where a router was measured with it."""
    return {
        share: records[0].learned_from
        for share in SHARES
        for row in list(fits.values())[::-1]
        if (records := row[share])
    }


def _chart(fits: Fits, measured: Measured, column: DatasetSpec) -> Chart:
    counts = instances(fits)
    x = tuple(float(count) for count in counts.values())
    panels = []
    for metric, title in METRICS:
        series = [
            curve(router, {counts[share]: averaged(found, metric) for share, found in row.items() if found})
            for router, row in fits.items()
        ]
        constant = measured.reference(column.name, CONSTANT)
        height = constant[0].metrics[metric] if constant else None
        if height is not None:
            series.append(level(CONSTANT, height, x))
        panels.append(
            Panel(
                title=title,
                x=Axis(label="training instances", scale="log"),
                y=Axis(label=title),
                series=tuple(one for one in series if one.x),
            )
        )
    return Chart(panels=tuple(panels), columns=len(METRICS), legend_title="router")


def _sheet(fits: Fits, note: str) -> Sheet:
    counts = instances(fits)
    header = ("router", *(f"{share:.0%} ({counts[share]:,})" for share in counts))
    parts = []
    for metric, title in METRICS:
        lines = tuple(
            Line(label=router, entries=tuple(figure(row[share], metric) for share in counts))
            for router, row in fits.items()
        )
        sheet = Sheet(header=header, lines=lines, notes=(note, NESTED, SKILL))
        parts.append((title, marked(sheet, ["higher" for _ in counts])))
    smaller = tuple(
        Line(label=router, entries=tuple(_loss(row, share) for share in counts)) for router, row in fits.items()
    )
    parts.append(("nAUC minus that of the whole training split", Sheet(header=header, lines=smaller)))
    return grouped(parts)


def _loss(row: Mapping[float, list[CellRecord]], share: float) -> Entry:
    """The paired difference to the whole training split; nothing for that itself."""
    return Entry() if share == 1 else gain(row[share], row[1.0], "nauc")
