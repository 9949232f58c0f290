"""Table 1: this table among the benchmarks of routing, in the paper's columns and three more."""

from __future__ import annotations

from collections.abc import Iterable

from mmr_core.results import METRIC_NAMES
from mmr_core.runner.references import BEST_SINGLE, ORACLE, ORACLE_UNAWARE
from mmr_core.studies import Cell, Entry, Exhibit, Line, Results, Setting, Sheet, StudyReport
from mmr_plugins.published import rows
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import datasets_with_images, datasets_with_text

COLUMNS = ("text", "image", "metrics", "baselines", "datasets", "models", "instances")
BASELINES_BESIDE_ROUTERS = (ORACLE, ORACLE_UNAWARE, BEST_SINGLE)
"""References that the paper counts among its baselines too; `constant` is a yardstick of this software."""


class BenchmarkComparison:
    """Table 1 of the paper with a line for what was run here."""

    title = "Table 1: benchmarks of routing"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """None."""
        return ()

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """One sheet."""
        sheet = Sheet(
            header=("benchmark", *COLUMNS),
            lines=(_own(setting), *(_published(row) for row in rows("table1"))),
            notes=(
                f"Metrics here: {', '.join(METRIC_NAMES)}. Baselines here: the registered routers, whether or not they "
                f"are in the run, and {', '.join(BASELINES_BESIDE_ROUTERS)}.",
                "The paper gives no datasets, models or instances for the other benchmarks. For MMR-Bench it says "
                "eight datasets and names seven; the eighth column of its tables pools them.",
            ),
        )
        exhibit = Exhibit(
            name="table1",
            title="Benchmarks of routing",
            caption="Which modalities queries have, how many metrics are reported, and how many baselines there are, "
            "for the outcome table of this run and, as published, for the benchmarks of the paper's table 1.",
            sheet=sheet,
        )
        return StudyReport(exhibits=(exhibit,))


def _own(setting: Setting) -> Line:
    table = setting.table
    baselines = len(setting.registry.routers.specs()) + len(BASELINES_BESIDE_ROUTERS)
    counts = (len(METRIC_NAMES), baselines, len(setting.datasets), len(table.models), len(table))
    return Line(
        label="this table",
        entries=(
            _tick(bool(datasets_with_text(setting))),
            _tick(bool(datasets_with_images(setting))),
            *(Entry(value=float(count), digits=0) for count in counts),
        ),
    )


def _published(row: dict[str, str]) -> Line:
    return Line(
        label=row["title"],
        entries=(
            *(_tick(row[modality] == "true") for modality in ("text", "image")),
            *(Entry(value=float(row[column]) if row[column] else None, digits=0) for column in COLUMNS[2:]),
        ),
        group=paper.PUBLISHED,
        published=True,
    )


def _tick(here: bool) -> Entry:
    return Entry(text="yes" if here else "no")
