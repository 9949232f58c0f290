"""Turns a run into the document that `results.json` holds, and reads such a file back.

`mmr run --json` prints the document, `files` stores it, `comparison` and the leaderboard read it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import JsonValue, ValidationError

from mmr_core.errors import DataError
from mmr_core.numerics.bootstrap import LEVEL
from mmr_core.results.model import (
    METRIC_NAMES,
    Column,
    Difference,
    Estimate,
    FusionEntry,
    Macro,
    MacroRow,
    Row,
    RunResult,
    SingleModel,
    Slice,
)
from mmr_core.results.schema import (
    PROTOCOL,
    SCHEMA_VERSION,
    ChosenDocument,
    ColumnDocument,
    DataDocument,
    DifferenceDocument,
    EstimateDocument,
    FailureDocument,
    FusionDocument,
    IntervalsDocument,
    LeftOutDocument,
    LineupDocument,
    MacroDocument,
    MacroRowDocument,
    MetricsDocument,
    ParetoDocument,
    ResultsDocument,
    RowDocument,
    SingleModelDocument,
    SliceDocument,
    TimingDocument,
)

if TYPE_CHECKING:
    from pathlib import Path

METHOD = (
    "percentile bootstrap over test instances, stratified by dataset; seeds averaged within a draw; "
    "quantiles by inverted_cdf; which models are cheapest, dearest and best is fixed"
)


def document(run: RunResult) -> ResultsDocument:
    """Everything about a run but its draws and curves."""
    return ResultsDocument(
        data=DataDocument(**asdict(run.data)),
        headline=run.headline.dataset,
        modality=run.modality,
        train_modality=run.train_modality,
        seeds=run.seeds,
        intervals=IntervalsDocument(level=LEVEL, method=METHOD, draws=run.draws, draw_seed=run.draw_seed),
        lineup=tuple(
            LineupDocument(
                name=entry.name,
                canonical_id=entry.canonical_id,
                distribution=entry.distribution,
                version=entry.version,
                parameters=_json_object(entry.parameters),
                fusion=_fusion(entry.fusion),
            )
            for entry in run.lineup
        ),
        columns=tuple(_column(column) for column in run.columns),
        macros=tuple(_macro(macro) for macro in run.macros),
        differences=tuple(_difference(difference) for difference in run.differences),
        skipped_columns=dict(run.skipped_columns),
        skipped_routers=dict(run.skipped_routers),
        versions=dict(run.versions),
        warnings=run.warnings,
    )


def _fusion(entry: FusionEntry | None) -> FusionDocument | None:
    if entry is None:
        return None
    return FusionDocument(
        name=entry.name,
        canonical_id=entry.canonical_id,
        version=entry.version,
        parameters=_json_object(entry.parameters),
        transductive=entry.transductive,
    )


def read_results(path: Path) -> ResultsDocument:
    """Reads `results.json`, given by its own path or by that of the folder it lies in.

    :raises DataError: if there is none, or it is not JSON, not of this schema version, or not such a file.
    """
    file = path / "results.json" if path.is_dir() else path
    where = str(file)
    try:
        content = json.loads(file.read_bytes(), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise DataError(
            "there is no such file",
            where=where,
            fix="name a folder that 'mmr run --out' wrote; results.json is the last file of a finished run",
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON ({error})", where=where, fix="run 'mmr run --out' again") from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=where) from error
    _demand_ours(content, where)
    try:
        return ResultsDocument.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the document"
        raise DataError(
            f"breaks schema version {SCHEMA_VERSION} at {place}: {first['msg']}",
            where=where,
            fix="run 'mmr run --out' again",
        ) from error


def _demand_ours(content: object, where: str) -> None:
    if not isinstance(content, dict) or "schema_version" not in content or "protocol" not in content:
        raise DataError("is not a results file of 'mmr run'", where=where)
    if content["protocol"] != PROTOCOL:
        raise DataError(
            f"holds results of protocol {content['protocol']!r}",
            where=where,
            fix=f"only those of 'mmr run --protocol {PROTOCOL}' can be read here",
        )
    if content["schema_version"] != SCHEMA_VERSION:
        raise DataError(
            f"has schema version {content['schema_version']!r}, and this program reads version {SCHEMA_VERSION}",
            where=where,
            fix="read it with the version of mmr-bench that wrote it, or run again",
        )


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")


def estimate_document(estimate: Estimate) -> EstimateDocument:
    """An estimate as files hold it, infinity named beside a null."""
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    infinite = tuple(end for end, number in ends.items() if number is not None and math.isinf(number))
    known = {end: None if end in infinite else number for end, number in ends.items()}
    return EstimateDocument.model_validate({**known, "infinite": infinite, "reason": estimate.reason})


def metrics_document(metrics: Mapping[str, Estimate]) -> MetricsDocument:
    """The estimates of a row, by metric, as files hold them."""
    return MetricsDocument(**{metric: estimate_document(metrics[metric]) for metric in METRIC_NAMES})


def _reached(qnc: float | None) -> bool | None:
    return None if qnc is None else math.isfinite(qnc)


def _macro_row(row: MacroRow) -> MacroRowDocument:
    reached = _reached(row.metrics["qnc"].value)
    return MacroRowDocument(name=row.name, kind=row.kind, metrics=metrics_document(row.metrics), qnc_reached=reached)


def _row(row: Row) -> RowDocument:
    reached = _reached(row.pareto["qnc"])
    pareto = {**row.pareto, "qnc": row.pareto["qnc"] if reached else None, "qnc_reached": reached}
    return RowDocument(
        name=row.name,
        kind=row.kind,
        metrics=metrics_document(row.metrics),
        qnc_reached=_reached(row.metrics["qnc"].value),
        pareto=ParetoDocument.model_validate(pareto),
        chosen=ChosenDocument(**{name: estimate_document(value) for name, value in row.chosen.items()})
        if row.chosen
        else None,
    )


def _single(model: SingleModel) -> SingleModelDocument:
    return SingleModelDocument(**asdict(model))


def _slice(part: Slice) -> SliceDocument:
    return SliceDocument(
        name=part.name,
        kind=part.kind,
        instances=part.instances,
        draws=part.draws,
        draws_left_out=part.draws_left_out,
        cheapest=part.cheapest,
        dearest=part.dearest,
        best=part.best,
        c_min=part.within.low,
        c_max=part.within.high,
        floor_utility=part.within.floor,
        best_cost=part.within.best_cost,
        best_utility=part.within.best_utility,
        models=tuple(_single(model) for model in part.models),
        rows=tuple(_row(row) for row in part.rows),
    )


def _column(column: Column) -> ColumnDocument:
    return ColumnDocument(
        dataset=column.dataset,
        title=column.title,
        scenario=column.scenario,
        members=column.members,
        train=column.train,
        validation=column.validation,
        test=column.test,
        left_out=tuple(
            LeftOutDocument(dataset=gap.dataset, instances=gap.instances, of=gap.of, models=dict(gap.models))
            for gap in column.left_out
        ),
        split_digest=column.split_digest,
        cost_scale=column.cost_scale,
        features=_json_object(column.features),
        whole=_slice(column.whole),
        slices=tuple(_slice(part) for part in column.slices),
        skipped=dict(column.skipped),
        failures=tuple(FailureDocument(**asdict(failure)) for failure in column.failures),
        timings=tuple(TimingDocument(**asdict(timing)) for timing in column.timings),
    )


def _macro(macro: Macro) -> MacroDocument:
    return MacroDocument(name=macro.name, parts=macro.parts, rows=tuple(_macro_row(row) for row in macro.rows))


def _difference(difference: Difference) -> DifferenceDocument:
    return DifferenceDocument(**asdict(difference), decided=difference.decided)


def _json_object(values: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {str(key): _json_value(value) for key, value in values.items()}


def _json_value(value: Any) -> JsonValue:
    """A plugin's value as JSON can hold it; what JSON does not know becomes its text."""
    if hasattr(value, "tolist"):
        value = value.tolist()  # numpy scalars and arrays
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return _json_object(value)
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, set | frozenset):
        return [*sorted(str(item) for item in value)]
    return str(value)
