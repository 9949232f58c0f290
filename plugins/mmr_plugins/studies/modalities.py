"""Figure 2: what text, image and both together are worth to a router that does nothing but cluster (section 3.2).

The clusters-times-lambda protocol: k-means on the training features, per cluster the model of greatest mean validation
score (Eq. 4), for every number of clusters k and every trade-off weight lambda; the frontier of all of them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from mmr_core.evaluate.options import ModalityChoice
from mmr_core.evaluate.references import CONSTANT, ORACLE
from mmr_core.evaluate.results import Estimate
from mmr_core.specs import DatasetSpec
from mmr_core.splits import part_of
from mmr_core.studies import (
    Cell,
    Chart,
    Entry,
    Exhibit,
    Finding,
    Line,
    Record,
    Results,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_core.studies.exhibits import marked
from mmr_core.studies.results import averaged, difference
from mmr_plugins.studies.frontiers import (
    COST_NOTE,
    HEADER,
    METRICS,
    dearest_title,
    frontier_panel,
    frontier_series,
    measured_line,
    single_series,
    standing,
)
from mmr_plugins.studies.lineup import over_seeds, widest_multimodal
from mmr_plugins.studies.measured import Measured, gain, in_words

MODALITIES: tuple[ModalityChoice, ...] = ("text", "image", "multimodal")
LABELS: Mapping[ModalityChoice, str] = {"text": "text only", "image": "image only", "multimodal": "multimodal"}
CLUSTERS = (1, 2, 4, 8, 16, 32, 64)
RULE = "It holds where the paired 95 % interval of multimodal minus the better single modality, in nAUC, lies above 0."
PUBLISHED = (
    "The paper shows frontiers without figures (its figure 2): multimodal above text only and image only throughout."
)


def numbers_of_clusters(setting: Setting, column: DatasetSpec) -> tuple[int, ...]:
    """The numbers of clusters k, doubling, as long as a cluster has one validation instance on average.

    :raises Unavailable: if the column has no validation instance.
    """
    table = setting.table
    rows = np.flatnonzero(np.isin(table.dataset.astype(str), column.members or (column.name,)))
    parts = [part_of(table.dataset[i], table.instance_id[i]) for i in rows]
    most = min(parts.count("validation"), parts.count("train"))
    if most == 0:
        raise Unavailable(
            f"{column.title} has {parts.count('validation')} validation and {parts.count('train')} other training "
            "instances, and the protocol needs both",
            fix="the split is frozen by instance id: import more instances",
        )
    return tuple(k for k in CLUSTERS if k <= most)


def clusters_cell(column: DatasetSpec, modality: ModalityChoice) -> Cell:
    """The clustering router of section 3.2 under one modality, for a number of clusters yet to be given."""
    return Cell(test=column.name, router="kmeans", parameters={"means_on": "validation"}, modality=modality)


def better_single(records: Mapping[ModalityChoice, Sequence[Record]], metric: str = "nauc") -> ModalityChoice:
    """The single modality whose router has the greater figure; text where they are equal."""
    text, image = (averaged(records[modality], metric).value or 0.0 for modality in ("text", "image"))
    return "image" if image > text else "text"


class Figure2:
    """Frontiers of text-only, image-only and multimodal routing, and whether multimodal signals matter."""

    title: ClassVar[str] = "Figure 2: routing on text, on images, and on both"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """One fit per modality and seed with all numbers of clusters pooled, and the references.

        :raises Unavailable: if no column has both modalities, or it has no validation part.
        """
        column = widest_multimodal(setting)
        fits = self._fits(setting, column)
        return [Cell(test=column.name), *(c for cell in fits.values() for c in over_seeds(cell, setting))]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """One panel, and the finding.

        :raises Unavailable: if nothing was measured.
        """
        column = widest_multimodal(setting)
        measured = Measured(setting, results)
        place = replace(standing(measured, column), routers={}, gaps=())
        fits = self._fits(setting, column)
        fitted = {modality: measured.fits(cell) for modality, cell in fits.items()}
        records = {modality: found for modality, found in fitted.items() if found}
        wanted = [c for cell in fits.values() for c in over_seeds(cell, setting)]
        measured.demand_some(wanted)
        bounds = {name: place.references[name] for name in (ORACLE, CONSTANT) if name in place.references}
        series = [frontier_series(LABELS[modality], found) for modality, found in records.items()]
        series += [frontier_series(name, [record], reference=True) for name, record in bounds.items()]
        series.append(single_series(place, setting.table))
        panel = frontier_panel(column.title, series, dearest_title(place, setting.table), logarithmic=True)
        lines = [measured_line(LABELS[modality], found) for modality, found in records.items()]
        lines += [measured_line(name, [record], reference=True) for name, record in bounds.items()]
        sheet = marked(
            Sheet(header=("router sees", *HEADER), lines=tuple(lines), notes=(COST_NOTE,)),
            ("higher", "higher", "lower", "higher", None),
        )
        if len(records) == len(MODALITIES):
            sheet = replace(sheet, lines=(*sheet.lines, *_gains(records)))
        most = numbers_of_clusters(setting, column)
        exhibit = Exhibit(
            name="figure2",
            title=f"Routing on text, on images, and on both, on {column.title}",
            caption=(
                "The clusters-times-lambda protocol of section 3.2: k-means on the training features without the "
                "validation part, and in each cluster the model of greatest mean validation score u - lambda c (Eq. "
                f"4). Each line is the frontier of every lambda and of k = {', '.join(map(str, most))} clusters "
                "together, averaged over seeds; the modalities differ in what the features encode and in nothing "
                "else. Points are the single models."
            ),
            sheet=sheet,
            drawing=Chart(panels=(panel,), legend_title="router sees"),
        )
        return StudyReport(
            exhibits=(exhibit,),
            findings=(_finding(records, column),),
            gaps=measured.gaps([Cell(test=column.name), *wanted]),
        )

    def _fits(self, setting: Setting, column: DatasetSpec) -> dict[ModalityChoice, Cell]:
        pooled = {"clusters": numbers_of_clusters(setting, column)}
        return {modality: replace(clusters_cell(column, modality), pooled=pooled) for modality in MODALITIES}


def _gains(records: Mapping[ModalityChoice, Sequence[Record]]) -> list[Line]:
    lines = []
    for modality in MODALITIES[:2]:
        entries = [gain(records["multimodal"], records[modality], metric) for metric in METRICS]
        label = f"multimodal - {LABELS[modality]}"
        lines.append(Line(label=label, entries=(*entries, Entry()), group="paired difference", reference=True))
    return lines


def _finding(records: Mapping[ModalityChoice, Sequence[Record]], column: DatasetSpec) -> Finding:
    missing = [LABELS[modality] for modality in MODALITIES if modality not in records]
    holds: bool | None = None
    estimate: Estimate | None = None
    if missing:
        words = f"It could not be tested on {column.title}: not measured were {', '.join(missing)}."
    else:
        better = better_single(records)
        estimate = difference(records["multimodal"], records[better], "nauc")
        holds = estimate.low is not None and estimate.low > 0
        own, single = averaged(records["multimodal"], "nauc"), averaged(records[better], "nauc")
        verdict = "The interval lies above 0" if holds else "The interval does not lie above 0"
        words = (
            f"On {column.title} the better single modality is {better} (nAUC {in_words(single)}); multimodal has "
            f"{in_words(own)}. Multimodal minus {better}: {in_words(estimate, signed=True)}. {verdict}."
        )
    return Finding(
        name="multimodal signals matter",
        rule=RULE,
        holds=holds,
        estimate=estimate,
        words=words,
        published=PUBLISHED,
    )
