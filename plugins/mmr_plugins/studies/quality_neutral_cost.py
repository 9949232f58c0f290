"""Table S4: what the quality of the best single model costs when routers buy it (QNC, Eq. 9).

The claim that goes with it: routing gives that quality at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isinf

from mmr_core.results import Estimate, averaged
from mmr_core.studies import Cell, Exhibit, Finding, Record, Results, Setting, StudyReport
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import learners
from mmr_plugins.studies.measured import Measured, protocol_note
from mmr_plugins.studies.overall import column_sheet, in_domain_cells

CLAIMED = 0.33
"""The share of the best single model's cost that the paper's abstract speaks of."""
FINDING = "a third of the cost"
PICKED = (
    "The router is the one of greatest nAUC among those of the run; as it is picked on the same test split, its figure "
    "is flattered."
)


class QualityNeutralCost:
    """Table S4 of the paper, and the finding on cost."""

    title = "Table S4: quality-neutral cost"

    @property
    def claims(self) -> tuple[Finding, ...]:
        """What it tests."""
        return (_finding(None, None, ""),)

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """The cells of table 2."""
        return in_domain_cells(setting)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """One sheet and the finding.

        :raises Unavailable: if nothing was measured.
        """
        measured = Measured(setting, results)
        cells = in_domain_cells(setting)
        measured.demand_some(cells)
        notes = (
            protocol_note(setting, results),
            "QNC is the least mean cost at which a router's frontier reaches the best single model, over that "
            "model's mean cost: below 1 is cheaper, infinity is never reached. A mean with an infinite part is "
            "infinite. The skill of the same routers stands in table2-skill.",
        )
        exhibit = Exhibit(
            name="s4",
            title="Quality-neutral cost of routers on every dataset",
            caption="QNC (Eq. 9) on the test split of every dataset and mixture; lower is better. The best router of a "
            "column is bold, the second underlined; the references do not compete.",
            sheet=column_sheet(measured, "qnc", notes),
        )
        return StudyReport(
            exhibits=(exhibit,),
            findings=(third_of_the_cost(measured),),
            gaps=measured.gaps(cells),
            remarks=paper.remarks(setting),
        )


def third_of_the_cost(measured: Measured) -> Finding:
    """Whether the router of greatest nAUC on the widest column reaches the best single model for less than its cost."""
    setting = measured.setting
    column = setting.widest
    judged: str | None = None
    records: list[Record] = []
    for router in learners(setting):
        own = measured.fits(Cell(test=column.name, router=router))
        if own and (judged is None or _nauc(own) > _nauc(records)):
            judged, records = router, own
    if judged is None:
        return _finding(None, None, f"No router but random was measured on {column.title}.")
    estimate = averaged(records, "qnc")
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return _finding(None, estimate, f"{judged} on {column.title} has no QNC with an interval.")
    holds = estimate.high < 1
    return _finding(holds, estimate, f"{_verdict(judged, column.title, records, estimate)} {PICKED}")


def _nauc(records: Sequence[Record]) -> float:
    value = averaged(records, "nauc").value
    return -1.0 if value is None else value


def _verdict(router: str, column: str, records: Sequence[Record], estimate: Estimate) -> str:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    best = records[0].best_single
    if isinf(estimate.value):
        return f"{_unreached(router, best, column, records, estimate)} The paper speaks of a QNC of {CLAIMED}."
    ends = f"{estimate.low:.3f} to {'never' if isinf(estimate.high) else f'{estimate.high:.3f}'}"
    qnc = f"QNC {estimate.value:.3f} [{ends}], beside {CLAIMED} in the paper"
    share = f"{router} reaches the accuracy of {best} on {column} at {estimate.value:.1%} of its cost ({qnc})"
    if estimate.high <= CLAIMED:
        return f"{share}; the whole interval lies below the paper's share."
    if estimate.high < 1:
        return f"{share}; the whole interval lies below 1, though not below the paper's share."
    if isinf(estimate.high):
        return f"{share}, but in more than one draw in forty it does not reach it at all."
    return f"{share}, but the interval reaches 1 or beyond."


def _unreached(router: str, best: str, column: str, records: Sequence[Record], estimate: Estimate) -> str:
    """That a mark is never reached on the test split, and whether it is in some of its draws."""
    assert estimate.low is not None
    every = " with every seed" if len(records) > 1 else ""
    words = f"{router} does not reach the accuracy of {best} on {column}{every} at any cost, so it has no QNC"
    if isinf(estimate.low):
        return f"{words}, nor does it in 97.5 % of the bootstrap draws or more."
    return f"{words}, though in more than one draw in forty it does (the interval begins at {estimate.low:.3f})."


def _finding(holds: bool | None, estimate: Estimate | None, words: str) -> Finding:
    least = min(
        (figure, router)
        for router in paper.published_routers("table_s4")
        if router != "oracle" and (figure := paper.published_figure(router, paper.ALL, "qnc")) is not None
    )
    return Finding(
        name=FINDING,
        rule="holds where the upper end of the 95 % interval of QNC on the widest column is below 1",
        holds=holds,
        estimate=estimate,
        words=words,
        published=f"about {CLAIMED:.0%} of the cost in the abstract and in section 5.3; "
        f"the least QNC over all datasets in table S4 is {least[0]:.3f} ({least[1]})",
    )
