"""A whole run of the paper's protocol, in memory and as `results.json`.

`runner` makes it, `mmr run --json` prints it, `mmr run --out` keeps it beside its draws and curves (`sidecar`), and
`mmr compare` reads it back. Unknown fields are refused, so that a file means what this version says it means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mmr_core.errors import DataError, MMRError, UsageError
from mmr_core.numerics.bootstrap import LEVEL
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.results.estimates import Count, Facts, Stored
from mmr_core.results.evaluation import Column, Difference, Macro, RouterFailure
from mmr_core.results.sidecar import (
    AGAIN,
    Place,
    curves_parquet,
    draws_parquet,
    place_of,
    read_curves,
    read_draws,
)
from mmr_core.store.atomic import write_atomically

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Literal[1] = 1
PROTOCOL: Literal["paper"] = "paper"
RESULTS, DRAWS, CURVES = "results.json", "draws.parquet", "curves.parquet"

METHOD = (
    "percentile bootstrap over test instances, stratified by dataset; seeds averaged within a draw; "
    "quantiles by inverted_cdf; which models are cheapest, dearest and best is fixed"
)


@dataclass(frozen=True, kw_only=True)
class FusionEntry(Stored):
    """The fusion that a router was given."""

    name: str
    canonical_id: str = Field(description="distribution/name")
    version: str
    parameters: Facts
    transductive: bool = Field(description="it looks at all queries of a batch at once; not for ranking")


@dataclass(frozen=True, kw_only=True)
class LineupEntry(Stored):
    """How a router entered the run: everything that is needed to run it again."""

    name: str
    canonical_id: str = Field(description="distribution/name")
    distribution: str
    version: str
    parameters: Facts
    fusion: FusionEntry | None = Field(description="null for a router that wants no fused features")


@dataclass(frozen=True, kw_only=True)
class DataFacts(Stored):
    """Which table was evaluated."""

    source: str
    synthetic: bool = Field(description="the outcomes were generated, not observed")
    digest: str
    instances: Count
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    price_sheet: str | None = None


@dataclass(frozen=True, kw_only=True)
class Intervals(Stored):
    """How the intervals were made."""

    level: FiniteFloat = LEVEL
    method: str = METHOD
    draws: Count
    draw_seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult(Stored):
    """Results of `mmr run` under the paper's protocol.

    Utilities are in [0, 1]; costs in USD per query. `draws.parquet` and `curves.parquet` beside the file hold the
    bootstrap draws and the operating points.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    protocol: Literal["paper"] = PROTOCOL
    data: DataFacts
    headline_name: str = Field(
        init=False, alias="headline", description="the dataset or mixture that speaks for the run"
    )
    modality: str
    train_modality: str
    seeds: tuple[int, ...]
    intervals: Intervals
    lineup: tuple[LineupEntry, ...]
    columns: tuple[Column, ...] = Field(min_length=1)
    macros: tuple[Macro, ...]
    differences: tuple[Difference, ...]
    skipped_columns: Mapping[str, str] = Field(description="datasets that could not be evaluated, with the reason")
    skipped_routers: Mapping[str, str] = Field(description='routers left out of "all", with the reason')
    versions: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [column.dataset for column in self.columns]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"expected one column for {twice[0]!r}, got two")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"expected different seeds, got {list(self.seeds)}")
        for column in self.columns:
            for part in (column.whole, *column.slices):
                for row in part.rows:
                    expected = len(self.seeds) if row.kind == "router" else 1
                    if row.curves and len(row.curves) != expected:
                        raise ValueError(
                            f"expected {expected} curves of row {row.name!r} on {part.name!r}, got {len(row.curves)}"
                        )
        object.__setattr__(self, "headline_name", self.headline.dataset)

    @property
    def headline(self) -> Column:
        """The column that speaks for the run: the last mixture, else the first dataset."""
        mixtures = [column for column in self.columns if column.members]
        return mixtures[-1] if mixtures else self.columns[0]

    @property
    def draws(self) -> int:
        """How many bootstrap draws were made."""
        return self.intervals.draws

    @property
    def draw_seed(self) -> int:
        """The seed of the draws."""
        return self.intervals.draw_seed

    @property
    def failures(self) -> tuple[RouterFailure, ...]:
        """Every router failure of every column."""
        return tuple(failure for column in self.columns for failure in column.failures)

    def column(self, dataset: str) -> Column | None:
        """The column of a dataset or mixture; None where there is none."""
        return next((column for column in self.columns if column.dataset == dataset), None)

    def to_dict(self) -> dict[str, Any]:
        """What `results.json` holds, as plain data."""
        plain: dict[str, Any] = _RUN.dump_python(self, mode="json")
        return plain

    def to_json(self) -> str:
        """The text of `results.json`."""
        return _RUN.dump_json(self, indent=2).decode() + "\n"

    def to_disk(self, folder: Path) -> None:
        """Writes `draws.parquet`, `curves.parquet` and, last, `results.json` into a folder, which is made.

        :raises UsageError: if the run was read without its draws and curves.
        :raises MMRError: if a file cannot be written.
        """
        slices = [part for column in self.columns for part in (column.whole, *column.slices)]
        if not all(row.draws and row.curves for part in slices for row in part.rows):
            raise UsageError("the run was read without its draws and curves", fix="read it with arrays=True")
        contents: dict[str, bytes | str] = {
            DRAWS: draws_parquet(self.columns, synthetic=self.data.synthetic),
            CURVES: curves_parquet(self.columns, self.seeds, synthetic=self.data.synthetic),
            RESULTS: self.to_json(),
        }
        try:
            for name, content in contents.items():
                write_atomically(folder / name, content)
        except OSError as error:
            raise MMRError(f"cannot be written: {error.strerror or error}", where=str(folder / name)) from error

    @classmethod
    def from_disk(cls, path: Path, *, arrays: bool = True) -> RunResult:
        """Reads a run, given by its folder or by the path of its `results.json`.

        :param arrays: whether draws and curves are read too, from the files beside it; without them `Row.draws` and
            `Row.curves` are empty. Averages have no draws in files: they follow from those of their parts.
        :raises DataError: if a file is missing, or is not such a file, or not of this schema version.
        """
        file = path / RESULTS if path.is_dir() else path
        run = _checked(_content(file), str(file))
        if not arrays:
            return run
        draws, curves = read_draws(file.with_name(DRAWS)), read_curves(file.with_name(CURVES))
        try:
            return replace(run, columns=tuple(_filled(column, draws, curves) for column in run.columns))
        except (KeyError, ValidationError) as error:
            raise DataError(
                f"{DRAWS} or {CURVES} beside it belongs to another run, or is damaged", where=str(file), fix=AGAIN
            ) from error

    def to_dataframe(self, *, slices: bool = False) -> pd.DataFrame:
        """Every figure on a line of its own, with the columns dataset, router, metric, value, low and high.

        References are among the routers. A figure that does not exist is NaN; a QNC that is not reached is infinite.

        :param slices: whether the datasets of a mixture and the categories of a dataset are given too; the columns
            slice and slice_kind then follow dataset.

        >>> run.to_dataframe().pivot(index="router", columns="metric", values="value")  # doctest: +SKIP
        """
        import pandas as pd

        lines = [
            {
                "dataset": column.dataset,
                **({"slice": part.name, "slice_kind": part.kind} if slices else {}),
                "router": row.name,
                "metric": metric,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
            for column in self.columns
            for part in (column.whole, *(column.slices if slices else ()))
            for row in part.rows
            for metric, estimate in row.metrics.items()
        ]
        return pd.DataFrame(lines).astype(dict.fromkeys(("value", "low", "high"), "float64"))


_RUN = TypeAdapter(RunResult)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `results.json`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_RUN.json_schema(mode="serialization")}


def stored_json(file: Path, *, missing: str, again: str) -> Any:
    """The content of a JSON file of ours.

    :param missing: what to do where there is no file; :param again: where it is damaged.
    :raises DataError: if there is none, or it is not JSON, or holds NaN or an infinity.
    """
    where = str(file)
    try:
        return json.loads(file.read_bytes(), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise DataError("there is no such file", where=where, fix=missing) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON ({error})", where=where, fix=again) from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=where) from error


def breach(error: ValidationError, version: int, *, where: str, again: str) -> DataError:
    """The first thing in a file that its schema does not allow, as one line."""
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"]) or "the document"
    return DataError(f"breaks schema version {version} at {place}: {first['msg']}", where=where, fix=again)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")


def _content(file: Path) -> dict[str, Any]:
    where = str(file)
    missing = "name a folder that 'mmr run --out' wrote; results.json is the last file of a finished run"
    content = stored_json(file, missing=missing, again=AGAIN)
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
    return content


def _checked(content: dict[str, Any], where: str) -> RunResult:
    try:
        return _RUN.validate_python(content)
    except ValidationError as error:
        raise breach(error, SCHEMA_VERSION, where=where, again=AGAIN) from error


def _filled(
    column: Column,
    draws: Mapping[Place, Mapping[str, NDArray[np.float64]]],
    curves: Mapping[Place, tuple[OperatingCurve, ...]],
) -> Column:
    """The column with the draws and curves of its rows.

    :raises KeyError: if a row has none.
    """
    whole, *slices = (
        replace(
            part,
            rows=tuple(
                replace(row, draws=draws[place], curves=curves[place])
                for row in part.rows
                for place in (place_of(column, part, row),)
            ),
        )
        for part in (column.whole, *column.slices)
    )
    return replace(column, whole=whole, slices=tuple(slices))
