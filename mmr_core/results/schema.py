"""What `results.json` looks like: the versioned schema of a run's results, as pydantic models.

Data only; `document` fills it from a run and reads it back. Unknown fields are refused, so that a file means what
this version says it means. JSON knows no infinity, and the file holds none and no NaN: an infinite figure is null and
is named in the `infinite` list beside it, so that reading gives back exactly what was written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from mmr_core.results.model import Estimate, RowKind, SliceKind

SCHEMA_VERSION: Literal[1] = 1
PROTOCOL: Literal["paper"] = "paper"

Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of the document: frozen, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EstimateDocument(Part):
    """A figure with its 95 % interval."""

    value: FiniteFloat | None = Field(description="the figure, averaged over seeds; null: infinite, or see `reason`")
    low: FiniteFloat | None = Field(None, description="lower end of the interval; null: infinite, or no draw gave one")
    high: FiniteFloat | None = Field(None, description="upper end of the interval; null: infinite, or no draw gave one")
    infinite: tuple[Literal["value", "low", "high"], ...] = Field(
        (), description="which of value, low and high are +infinity; each of them is null"
    )
    reason: str = Field("", description="why there is no value, or no interval")

    @model_validator(mode="after")
    def _infinite_is_null(self) -> Self:
        for end in self.infinite:
            if getattr(self, end) is not None:
                raise ValueError(f"{end} is called infinite and has a number")
        return self

    def estimate(self) -> Estimate:
        """The estimate as `evaluate` made it, infinity included."""
        ends = {end: float("inf") if end in self.infinite else getattr(self, end) for end in ("value", "low", "high")}
        return Estimate(reason=self.reason, **ends)


class MetricsDocument(Part):
    """The metrics of a row (section 4.3 of the paper, and what stands beside them)."""

    nauc: EstimateDocument = Field(description="normalised area under the concave frontier, Eq. 7")
    skill: EstimateDocument = Field(description="0: no better than ignoring the query; 1: the oracle; below 0: harm")
    nauc_log: EstimateDocument = Field(description="Eq. 7 on a logarithmic cost axis")
    peak: EstimateDocument = Field(description="peak score P_s, Eq. 8")
    qnc: EstimateDocument = Field(description="quality-neutral cost, Eq. 9; infinite where it is not reached")


class ParetoDocument(Part):
    """The same metrics on Pareto points joined by lines, without intervals."""

    nauc: FiniteFloat | None
    skill: FiniteFloat | None
    nauc_log: FiniteFloat | None
    peak: FiniteFloat | None
    qnc: FiniteFloat | None = Field(description="null where it is not reached")
    qnc_reached: bool | None = Field(description="false: QNC is +infinity; null: it has no figure")


class ChosenDocument(Part):
    """The operating point chosen on validation, averaged over seeds."""

    utility: EstimateDocument
    cost: EstimateDocument = Field(description="USD per query")
    trade_off: EstimateDocument = Field(description="weight per unit of normalised cost")


class MacroRowDocument(Part):
    """One router or reference, averaged."""

    name: str
    kind: RowKind
    metrics: MetricsDocument
    qnc_reached: bool | None = Field(description="false: QNC is +infinity; null: it has no figure")

    @model_validator(mode="after")
    def _qnc_agrees(self) -> Self:
        if (self.qnc_reached is False) != ("value" in self.metrics.qnc.infinite):
            raise ValueError("qnc_reached and metrics.qnc.infinite disagree")
        return self


class RowDocument(MacroRowDocument):
    """One router or reference on one slice."""

    pareto: ParetoDocument
    chosen: ChosenDocument | None = Field(description="null for references, which are not fitted")


class SingleModelDocument(Part):
    """One model used for every query of a slice."""

    name: str
    title: str
    utility: FiniteFloat = Field(description="mean over the evaluated test instances")
    cost: FiniteFloat = Field(description="mean in USD per query")


class SliceDocument(Part):
    """All rows on one set of test instances."""

    name: str
    kind: SliceKind
    instances: Count = Field(description="complete test instances that were evaluated")
    draws: Count = Field(description="bootstrap draws behind its intervals")
    draws_left_out: Count = Field(description="draws in which the cheapest model was not cheaper than the dearest")
    cheapest: str
    dearest: str
    best: str = Field(description="the most accurate single model; ties: the cheaper")
    c_min: FiniteFloat = Field(description="mean cost of the cheapest single model, USD per query")
    c_max: FiniteFloat = Field(description="mean cost of the dearest single model, USD per query")
    floor_utility: FiniteFloat = Field(description="mean utility of the cheapest single model")
    best_cost: FiniteFloat = Field(description="mean cost of the best single model, USD per query")
    best_utility: FiniteFloat = Field(description="mean utility of the best single model")
    models: tuple[SingleModelDocument, ...]
    rows: tuple[RowDocument, ...]


class LeftOutDocument(Part):
    """Test instances of one dataset that were not evaluated, because some model's outcome is missing."""

    dataset: str
    instances: Count
    of: Count = Field(description="test instances of the dataset")
    models: dict[str, Count] = Field(description="missing outcomes per model")


class FailureDocument(Part):
    """A router that raised or broke its contract; the others went on."""

    router: str
    dataset: str
    reason: str
    traceback: str


class TimingDocument(Part):
    """Seconds one router took on one column, all seeds together."""

    router: str
    fit: FiniteFloat
    predict: FiniteFloat


class ColumnDocument(Part):
    """One dataset, or one mixture: one fit per router and seed."""

    dataset: str
    title: str
    scenario: str
    members: tuple[str, ...] = Field(description="datasets of a mixture that are present; empty for a dataset")
    train: Count = Field(description="instances in the training split, the validation part included")
    validation: Count
    test: Count = Field(description="instances in the test split, before incomplete ones are left out")
    left_out: tuple[LeftOutDocument, ...]
    split_digest: str
    cost_scale: FiniteFloat = Field(description="USD; the largest training cost, which normalises costs (Eq. S1)")
    features: dict[str, JsonValue]
    whole: SliceDocument
    slices: tuple[SliceDocument, ...] = Field(description="the datasets of a mixture, or the categories of a dataset")
    skipped: dict[str, str] = Field(description="slices that could not be measured, with the reason")
    failures: tuple[FailureDocument, ...]
    timings: tuple[TimingDocument, ...]


class MacroDocument(Part):
    """Averages over the datasets of a scenario, or over scenarios ("all")."""

    name: str
    parts: tuple[str, ...]
    rows: tuple[MacroRowDocument, ...]


class DifferenceDocument(Part):
    """One metric of one router minus that of another, on the same draws."""

    slice: str
    metric: str
    first: str
    second: str
    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    decided: bool = Field(description="whether the interval excludes 0")


class FusionDocument(Part):
    """The fusion that a router was given."""

    name: str
    canonical_id: str = Field(description="distribution/name")
    version: str
    parameters: dict[str, JsonValue]
    transductive: bool = Field(description="it looks at all queries of a batch at once; not for ranking")


class LineupDocument(Part):
    """How a router entered the run."""

    name: str
    canonical_id: str = Field(description="distribution/name")
    distribution: str
    version: str
    parameters: dict[str, JsonValue]
    fusion: FusionDocument | None = Field(description="null for a router that wants no fused features")


class DataDocument(Part):
    """Which table was evaluated."""

    source: str
    synthetic: bool = Field(description="the outcomes were generated, not observed")
    digest: str
    instances: Count
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    price_sheet: str | None


class IntervalsDocument(Part):
    """How the intervals were made."""

    level: FiniteFloat
    method: str
    draws: Count
    draw_seed: int


class ResultsDocument(Part):
    """Results of `mmr run` under the paper's protocol.

    Utilities are in [0, 1]; costs in USD per query. `draws.parquet` and `curves.parquet` beside the file hold the
    bootstrap draws and the operating points.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    protocol: Literal["paper"] = PROTOCOL
    data: DataDocument
    headline: str = Field(description="the dataset or mixture that speaks for the run")
    modality: str
    train_modality: str
    seeds: tuple[int, ...]
    intervals: IntervalsDocument
    lineup: tuple[LineupDocument, ...]
    columns: tuple[ColumnDocument, ...]
    macros: tuple[MacroDocument, ...]
    differences: tuple[DifferenceDocument, ...]
    skipped_columns: dict[str, str] = Field(description="datasets that could not be evaluated, with the reason")
    skipped_routers: dict[str, str] = Field(description='routers left out of "all", with the reason')
    versions: dict[str, str]
    warnings: tuple[str, ...]

    def column(self, dataset: str) -> ColumnDocument | None:
        """The column of a dataset or mixture; None where there is none."""
        return next((column for column in self.columns if column.dataset == dataset), None)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `results.json`."""
    schema = ResultsDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
