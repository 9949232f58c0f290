"""The sheets of table 4: by scenario as the paper has it and by skill, by held-out dataset, and by pair of datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_core.specs import DatasetSpec
from mmr_core.studies import Cell, Entry, Exhibit, Line, Record, Sheet
from mmr_core.studies.exhibits import marked
from mmr_plugins.published import rows
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import MAIN_RULE, learners
from mmr_plugins.studies.measured import Measured, figure, gain, joined, protocol_note
from mmr_plugins.studies.overall import PEAK_PICKED, SKILL_ELSEWHERE
from mmr_plugins.studies.shift_grid import held_out, in_domain, pairs, shifted

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


def by_scenario(measured: Measured, metric: str) -> Exhibit:
    """Peak scores or skill, averaged over the held-out datasets of each scenario, and over all of them.

    :param metric: "peak", as in the paper, or "skill".
    """
    setting = measured.setting
    groups = held_out(setting)
    columns = [*groups.values(), tuple(spec for specs in groups.values() for spec in specs)]

    def each(cell_of: Callable[[DatasetSpec], Cell]) -> list[list[Record]]:
        return [joined(measured.fits(cell_of(spec)) for spec in specs) for specs in columns]

    def yardstick(name: str) -> list[list[Record]]:
        return [joined(measured.reference(spec.name, name) for spec in specs) for specs in columns]

    def line(label: str, group: str, parts: list[list[Record]], *, reference: bool = False) -> Line:
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
    measured: Measured, label: str, group: str, spec: DatasetSpec, elsewhere: list[Record], router: str
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
