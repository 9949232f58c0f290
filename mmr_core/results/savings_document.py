"""Turns a page on savings into what `savings.json` holds, and into the long form of `savings.csv`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict, replace

from mmr_core.render.savings.figures import QUERIES
from mmr_core.render.savings.words import summary
from mmr_core.results.document import estimate_document
from mmr_core.results.model import Estimate, LineupEntry
from mmr_core.results.savings import Against, Chosen, ColumnSavings, RouterSavings, Savings, Single
from mmr_core.results.savings_schema import (
    AgainstDocument,
    ChosenDocument,
    ColumnDocument,
    MarkDocument,
    RouterDocument,
    RowDocument,
    SavingsDocument,
    SingleDocument,
)
from mmr_core.results.schema import DataDocument, FailureDocument, LeftOutDocument

FIGURES = ("utility", "gain", "cost", "ratio")

HEADER = ("dataset", "row", "kind", "at", "model", "figure", "value", "low", "high", "reason", "synthetic")
"""`at` is "single", "chosen:cost", "chosen:quality" or "frontier"; `model` is what gain and ratio are against. Costs
are in USD per 1,000 queries; an infinite one ("inf") is one at which the utility is never reached."""


def per_thousand(cost: Estimate) -> Estimate:
    """A cost per query as one of a thousand queries."""
    value, low, high = (None if end is None else end * QUERIES for end in (cost.value, cost.low, cost.high))
    return replace(cost, value=value, low=low, high=high)


def savings_document(savings: Savings) -> SavingsDocument:
    """The whole page as its schema has it."""
    return SavingsDocument(
        data=DataDocument(**asdict(savings.data)),
        columns=tuple(_column(column) for column in savings.columns),
        routers=tuple(_router(entry) for entry in savings.lineup),
        seeds=savings.seeds,
        draw_seed=savings.draw_seed,
        skipped_columns=dict(savings.skipped_columns),
        skipped_routers=dict(savings.skipped_routers),
        versions=dict(savings.versions),
    )


def savings_csv(savings: Savings) -> str:
    """Every figure in long form, one per line (RFC 4180), with full precision."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(HEADER)
    synthetic = str(savings.data.synthetic).lower()
    for column in savings.columns:
        for row in _lines(column):
            writer.writerow((column.dataset, *row, synthetic))
    return sheet.getvalue()


def _lines(column: ColumnSavings) -> Iterator[tuple[str, ...]]:
    for single in column.singles:
        yield from _figures((single.name, "model", "single", column.best), single)
    for row in (*column.routers, *column.references):
        for aim, chosen in row.chosen.items():
            yield from _figures((row.name, row.kind, f"chosen:{aim}", column.best), chosen)
        for against in row.against:
            yield from _figures((row.name, row.kind, "frontier", against.model), against)


def _figures(place: tuple[str, ...], found: Single | Chosen | Against) -> Iterator[tuple[str, ...]]:
    for figure in FIGURES:
        estimate: Estimate = getattr(found, figure)
        shown = per_thousand(estimate) if figure == "cost" else estimate
        yield (*place, figure, *(_exact(end) for end in (shown.value, shown.low, shown.high)), shown.reason)


def _exact(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))


def _column(column: ColumnSavings) -> ColumnDocument:
    mark = column.mark
    return ColumnDocument(
        dataset=column.dataset,
        title=column.title,
        members=column.members,
        train=column.train,
        validation=column.validation,
        test=column.test,
        evaluated=column.evaluated,
        left_out=tuple(
            LeftOutDocument(dataset=gap.dataset, instances=gap.instances, of=gap.of, models=dict(gap.models))
            for gap in column.left_out
        ),
        models_left_out=dict(column.models_left_out),
        split_digest=column.split_digest,
        best=column.best,
        singles=tuple(_single(single) for single in column.singles),
        mark=None
        if mark is None
        else MarkDocument(model=mark.model, utility=mark.utility, cost=mark.cost * QUERIES, instances=mark.instances),
        routers=tuple(_row(router) for router in column.routers),
        references=tuple(_row(reference) for reference in column.references),
        recommended=column.recommended,
        summary=tuple(summary(column)),
        draws=column.draws,
        draws_left_out=column.draws_left_out,
        failures=tuple(FailureDocument(**asdict(failure)) for failure in column.failures),
    )


def _single(single: Single) -> SingleDocument:
    return SingleDocument(
        name=single.name,
        title=single.title,
        utility=estimate_document(single.utility),
        gain=estimate_document(single.gain),
        cost=estimate_document(per_thousand(single.cost)),
        ratio=estimate_document(single.ratio),
    )


def _row(router: RouterSavings) -> RowDocument:
    return RowDocument(
        name=router.name,
        kind=router.kind,
        chosen={aim: _chosen(chosen) for aim, chosen in router.chosen.items()},
        against=tuple(_against(against) for against in router.against),
    )


def _chosen(chosen: Chosen) -> ChosenDocument:
    cost = chosen.validation_cost
    return ChosenDocument(
        trade_off=chosen.trade_off,
        utility=estimate_document(chosen.utility),
        gain=estimate_document(chosen.gain),
        cost=estimate_document(per_thousand(chosen.cost)),
        ratio=estimate_document(chosen.ratio),
        validation_utility=chosen.validation_utility,
        validation_cost=None if cost is None else cost * QUERIES,
    )


def _against(against: Against) -> AgainstDocument:
    return AgainstDocument(
        model=against.model,
        cost=estimate_document(per_thousand(against.cost)),
        ratio=estimate_document(against.ratio),
        utility=estimate_document(against.utility),
        gain=estimate_document(against.gain),
    )


def _router(entry: LineupEntry) -> RouterDocument:
    return RouterDocument(
        name=entry.name,
        canonical_id=entry.canonical_id,
        version=entry.version,
        parameters={key: repr(value) for key, value in entry.parameters.items()},
        fusion=None if entry.fusion is None else entry.fusion.name,
    )
