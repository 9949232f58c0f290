"""Tables 1, S1 and S2: the benchmark, its datasets and its models as this table has them, beside the paper's figures.

Nothing is fitted: counts, prices and means over the test split are facts of the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mmr_core.outcomes import OutcomeTable
from mmr_core.results import METRIC_NAMES
from mmr_core.runner.prepare import select
from mmr_core.runner.references import BEST_SINGLE, ORACLE_UNAWARE
from mmr_core.specs import ORACLE, DatasetSpec, ModelSpec
from mmr_core.splits import train_mask, validation_mask
from mmr_core.studies import Cell, Entry, Exhibit, Line, Results, Setting, Sheet, StudyReport
from mmr_core.studies.exhibits import marked
from mmr_plugins.published import rows
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import datasets_with_images, datasets_with_text

COLUMNS = ("text", "image", "metrics", "baselines", "datasets", "models", "instances")
BASELINES_BESIDE_ROUTERS = (ORACLE, ORACLE_UNAWARE, BEST_SINGLE)
"""References that the paper counts among its baselines too; `constant` is a yardstick of this software."""
PERCENT = 100.0
NO_PUBLISHED_SUMMARY = (
    "The published accuracies and mean output tokens are those of the authors' own later summary, of whole datasets; "
    "it has no row for gpt-5-nano."
)


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


class DatasetFacts:
    """Table S1 of the paper for this table."""

    title = "Table S1: the datasets"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """None."""
        return ()

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """One sheet: a line per dataset and mixture."""
        sheet = Sheet(
            header=(
                "dataset",
                "domain in the paper",
                "modalities",
                "metric",
                "instances",
                "train",
                "of it validation",
                "test",
                "test, complete",
                "instances in the paper",
            ),
            lines=tuple(_dataset_line(setting, spec) for spec in setting.columns),
            notes=(
                "The frozen split puts a fifth of the instances into train and a fifth of those into its validation "
                "part; routers are scored on the test instances for which every model has an outcome.",
                "The paper gives instances in its table S1, and none for text-only datasets or mixtures.",
            ),
        )
        exhibit = Exhibit(
            name="s1",
            title="Datasets of this table",
            caption="Modalities, metric, and how many instances stand in which part of the split, beside the number "
            "that the paper's table S1 gives.",
            sheet=sheet,
        )
        return StudyReport(exhibits=(exhibit,), remarks=paper.remarks(setting))


class ModelFacts:
    """Table S2 of the paper for this table's pool, with what each model did on it."""

    title = "Table S2: the candidate models"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """None."""
        return ()

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Prices with means over the widest column, and utilities per dataset."""
        return StudyReport(exhibits=(_prices(setting), _utilities(setting)), remarks=paper.remarks(setting))


def _dataset_line(setting: Setting, spec: DatasetSpec) -> Line:
    own = select(setting.table, spec)
    train = train_mask(own.dataset, own.instance_id)
    published = {row["dataset"]: row for row in rows("table_s1")}.get(spec.name)
    in_paper = int(published["instances"]) if published else None
    return Line(
        label=spec.title,
        group="mixtures" if spec.members else spec.scenario,
        entries=(
            Entry(text=published["domain"] if published else ""),
            Entry(text=_modalities(own)),
            Entry(text=published["metric"] if published else spec.metric),
            _count(len(own)),
            _count(int(train.sum())),
            _count(int(validation_mask(own.dataset, own.instance_id).sum())),
            _count(int((~train).sum())),
            _count(int((~train & own.complete).sum())),
            _count(in_paper),
        ),
    )


def _modalities(table: OutcomeTable) -> str:
    """How its instances are asked, in words; the rarer sorts with their counts."""
    seen = Counter(
        " + ".join(word for word, here in (("text", bool(question)), ("image", image is not None)) if here) or "neither"
        for question, image in zip(table.question, table.image, strict=True)
    )
    if len(seen) == 1:
        return next(iter(seen))
    return ", ".join(f"{word} ({number:,})" for word, number in seen.most_common())


def _count(number: int | None) -> Entry:
    return Entry(value=None if number is None else float(number), digits=0)


def _prices(setting: Setting) -> Exhibit:
    column = setting.widest
    own = _complete_test(setting, column)
    published = {row["model"]: row for row in rows("table_s2")}
    tokens = {row["model"]: float(row["mean_output_tokens"]) for row in rows("single_models")}
    lines = tuple(
        Line(
            label=model.title,
            entries=(
                Entry(text=published[model.name]["tier"] if model.name in published else ""),
                Entry(text=_openness(model)),
                Entry(value=model.price.output, digits=2),
                Entry(
                    value=float(published[model.name]["usd_per_million_output_tokens"])
                    if model.name in published
                    else None,
                    digits=2,
                ),
                Entry(value=_mean(own.output_tokens[:, j]), digits=1),
                Entry(value=tokens.get(model.name), digits=1),
                Entry(value=_mean(own.cost[:, j] * 1000), digits=4),
                Entry(value=_mean(own.utility[:, j])),
            ),
        )
        for j, model in enumerate(own.models)
    )
    sheet = Sheet(
        header=(
            "model",
            "tier in the paper",
            "weights",
            "price, USD per million output tokens",
            "price in the paper",
            "mean output tokens",
            "mean output tokens, published",
            "mean cost, USD per 1,000 queries",
            "mean utility",
        ),
        lines=lines,
        notes=(
            f"Means over the {len(own):,} complete test instances of {column.title}. The cost is the table's own, as "
            "it came or as it was priced; the price is what the registry knows of the model.",
            *((NO_PUBLISHED_SUMMARY,) if any(model.name in tokens for model in own.models) else ()),
        ),
    )
    return Exhibit(
        name="s2",
        title="Candidate models: prices, cost and utility",
        caption="The price of each model's output tokens, and what the model cost and achieved on the test split of "
        f"{column.title}, beside the prices of the paper's table S2.",
        sheet=sheet,
    )


def _utilities(setting: Setting) -> Exhibit:
    datasets = setting.datasets
    tests = [_complete_test(setting, spec) for spec in datasets]
    models = setting.table.models
    own = tuple(
        Line(label=model.title, entries=tuple(Entry(value=_mean(test.utility[:, j])) for test in tests))
        for j, model in enumerate(models)
    )
    titles = {row["model"]: row["title"] for row in rows("table_s2")}
    published = tuple(
        Line(
            label=titles[row["model"]],
            entries=tuple(
                Entry(value=float(row[spec.name]) / PERCENT if row.get(spec.name) else None) for spec in datasets
            ),
            group=paper.PUBLISHED,
            published=True,
        )
        for row in rows("single_models")
        if any(row.get(spec.name) for spec in datasets)
    )
    sheet = Sheet(
        header=("model", *(spec.title for spec in datasets)),
        lines=(*own, *published),
        notes=(
            "Means over the complete test instances of each dataset.",
            *((NO_PUBLISHED_SUMMARY, *paper.notes(setting)) if published else ()),
        ),
    )
    return Exhibit(
        name="s2-datasets",
        title="Candidate models: utility on every dataset",
        caption="What each model achieves when it answers every query of a dataset's test split; the best model is "
        "bold, the second underlined.",
        sheet=marked(sheet, ["higher"] * len(datasets)),
    )


def _complete_test(setting: Setting, column: DatasetSpec) -> OutcomeTable:
    own = select(setting.table, column)
    return own.take(~train_mask(own.dataset, own.instance_id) & own.complete)


def _openness(model: ModelSpec) -> str:
    return {True: "open", False: "closed", None: ""}[model.open_weight]


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
