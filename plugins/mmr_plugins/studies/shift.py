"""Table 4: routers that learned on the other datasets of a scenario, tested on the one that was held out.

All routers are in the tables: by scenario as in the paper and by skill, by held-out dataset, and by pair of datasets.
The finding and the pairs are about one router, named by a rule before anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import permutations

from mmr_core.results import Estimate, difference
from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_core.specs import DatasetSpec
from mmr_core.studies import (
    Cell,
    CellRecord,
    Entry,
    Exhibit,
    Finding,
    Gap,
    Line,
    Results,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_core.studies.exhibits import marked
from mmr_plugins.published import rows
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import MAIN_RULE, demanded_learners, learners, main_router, over_seeds
from mmr_plugins.studies.measured import Measured, figure, gain, in_words, joined, protocol_note
from mmr_plugins.studies.overall import PEAK_PICKED, SKILL_ELSEWHERE, scenarios

PAPER_COLUMNS = {"ocr": "ocr", "general-vqa": "vqa", "math": "math"}
"""Scenarios of the registry as table 4 heads them."""
COMPARISONS = (
    "peak, shifted",
    "peak, in-domain",
    "shifted minus best single",
    "shifted minus in-domain",
    "skill, shifted",
    "skill, in-domain",
)
ELSEWHERE = "learned on the other datasets of the scenario"


def held_out(setting: Setting) -> dict[str, tuple[DatasetSpec, ...]]:
    """The datasets of each scenario that has two or more.

    :raises Unavailable: if there is none.
    """
    groups = {name: specs for name, specs in scenarios(setting.datasets).items() if len(specs) > 1}
    if not groups:
        raise Unavailable("no scenario of the table has two datasets, so none can be held out")
    return groups


def in_domain(router: str, spec: DatasetSpec) -> Cell:
    """The router that learned on the dataset itself."""
    return Cell(test=spec.name, router=router)


def shifted(setting: Setting, router: str, spec: DatasetSpec) -> Cell:
    """The router that learned on all other datasets of the scenario."""
    others = tuple(other.name for other in held_out(setting)[spec.scenario] if other.name != spec.name)
    return Cell(test=spec.name, router=router, learn_from=others)


def pairs(setting: Setting, router: str) -> Iterator[tuple[DatasetSpec, DatasetSpec, Cell]]:
    """Source, target and cell for every ordered pair of datasets of a scenario."""
    for specs in held_out(setting).values():
        for source, target in permutations(specs, 2):
            yield source, target, Cell(test=target.name, router=router, learn_from=(source.name,))


def shift_cells(setting: Setting) -> list[Cell]:
    """References, in-domain and shifted fits of every router, and all pairs of the main router, for every seed.

    :raises Unavailable: if no scenario has two datasets, or no router learns.
    """
    cells = []
    for specs in held_out(setting).values():
        for spec in specs:
            cells.append(Cell(test=spec.name))
            for router in demanded_learners(setting):
                cells += over_seeds(in_domain(router, spec), setting)
                cells += over_seeds(shifted(setting, router, spec), setting)
    main = main_router(setting)
    for _, _, cell in pairs(setting, main) if main else ():
        cells += over_seeds(cell, setting)
    return cells


def by_scenario(measured: Measured, metric: str) -> Exhibit:
    """Peak scores or skill, averaged over the held-out datasets of each scenario, and over all of them.

    :param metric: "peak", as in the paper, or "skill".
    """
    setting = measured.setting
    groups = held_out(setting)
    columns = [*groups.values(), tuple(spec for specs in groups.values() for spec in specs)]

    def each(cell_of: Callable[[DatasetSpec], Cell]) -> list[list[CellRecord]]:
        return [joined(measured.fits(cell_of(spec)) for spec in specs) for specs in columns]

    def yardstick(name: str) -> list[list[CellRecord]]:
        return [joined(measured.reference(spec.name, name) for spec in specs) for specs in columns]

    def line(label: str, group: str, parts: list[list[CellRecord]], *, reference: bool = False) -> Line:
        entries = tuple(figure(part, metric) for part in parts)
        return Line(label=label, group=group, entries=entries, reference=reference)

    best = yardstick(BEST_SINGLE)
    elsewhere = {router: each(partial(shifted, setting, router)) for router in learners(setting)}
    lines = [line(BEST_SINGLE, "", best, reference=True), line(CONSTANT, "", yardstick(CONSTANT), reference=True)]
    lines += [line(router, ELSEWHERE, parts) for router, parts in elsewhere.items()]
    lines += [line(r, "in-domain", each(partial(in_domain, r)), reference=True) for r in learners(setting)]
    lines += [
        Line(
            label=router,
            group="learned elsewhere, minus the best single model",
            entries=tuple(gain(own, other, metric) for own, other in zip(parts, best, strict=True)),
            reference=True,
        )
        for router, parts in elsewhere.items()
    ]
    published = _published(tuple(groups)) if metric == "peak" else []
    notes = (PEAK_PICKED, *paper.notes(setting)) if metric == "peak" else (SKILL_ELSEWHERE,)
    sheet = Sheet(
        header=("router", *groups, "all held-out datasets"),
        lines=(*lines, *published),
        notes=(protocol_note(setting, measured.results), *notes),
    )
    word = {"peak": "Peak score", "skill": "Skill"}[metric]
    return Exhibit(
        name="table4" if metric == "peak" else f"table4-{metric}",
        title=f"{word} under a shift within the scenario",
        caption="Each dataset in turn is held out; routers learn from the training splits of the other datasets of "
        f"its scenario and are asked about its test split. {word}, averaged over the held-out datasets of a scenario, "
        "beside the best single model and the routers that learned on the dataset itself. The best router that "
        "learned elsewhere is bold, the second underlined.",
        sheet=marked(sheet, ["higher"] * len(columns)),
    )


def by_dataset(measured: Measured) -> Exhibit:
    """Every router on every held-out dataset, with paired differences and skill."""
    setting = measured.setting
    lines = []
    for specs in held_out(setting).values():
        for spec in specs:
            sources = ", ".join(other.title for other in specs if other is not spec)
            group = f"{spec.title} (learned on {sources})"
            for router in learners(setting):
                records = measured.fits(shifted(setting, router, spec))
                lines.append(_compared(measured, router, group, spec, records, router))
            lines += [_yardstick(measured, spec, name, group) for name in (BEST_SINGLE, CONSTANT)]
    return Exhibit(
        name="table4-datasets",
        title="Shift within the scenario, dataset by dataset",
        caption="For each held-out dataset and router: the peak score learned elsewhere and in-domain, the paired "
        "differences to the best single model and to the in-domain router, and the skill of both.",
        sheet=Sheet(
            header=("router", *COMPARISONS),
            lines=tuple(lines),
            notes=(protocol_note(setting, measured.results), SKILL_ELSEWHERE, PEAK_PICKED),
        ),
    )


def by_pair(measured: Measured, router: str) -> Exhibit:
    """One router, learned on each single dataset of a scenario and asked about each other."""
    setting = measured.setting
    lines = [
        _compared(measured, f"{source.title} to {target.title}", source.scenario, target, measured.fits(cell), router)
        for source, target, cell in pairs(setting, router)
    ]
    return Exhibit(
        name="table4-pairs",
        title=f"Every pair of datasets of a scenario: {router}",
        caption=f"{router}, learned on the training split of the first dataset alone and asked about the test split of "
        f"the second. The router is {MAIN_RULE}.",
        sheet=Sheet(
            header=("from, to", *COMPARISONS),
            lines=tuple(lines),
            notes=(protocol_note(setting, measured.results), SKILL_ELSEWHERE, PEAK_PICKED),
        ),
    )


def _compared(
    measured: Measured, label: str, group: str, spec: DatasetSpec, elsewhere: list[CellRecord], router: str
) -> Line:
    """A router that learned elsewhere beside itself in-domain and the best single model, on one test split."""
    own = measured.fits(in_domain(router, spec))
    best = measured.reference(spec.name, BEST_SINGLE)
    return Line(
        label=label,
        group=group,
        entries=(
            figure(elsewhere, "peak"),
            figure(own, "peak"),
            gain(elsewhere, best, "peak"),
            gain(elsewhere, own, "peak"),
            figure(elsewhere, "skill"),
            figure(own, "skill"),
        ),
    )


def _yardstick(measured: Measured, spec: DatasetSpec, name: str, group: str) -> Line:
    records = measured.reference(spec.name, name)
    dash = Entry()
    entries = (dash, figure(records, "peak"), dash, dash, dash, figure(records, "skill"))
    return Line(label=name, group=group, entries=entries, reference=True)


def _published(groups: Sequence[str]) -> list[Line]:
    labels = {"best-single": "best single model", "shift": "shifted router"}
    return [
        Line(
            label=labels[row["row"]],
            entries=tuple(
                Entry(value=float(row[PAPER_COLUMNS[name]]), digits=4) if name in PAPER_COLUMNS else Entry()
                for name in (*groups, "")
            ),
            group=paper.PUBLISHED,
            published=True,
        )
        for row in rows("table4")
    ]


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
