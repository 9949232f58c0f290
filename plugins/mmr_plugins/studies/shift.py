"""Table 4: routers that learned on the other datasets of a scenario, asked about the one that was held out.

All routers are in the tables. The finding and the pairs are about one of them, named by a rule before anything is
measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmr_core.results import Estimate, difference
from mmr_core.runner.references import BEST_SINGLE
from mmr_core.specs import DatasetSpec
from mmr_core.studies import Cell, Finding, Gap, Results, Setting, StudyReport
from mmr_plugins.published import rows
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import MAIN_RULE, main_router
from mmr_plugins.studies.measured import Measured, in_words, joined
from mmr_plugins.studies.overall import PEAK_PICKED, scenarios
from mmr_plugins.studies.shift_grid import held_out, shift_cells, shifted
from mmr_plugins.studies.shift_sheets import PAPER_COLUMNS, by_dataset, by_pair, by_scenario


class ShiftWithinScenario:
    """Table 4 of the paper per scenario and per held-out dataset, all pairs, and the finding on robustness."""

    title = "Table 4: shift within a scenario"

    @property
    def claims(self) -> tuple[Finding, ...]:
        """What it tests."""
        return (_finding(None, None, ""),)

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Every router on every held-out dataset, learned elsewhere and in-domain; every pair for the main router.

        :raises Unavailable: if no scenario has two datasets, or no router of the run learns.
        """
        return shift_cells(setting)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Four sheets, the finding, and a gap for each scenario of one dataset.

        :raises Unavailable: as `cells`, or if nothing was measured.
        """
        measured = Measured(setting, results)
        cells = shift_cells(setting)
        measured.demand_some(cell for cell in cells if cell.learn_from)
        main = main_router(setting)
        exhibits = [by_scenario(measured, "peak"), by_scenario(measured, "skill"), by_dataset(measured)]
        gaps = _lonely(setting)
        if main is None:
            gaps.append(Gap(what="table 4, pairs of datasets", reason="no scoring router is in the run"))
        else:
            exhibits.append(by_pair(measured, main))
        return StudyReport(
            exhibits=tuple(exhibits),
            findings=(robust_under_shift(measured),),
            gaps=(*gaps, *measured.gaps(cells)),
            remarks=paper.remarks(setting),
        )


def robust_under_shift(measured: Measured) -> Finding:
    """Whether the main router, learned elsewhere, peaks above the best single model on the mean held-out dataset."""
    groups = held_out(measured.setting)
    router = main_router(measured.setting)
    if router is None:
        return _finding(None, None, "No scoring router is in the run, so there is none to test it on.")
    overall = _above_best(measured, router, [spec for specs in groups.values() for spec in specs])
    if overall.value is None or overall.low is None:
        return _finding(None, None, f"{router} could not be measured on every held-out dataset.")
    holds = overall.low > 0
    verdict = (
        "lies above 0: it stays ahead of every single model on datasets that it never saw"
        if holds
        else "does not lie above 0: it is not shown to stay ahead of the best single model"
    )
    each = [f"{name} {in_words(_above_best(measured, router, specs), signed=True)}" for name, specs in groups.items()]
    words = (
        f"Learned on the other datasets of the scenario, the peak of {router} minus that of the best single model is "
        f"{in_words(overall, signed=True)}, averaged over the held-out datasets; the interval {verdict}. By scenario: "
        f"{'; '.join(each)}. {PEAK_PICKED}"
    )
    return _finding(holds, overall, words)


def _above_best(measured: Measured, router: str, specs: Sequence[DatasetSpec]) -> Estimate:
    return difference(
        joined(measured.fits(shifted(measured.setting, router, spec)) for spec in specs),
        joined(measured.reference(spec.name, BEST_SINGLE) for spec in specs),
        "peak",
    )


def _finding(holds: bool | None, estimate: Estimate | None, words: str) -> Finding:
    best, shift = rows("table4")
    gains = ", ".join(
        f"{scenario} {float(shift[column]) - float(best[column]):+.4f}" for scenario, column in PAPER_COLUMNS.items()
    )
    return Finding(
        name="robust under shift",
        rule="holds where the 95 % interval of the shifted router's peak minus the best single model's, averaged over "
        f"held-out datasets, lies above 0; the router is {MAIN_RULE}",
        holds=holds,
        estimate=estimate,
        words=words,
        published=f"the peak of the shifted router minus that of the best single model, from table 4: {gains}",
    )


def _lonely(setting: Setting) -> list[Gap]:
    return [
        Gap(
            what=f"table 4, scenario {name}",
            reason=f"{specs[0].title} is its only dataset in the table, so there is no other to learn from",
        )
        for name, specs in scenarios(setting.datasets).items()
        if len(specs) == 1
    ]
