"""Tables 2 and S4: routers on every dataset and on the whole, by nAUC, skill, peak score and QNC.

Skill goes beyond the paper's metrics, with its yardstick `constant`: a router that does not beat the training means
has learned nothing from the queries. Averages per scenario follow section 5.1. With table S4 goes the claim that
routing gives the quality of the best single model at a third of its cost (QNC, Eq. 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isinf

from mmr_core.results import Estimate, averaged
from mmr_core.specs import DatasetSpec
from mmr_core.studies import Cell, CellRecord, Exhibit, Finding, Line, Results, Setting, Sheet, StudyReport
from mmr_core.studies.exhibits import Better, marked
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import REFERENCES, learners, over_seeds, routers_with_random
from mmr_plugins.studies.measured import Measured, figure, joined, protocol_note

POOLED = "A mixture is one fit on all its datasets, scored pooled; it is not the mean of the columns."
SKILL = "Skill is 0 for the training means of utility and cost, whatever the query, and 1 for the cost-aware oracle."
NEVER_REPRODUCED = (
    "The paper prints an nAUC of 1.0000 for the best single model, which its own Eq. 7 cannot give; "
    "it is shown as published and never reproduced."
)
PEAK_PICKED = "A peak picks its trade-off weight on the test split, which flatters routers and not single models."
SKILL_ELSEWHERE = (
    f"{SKILL} Both ends are those of the tested dataset, wherever a router learned, so that skills can be compared."
)
METRICS = (("nauc", "nAUC"), ("skill", "skill"), ("peak", "peak score"))
BETTER: dict[str, Better] = {"nauc": "higher", "skill": "higher", "peak": "higher", "qnc": "lower"}
CLAIMED = 0.33
"""The share of the best single model's cost that the paper's abstract speaks of."""
FINDING = "a third of the cost"
PICKED = (
    "The router is the one of greatest nAUC among those of the run; as it is picked on the same test split, its figure "
    "is flattered."
)

ScoredColumn = tuple[str, tuple[str, ...], str]
"""A column of a sheet: its title, the test splits that it averages over, and the metric."""


class OverallResults:
    """Table 2 of the paper, as one sheet per metric and one of averages per scenario."""

    title = "Table 2: routers on every dataset"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Every router and the references on every column, for every seed."""
        return in_domain_cells(setting)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Three sheets over columns, and one over scenarios where a scenario has two datasets.

        :raises Unavailable: if nothing was measured.
        """
        measured = Measured(setting, results)
        cells = in_domain_cells(setting)
        measured.demand_some(cells)
        exhibits = [
            Exhibit(
                name="table2" if metric == "nauc" else f"table2-{metric}",
                title=f"Routers on every dataset: {word}",
                caption=_caption(metric),
                sheet=column_sheet(measured, metric, _notes(measured, metric)),
            )
            for metric, word in METRICS
        ]
        exhibits += _by_scenario(measured)
        return StudyReport(exhibits=tuple(exhibits), gaps=measured.gaps(cells), remarks=paper.remarks(setting))


def in_domain_cells(setting: Setting) -> list[Cell]:
    """Every column with its references and with every router of the tables, for every seed."""
    cells = [Cell(test=spec.name) for spec in setting.columns]
    for spec in setting.columns:
        for router in routers_with_random(setting):
            cells += over_seeds(Cell(test=spec.name, router=router), setting)
    return cells


def column_sheet(measured: Measured, metric: str, notes: Sequence[str]) -> Sheet:
    """Routers and references by one metric on every column, the best marked; published lines in the same order."""
    specs = measured.setting.columns
    names = tuple(spec.name for spec in specs)
    order = (*routers_with_random(measured.setting), *REFERENCES)
    published = sorted(
        paper.published_lines("table_s4" if metric == "qnc" else "table2", metric, names),
        key=lambda line: order.index(line.label) if line.label in order else len(order),
    )
    own_notes = paper.notes(measured.setting) if published else ()
    return ranking_sheet(
        measured, [(spec.title, (spec.name,), metric) for spec in specs], published, (*notes, *own_notes)
    )


def ranking_sheet(
    measured: Measured, columns: Sequence[ScoredColumn], published: Sequence[Line], notes: Sequence[str]
) -> Sheet:
    """Routers and references in lines, with any columns, the best and second of each marked."""

    def line(label: str, records: dict[str, list[CellRecord]], *, reference: bool) -> Line:
        entries = tuple(figure(joined(records[test] for test in tests), metric) for _, tests, metric in columns)
        return Line(label=label, entries=entries, reference=reference)

    tests = {test for _, of, _ in columns for test in of}
    lines = [
        line(
            router,
            {test: measured.fits(Cell(test=test, router=router)) for test in tests},
            reference=False,
        )
        for router in routers_with_random(measured.setting)
    ]
    lines += [
        line(name, {test: measured.reference(test, name) for test in tests}, reference=True) for name in REFERENCES
    ]
    sheet = Sheet(
        header=("router", *(title for title, _, _ in columns)), lines=(*lines, *published), notes=tuple(notes)
    )
    return marked(sheet, [BETTER[metric] for _, _, metric in columns])


def scenarios(datasets: Iterable[DatasetSpec]) -> dict[str, tuple[DatasetSpec, ...]]:
    """The datasets of each scenario, in the order of first appearance."""
    groups: dict[str, list[DatasetSpec]] = {}
    for spec in datasets:
        groups.setdefault(spec.scenario, []).append(spec)
    return {name: tuple(specs) for name, specs in groups.items()}


def _by_scenario(measured: Measured) -> list[Exhibit]:
    groups = scenarios(measured.setting.datasets)
    if all(len(specs) == 1 for specs in groups.values()):
        return []
    columns = [
        (f"{scenario}: {word}", tuple(spec.name for spec in specs), metric)
        for scenario, specs in groups.items()
        for metric, word in METRICS
    ]
    members = "; ".join(f"{name}: {', '.join(spec.title for spec in specs)}" for name, specs in groups.items())
    notes = (protocol_note(measured.setting, measured.results), SKILL, f"Averaged over datasets: {members}.")
    return [
        Exhibit(
            name="table2-scenarios",
            title="Routers by scenario: means over datasets",
            caption="nAUC, skill and peak score averaged over the datasets of each scenario (section 5.1), "
            "each dataset with a fit of its own.",
            sheet=ranking_sheet(measured, columns, (), notes),
        )
    ]


def _caption(metric: str) -> str:
    what = {
        "nauc": "The normalised area under each router's frontier (nAUC, Eq. 7)",
        "skill": "Skill, the part of the way from the training means to the oracle that each router's nAUC covers,",
        "peak": "The peak score of each router's frontier (Eq. 8)",
    }[metric]
    return (
        f"{what} on the test split of every dataset and mixture, learned from its training split. "
        "The best router of a column is bold, the second underlined; the oracle, the constant policy and the best "
        "single model are yardsticks and do not compete."
    )


def _notes(measured: Measured, metric: str) -> tuple[str, ...]:
    notes = [protocol_note(measured.setting, measured.results)]
    if measured.setting.mixtures:
        notes.append(POOLED)
    if metric == "nauc":
        notes.append(NEVER_REPRODUCED)
    if metric == "skill":
        notes.append(SKILL)
    if metric == "peak":
        notes.append(PEAK_PICKED)
    return tuple(notes)


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
    records: list[CellRecord] = []
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


def _nauc(records: Sequence[CellRecord]) -> float:
    value = averaged(records, "nauc").value
    return -1.0 if value is None else value


def _verdict(router: str, column: str, records: Sequence[CellRecord], estimate: Estimate) -> str:
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


def _unreached(router: str, best: str, column: str, records: Sequence[CellRecord], estimate: Estimate) -> str:
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
