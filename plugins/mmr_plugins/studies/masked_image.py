"""Table 5: routers that learned with images, asked about text-only datasets with the image masked.

Beside the paper's comparison with the best single model stand a router that saw only texts in training, and one that
learned in-domain: what the images taught, and what knowing the dataset is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_core.specs import DatasetSpec
from mmr_core.studies import (
    Cell,
    CellRecord,
    Entry,
    Exhibit,
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
from mmr_plugins.studies.lineup import (
    demanded_learners,
    learners,
    multimodal_columns,
    over_seeds,
    text_only_datasets,
    widest_multimodal,
)
from mmr_plugins.studies.measured import Measured, figure, gain, joined, protocol_note
from mmr_plugins.studies.overall import PEAK_PICKED, SKILL_ELSEWHERE

MASKED = "learned with images, asked by text"
TEXT_TRAINED = "learned and asked by text"
IN_DOMAIN = "in-domain"
PERCENT = 100.0


class MaskedImage:
    """Table 5 of the paper for every router of the run."""

    title = "Table 5: from multimodal training to text-only datasets"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Every router on every text-only dataset, in three ways of learning.

        :raises Unavailable: if the table has no text-only dataset or no multimodal one, or no router of the run learns.
        """
        return _cells(setting)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Peak scores, skill, and the paired differences.

        :raises Unavailable: as `cells`, or if nothing was measured.
        """
        measured = Measured(setting, results)
        cells = _cells(setting)
        measured.demand_some(cell for cell in cells if cell.router)
        exhibits = (
            _scores(measured, "table5", "peak", "peak score", (PEAK_PICKED,)),
            _scores(measured, "table5-skill", "skill", "skill", (SKILL_ELSEWHERE,)),
            _differences(measured),
        )
        return StudyReport(exhibits=exhibits, gaps=measured.gaps(cells), remarks=paper.remarks(setting))


def learned_from(setting: Setting) -> tuple[str, ...]:
    """The widest multimodal mixture; without one, all multimodal datasets.

    :raises Unavailable: if there is neither.
    """
    widest = widest_multimodal(setting)
    return (widest.name,) if widest.members else tuple(spec.name for spec in multimodal_columns(setting))


def asked_about(setting: Setting) -> tuple[DatasetSpec, ...]:
    """The text-only datasets.

    :raises Unavailable: if there is none.
    """
    found = text_only_datasets(setting)
    if not found:
        raise Unavailable("the table has no text-only dataset")
    return found


def _ways(sources: tuple[str, ...], router: str, test: str) -> dict[str, Cell]:
    return {
        MASKED: Cell(test=test, router=router, learn_from=sources, modality="text", train_modality="multimodal"),
        TEXT_TRAINED: Cell(test=test, router=router, learn_from=sources, modality="text"),
        IN_DOMAIN: Cell(test=test, router=router),
    }


def _cells(setting: Setting) -> list[Cell]:
    sources = learned_from(setting)
    cells = []
    for spec in asked_about(setting):
        cells.append(Cell(test=spec.name))
        for router in demanded_learners(setting):
            for cell in _ways(sources, router, spec.name).values():
                cells += over_seeds(cell, setting)
    return cells


def _columns(setting: Setting) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Title and test splits of each column: every text-only dataset, and their mean where there are several."""
    specs = asked_about(setting)
    single = tuple((spec.title, (spec.name,)) for spec in specs)
    return single if len(specs) == 1 else (*single, ("mean", tuple(spec.name for spec in specs)))


def _scores(measured: Measured, name: str, metric: str, word: str, notes: Sequence[str]) -> Exhibit:
    setting = measured.setting
    columns, sources = _columns(setting), learned_from(setting)
    references = [
        Line(
            label=reference,
            entries=tuple(figure(joined(measured.reference(t, reference) for t in of), metric) for _, of in columns),
            reference=True,
        )
        for reference in (BEST_SINGLE, CONSTANT)
    ]
    ways = [
        Line(
            label=router,
            group=way,
            entries=tuple(figure(_fits(measured, sources, router, way, of), metric) for _, of in columns),
            reference=way != MASKED,
        )
        for way in (MASKED, TEXT_TRAINED, IN_DOMAIN)
        for router in learners(setting)
    ]
    published = _published(setting) if metric == "peak" else []
    sheet = Sheet(
        header=("router", *(title for title, _ in columns)),
        lines=(*references, *ways, *published),
        notes=(protocol_note(setting, measured.results), *notes, *(paper.notes(setting) if published else ())),
    )
    titles = ", ".join(spec.title for spec in setting.columns if spec.name in sources)
    return Exhibit(
        name=name,
        title=f"From multimodal training to text-only datasets: {word}",
        caption=f"Routers that learned from the training split of {titles} with texts and images, asked about "
        "text-only test splits with the image masked; beside them routers that saw only the texts of the same training "
        "instances, and routers that learned on the dataset itself. The best of the first kind is bold, the second "
        "underlined.",
        sheet=marked(sheet, ["higher"] * len(columns)),
    )


def _differences(measured: Measured) -> Exhibit:
    setting = measured.setting
    columns, sources = _columns(setting), learned_from(setting)

    def other_side(against: str, router: str, of: tuple[str, ...]) -> list[CellRecord]:
        if against == BEST_SINGLE:
            return joined(measured.reference(test, BEST_SINGLE) for test in of)
        return _fits(measured, sources, router, against, of)

    lines = tuple(
        Line(
            label=router,
            group=f"minus {against}",
            entries=tuple(
                gain(_fits(measured, sources, router, MASKED, of), other_side(against, router, of), "peak")
                for _, of in columns
            ),
        )
        for against in (BEST_SINGLE, TEXT_TRAINED, IN_DOMAIN)
        for router in learners(setting)
    )
    return Exhibit(
        name="table5-differences",
        title="What multimodal training is worth on text-only datasets",
        caption="The peak score of each router that learned with images and was asked by text, less that of the best "
        "single model, of the same router where it learned from texts alone, and of the same router where it learned "
        "on the dataset itself, draw by draw.",
        sheet=Sheet(
            header=("router", *(title for title, _ in columns)),
            lines=lines,
            notes=(protocol_note(setting, measured.results), PEAK_PICKED),
        ),
    )


def _fits(
    measured: Measured, sources: tuple[str, ...], router: str, way: str, tests: Sequence[str]
) -> list[CellRecord]:
    return joined(measured.fits(_ways(sources, router, test)[way]) for test in tests)


def _published(setting: Setting) -> list[Line]:
    labels = {"best-single": "best single model", "mm-to-text": MASKED}
    return [
        Line(
            label=labels[row["row"]],
            entries=tuple(
                Entry(value=float(row[of[0]]) / PERCENT, digits=3) if len(of) == 1 and row.get(of[0]) else Entry()
                for _, of in _columns(setting)
            ),
            group=paper.PUBLISHED,
            published=True,
        )
        for row in rows("table5")
    ]
