"""Figure 3: how many instances each scenario and each dataset has, beside the paper's counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from mmr_core.specs import DatasetSpec
from mmr_core.studies import (
    Axis,
    Cell,
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
)
from mmr_plugins.published import rows
from mmr_plugins.studies.paper import remarks

HERE, PAPER = "this table", "the paper"


class Figure3:
    """Instances per scenario and dataset. Nothing is fitted."""

    title: ClassVar[str] = "Figure 3: composition by scenario and dataset"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """None: the table alone is shown."""
        return ()

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Bars per dataset, scenarios side by side, and the counts."""
        table = setting.table
        counts = Counter(table.dataset)
        published = {row["dataset"]: int(row["instances"]) for row in rows("table_s1")}
        scenarios: dict[str, list[DatasetSpec]] = {}
        for spec in setting.datasets:
            scenarios.setdefault(spec.scenario, []).append(spec)
        panels = [_panel(scenario, specs, counts, published) for scenario, specs in scenarios.items()]
        exhibit = Exhibit(
            name="figure3",
            title="Composition by scenario and dataset",
            caption=(
                f"Instances of each dataset, by scenario: {len(table):,} instances with the outcomes of "
                f"{len(table.models)} models each. Beside them stand the paper's counts (its table S1)."
            ),
            sheet=_sheet(scenarios, counts, published),
            drawing=Chart(panels=tuple(panels), columns=min(len(panels), 2), legend_title="instances in"),
        )
        return StudyReport(exhibits=(exhibit,), remarks=remarks(setting))


def _panel(scenario: str, specs: list[DatasetSpec], counts: Counter[str], published: dict[str, int]) -> Panel:
    names = [spec.name for spec in specs]
    bars = [Series(name=HERE, kind="bars", x=_places(names), y=tuple(float(counts[name]) for name in names))]
    if any(name in published for name in names):
        heights = tuple(float(published.get(name, 0)) for name in names)
        bars.append(Series(name=PAPER, kind="bars", x=_places(names), y=heights, reference=True))
    return Panel(
        title=scenario,
        x=Axis(label="", categories=tuple(spec.title for spec in specs)),
        y=Axis(label="instances", low=0.0, high=1.05 * max(*counts.values(), *published.values())),
        series=tuple(bars),
    )


def _places(names: list[str]) -> tuple[float, ...]:
    return tuple(map(float, range(len(names))))


def _sheet(scenarios: dict[str, list[DatasetSpec]], counts: Counter[str], published: dict[str, int]) -> Sheet:
    everything = sum(counts.values())
    lines = []
    for scenario, specs in scenarios.items():
        lines += [
            _line(spec.title, counts[spec.name], everything, published.get(spec.name), scenario) for spec in specs
        ]
        known = [published[spec.name] for spec in specs if spec.name in published]
        inside = sum(counts[spec.name] for spec in specs)
        lines.append(_line("all of the scenario", inside, everything, sum(known) if known else None, scenario))
    lines.append(_line("all", everything, everything, sum(published.values()), ""))
    return Sheet(
        header=("dataset", "instances", "share in %", "instances in the paper"),
        lines=tuple(lines),
        notes=("The paper's total is that of its table S1; its text says 11,000.",),
    )


def _line(label: str, count: int, everything: int, published: int | None, group: str) -> Line:
    share = Entry(value=100 * count / everything, digits=1)
    theirs = Entry(value=published, digits=0)
    return Line(label=label, entries=(Entry(value=count, digits=0), share, theirs), group=group)
