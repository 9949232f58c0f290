"""The results of studies as one tidy Parquet table, `results.parquet`: a row per measured policy, read back exactly.

Its columns, for reading it with any other program:

- what was run: `test`, `router` (null for references), `learn_from`, `fusion` (null where it wants none), `modality`,
  `train_modality`, `text_encoder`, `image_encoder` (null for the run's own), `seed`, `train_share`, `newcomer`,
  `calibration`, and `cell`, the same with all parameters as JSON, from which it is read back;
- what was measured: `name`, `kind`, one column per metric (null where it has no meaning, infinity where QNC is not
  reached) and one list `<metric>_draws` of its bootstrap draws (NaN where a draw has none);
- the Pareto front: the lists `frontier_cost` (USD per query), `frontier_utility`, `frontier_trade_off`;
- the policy at each weight of the grid: the lists `along_cost`, `along_utility`, the lists of lists `along_share`
  (weights x models) and `along_choices` (weights x test instances); null where there is none;
- what it was measured against: `c_min`, `c_max`, `floor`, `best_cost`, `best_utility`, `best_single`, `models`,
  `instances`, `learned_from`, and `seconds`.

The metadata of the file's schema hold `mmr.schema`, `mmr.synthetic`, `mmr.draws`, and `mmr.failures` as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mmr_core.errors import DataError, MMRError
from mmr_core.numerics.metrics import CostRange
from mmr_core.results.estimates import METRIC_NAMES
from mmr_core.results.records import Along, Cell, CellFailure, CellRecord, EncoderPair, Results, cell_key
from mmr_core.store.atomic import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "1"
_FRONTIER = ("frontier_cost", "frontier_utility", "frontier_trade_off")
_FIX = "run the study again"


def write_results(results: Results, path: Path) -> None:
    """Writes `results.parquet`, whole or not at all.

    :raises MMRError: if it cannot be written.
    """
    try:
        write_atomically(path, results_bytes(results))
    except OSError as error:
        raise MMRError(f"cannot be written: {error.strerror or error}", where=str(path)) from error


def read_results(path: Path) -> Results:
    """The results in a file; collections among the parameters of cells come back as lists.

    :raises DataError: if it is missing or is not such a file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path), fix=_FIX) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    return _results_from(content, str(path))


def results_bytes(results: Results) -> bytes:
    """The content of such a file; equal results give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(record) for record in results.records]
    failures = [
        {
            "cell": json.loads(cell_key(failure.cell)),
            "reason": failure.reason,
            "details": failure.details,
            "unavailable": failure.unavailable,
        }
        for failure in results.failures
    ]
    facts = {
        "mmr.schema": SCHEMA,
        "mmr.synthetic": json.dumps(results.synthetic),
        "mmr.draws": json.dumps(results.draws),
        "mmr.failures": json.dumps(failures),
    }
    schema = _schema(facts)
    table = pa.table({field.name: pa.array([row[field.name] for row in rows], field.type) for field in schema}, schema)
    sink = pa.BufferOutputStream()
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    pq.write_table(table, sink, compression="zstd", use_dictionary=words)
    return bytes(sink.getvalue())


def _results_from(content: bytes, where: str) -> Results:
    """The results in the content of such a file.

    :raises DataError: if it is something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (OSError, pa.ArrowException) as error:
        line = str(error).partition("\n")[0]
        raise DataError(f"is not a table of results ({line})", where=where, fix=_FIX) from error
    facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if facts.get("mmr.schema") != SCHEMA:
        raise DataError(
            f"expected a table of results of schema {SCHEMA}, got {facts.get('mmr.schema', 'none')}",
            where=where,
            fix=_FIX,
        )
    columns = {name: table.column(name) for name in table.column_names}
    try:
        return Results(
            records=tuple(_record({name: column[i] for name, column in columns.items()}) for i in range(len(table))),
            failures=tuple(
                CellFailure(**{**failure, "cell": _cell(failure["cell"])})
                for failure in json.loads(facts["mmr.failures"])
            ),
            synthetic=json.loads(facts["mmr.synthetic"]),
            draws=json.loads(facts["mmr.draws"]),
        )
    except (KeyError, ValidationError) as error:
        line = " ".join(str(error).split())
        raise DataError(f"is not a whole table of results ({line})", where=where, fix=_FIX) from error


def _schema(facts: dict[str, str]) -> pa.Schema:
    import pyarrow as pa

    text, number, whole, numbers = pa.string(), pa.float64(), pa.int64(), pa.list_(pa.float64())
    fields: dict[str, Any] = {
        **dict.fromkeys(("test", "router"), text),
        "learn_from": pa.list_(text),
        **dict.fromkeys(("fusion", "modality", "train_modality", "text_encoder", "image_encoder"), text),
        "seed": whole,
        "train_share": number,
        "newcomer": text,
        "calibration": whole,
        **dict.fromkeys(("cell", "name", "kind"), text),
        **dict.fromkeys(METRIC_NAMES, number),
        **{f"{metric}_draws": numbers for metric in METRIC_NAMES},
        **dict.fromkeys((*_FRONTIER, "along_cost", "along_utility"), numbers),
        "along_share": pa.list_(numbers),
        "along_choices": pa.list_(pa.list_(pa.int16())),
        **dict.fromkeys(("c_min", "c_max", "floor", "best_cost", "best_utility"), number),
        "best_single": text,
        "models": pa.list_(text),
        **dict.fromkeys(("instances", "learned_from"), whole),
        "seconds": number,
    }
    return pa.schema(fields.items(), metadata=facts)


def _row(record: CellRecord) -> dict[str, Any]:
    cell, within, along = record.cell, record.within, record.along
    return {
        "test": cell.test,
        "router": cell.router,
        "learn_from": list(cell.sources),
        "fusion": record.fusion,
        "modality": cell.modality,
        "train_modality": cell.seen_in_training,
        "text_encoder": cell.encoders.text,
        "image_encoder": cell.encoders.image,
        "seed": cell.seed,
        "train_share": cell.train_share,
        "newcomer": cell.newcomer,
        "calibration": cell.calibration,
        "cell": cell_key(cell),
        "name": record.name,
        "kind": record.kind,
        **{metric: record.metrics[metric] for metric in METRIC_NAMES},
        **{f"{metric}_draws": record.draws[metric] for metric in METRIC_NAMES},
        **{name: getattr(record, name) for name in _FRONTIER},
        "along_cost": None if along is None else along.cost,
        "along_utility": None if along is None else along.utility,
        "along_share": None if along is None else list(along.share),
        "along_choices": None if along is None or along.choices is None else list(along.choices),
        "c_min": within.low,
        "c_max": within.high,
        "floor": within.floor,
        "best_cost": within.best_cost,
        "best_utility": within.best_utility,
        "best_single": record.best_single,
        "models": list(record.models),
        "instances": record.instances,
        "learned_from": record.learned_from,
        "seconds": record.seconds,
    }


def _record(row: dict[str, pa.Scalar]) -> CellRecord:
    def fact(name: str) -> Any:
        return row[name].as_py()

    return CellRecord(
        cell=_cell(json.loads(fact("cell"))),
        name=fact("name"),
        kind=fact("kind"),
        metrics={metric: fact(metric) for metric in METRIC_NAMES},
        draws={metric: _numbers(row[f"{metric}_draws"]) for metric in METRIC_NAMES},
        frontier_cost=_numbers(row["frontier_cost"]),
        frontier_utility=_numbers(row["frontier_utility"]),
        frontier_trade_off=_numbers(row["frontier_trade_off"]),
        within=CostRange(
            low=fact("c_min"),
            high=fact("c_max"),
            floor=fact("floor"),
            best_cost=fact("best_cost"),
            best_utility=fact("best_utility"),
        ),
        best_single=fact("best_single"),
        models=tuple(fact("models")),
        instances=fact("instances"),
        learned_from=fact("learned_from"),
        along=_along(row) if row["along_cost"].is_valid else None,
        fusion=fact("fusion"),
        seconds=fact("seconds"),
    )


def _along(row: dict[str, pa.Scalar]) -> Along:
    cost = _numbers(row["along_cost"])
    kept = row["along_choices"].is_valid
    return Along(
        cost=cost,
        utility=_numbers(row["along_utility"]),
        share=_matrix(row["along_share"], len(cost)),
        choices=_matrix(row["along_choices"], len(cost)) if kept else None,
    )


def _numbers(listed: pa.Scalar) -> NDArray[Any]:
    """The array of a list, which owns its memory."""
    return np.array(listed.values.to_numpy(zero_copy_only=False))


def _matrix(listed: pa.Scalar, rows: int) -> NDArray[Any]:
    """The array [rows, m] of a list of lists of equal length."""
    return np.array(listed.values.flatten().to_numpy(zero_copy_only=False)).reshape(rows, -1)


def _cell(said: dict[str, Any]) -> Cell:
    """The cell that `cell_key` wrote."""
    return Cell(
        **{
            **said,
            "learn_from": tuple(said["learn_from"]),
            "pooled": {name: tuple(values) for name, values in said["pooled"].items()},
            "encoders": EncoderPair(**said["encoders"]),
        }
    )
