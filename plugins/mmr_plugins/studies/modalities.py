"""Figure 2: what text, image and both together are worth to a router that only clusters (section 3.2).

The clusters-times-lambda protocol: k-means on the training features, per cluster the model of greatest mean validation
score (Eq. 4), for every number of clusters k and every trade-off weight lambda; the frontier of all of them together.
The protocol keeps powerful routers out of the comparison; one of the run stands beside it, so that it can be seen
whether what is true of clusters is true of it as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from mmr_core.features.aligned import View
from mmr_core.results import Estimate, averaged, difference
from mmr_core.runner.references import CONSTANT
from mmr_core.specs import ORACLE, DatasetSpec
from mmr_core.splits import part_of
from mmr_core.studies import (
    Cell,
    CellRecord,
    Chart,
    Entry,
    Exhibit,
    Finding,
    Line,
    Panel,
    Results,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_core.studies.exhibits import marked
from mmr_plugins.studies.frontiers import (
    COST_NOTE,
    HEADER,
    METRICS,
    Standing,
    dearest_title,
    frontier_panel,
    frontier_series,
    grouped,
    measured_line,
    single_series,
    standing,
)
from mmr_plugins.studies.lineup import MAIN_RULE, main_router, over_seeds, widest_multimodal
from mmr_plugins.studies.measured import Measured, gain, in_words

MODALITIES: tuple[View, ...] = ("text", "image", "multimodal")
LABELS: Mapping[View, str] = {"text": "text only", "image": "image only", "multimodal": "multimodal"}
CLUSTERS = (1, 2, 4, 8, 16, 32)
NAME = "multimodal signals matter"
CLUSTERING = "clusters alone"
"""The family of section 3.2, as panels and sentences name it."""
RULE = "It holds where the paired 95 % interval of multimodal minus the better single modality, in nAUC, lies above 0."
PUBLISHED = (
    "The paper shows frontiers without figures (its figure 2): multimodal above text only and image only throughout."
)

Records = Mapping[View, Sequence[CellRecord]]


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


def clusters_cell(column: DatasetSpec, modality: View) -> Cell:
    """The clustering router of section 3.2 under one modality, for a number of clusters yet to be given."""
    return Cell(test=column.name, router="kmeans", parameters={"means_on": "validation"}, modality=modality)


def better_single(records: Records, metric: str = "nauc") -> View:
    """The single modality whose router has the greater figure; text where they are equal."""
    text, image = (averaged(records[modality], metric).value or 0.0 for modality in ("text", "image"))
    return "image" if image > text else "text"


class Figure2:
    """Frontiers of text-only, image-only and multimodal routing, and whether multimodal signals matter."""

    title: ClassVar[str] = "Figure 2: routing on text, on images, and on both"
    claims: ClassVar[tuple[Finding, ...]] = (
        Finding(name=NAME, rule=RULE, holds=None, estimate=None, words="", published=PUBLISHED),
    )

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """One fit per modality and seed of each family, and the references.

        :raises Unavailable: if no column has both modalities, or it has no validation part.
        """
        column = widest_multimodal(setting)
        fits = [cell for family in families(setting, column).values() for cell in family.values()]
        return [Cell(test=column.name), *(seeded for cell in fits for seeded in over_seeds(cell, setting))]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """A panel and a finding for each family.

        :raises Unavailable: if nothing was measured.
        """
        column = widest_multimodal(setting)
        measured = Measured(setting, results)
        place = standing(measured, column)
        wanted = list(self.cells(setting))
        measured.demand_some(wanted[1:])
        records = {
            name: {modality: found for modality, cell in family.items() if (found := measured.fits(cell))}
            for name, family in families(setting, column).items()
        }
        ks = ", ".join(map(str, numbers_of_clusters(setting, column)))
        exhibit = Exhibit(
            name="figure2",
            title=f"Routing on text, on images, and on both, on {column.title}",
            caption=(
                f"{CLUSTERING}: the protocol of section 3.2, k-means on the training features without the validation "
                "part, and in each cluster the model of greatest mean validation score u - lambda c (Eq. 4); each line "
                f"is the frontier of every lambda and of k = {ks} clusters together. Beside it a learned router "
                f"({MAIN_RULE}). Lines are averaged over seeds; modalities differ in what the features encode and in "
                "nothing else. Points are the single models."
            ),
            sheet=grouped([(name, _sheet(found, place)) for name, found in records.items()]),
            drawing=Chart(
                panels=tuple(_panel(name, found, place, setting) for name, found in records.items()),
                columns=len(records),
                legend_title="router sees",
            ),
        )
        findings = [_finding(name, found, column) for name, found in records.items()]
        return StudyReport(exhibits=(exhibit,), findings=tuple(findings), gaps=measured.gaps(wanted))


def families(setting: Setting, column: DatasetSpec) -> dict[str, dict[View, Cell]]:
    """By name, the routers that are compared under each modality: clusters alone, and a learned router of the run."""
    pooled = {"clusters": numbers_of_clusters(setting, column)}
    found = {CLUSTERING: {modality: replace(clusters_cell(column, modality), pooled=pooled) for modality in MODALITIES}}
    learned = main_router(setting)
    if learned is not None:
        found[learned] = {m: Cell(test=column.name, router=learned, modality=m) for m in MODALITIES}
    return found


def _panel(name: str, records: Records, place: Standing, setting: Setting) -> Panel:
    series = [frontier_series(LABELS[modality], found) for modality, found in records.items()]
    series += [frontier_series(bound, [place.references[bound]], reference=True) for bound in _bounds(place)]
    series.append(single_series(place, setting.table))
    return frontier_panel(name, series, dearest_title(place, setting.table), logarithmic=True)


def _sheet(records: Records, place: Standing) -> Sheet:
    lines = [measured_line(LABELS[modality], found) for modality, found in records.items()]
    lines += [measured_line(bound, [place.references[bound]], reference=True) for bound in _bounds(place)]
    sheet = marked(
        Sheet(header=("router sees", *HEADER), lines=tuple(lines), notes=(COST_NOTE,)),
        ("higher", "higher", "lower", "higher", None),
    )
    return replace(sheet, lines=(*sheet.lines, *_gains(records))) if len(records) == len(MODALITIES) else sheet


def _bounds(place: Standing) -> list[str]:
    return [name for name in (ORACLE, CONSTANT) if name in place.references]


def _gains(records: Records) -> list[Line]:
    lines = []
    for modality in MODALITIES[:2]:
        entries = [gain(records["multimodal"], records[modality], metric) for metric in METRICS]
        label = f"multimodal - {LABELS[modality]}"
        lines.append(Line(label=label, entries=(*entries, Entry()), group="paired difference", reference=True))
    return lines


def _finding(name: str, records: Records, column: DatasetSpec) -> Finding:
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
            f"{name}, on {column.title}: the better single modality is {better} (nAUC {in_words(single)}); multimodal "
            f"has {in_words(own)}. Multimodal minus {better}: {in_words(estimate, signed=True)}. {verdict}."
        )
    clustering = name == CLUSTERING
    return Finding(
        name=NAME if clustering else f"{NAME} to {name}",
        rule=RULE if clustering else f"{RULE} The router is {MAIN_RULE}.",
        holds=holds,
        estimate=estimate,
        words=words,
        published=PUBLISHED if clustering else "",
    )
