"""Figures 4 and S1: what every router reaches at every cost, beside the oracle and the single models.

Figure 4 shows the column that stands for the whole table, figure S1 every dataset by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from mmr_core.studies import Cell, Chart, Exhibit, Gap, Results, Setting, StudyReport, Unavailable
from mmr_plugins.studies.frontiers import (
    Standing,
    grouped,
    in_domain,
    standing,
    standing_panel,
    standing_sheet,
)
from mmr_plugins.studies.measured import Measured

HOW = (
    "Each line is the upper concave envelope of a router's operating points at every trade-off weight, within the "
    "range from the cheapest to the dearest single model (section 4.3), averaged over seeds; the cost axis is "
    "logarithmic. "
    "The oracle knows the outcomes; the constant policy predicts the training means for every query."
)


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
