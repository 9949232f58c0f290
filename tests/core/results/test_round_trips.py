"""Whatever can be made of the results model survives a round trip through disk; whatever contradicts itself cannot."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter, ValidationError

from mmr_core.errors import DataError, UsageError
from mmr_core.numerics.metrics import CostRange
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.results import (
    METRIC_NAMES,
    Against,
    Along,
    Cell,
    CellRecord,
    Chosen,
    Column,
    ColumnSavings,
    DataFacts,
    Difference,
    Estimate,
    FusionEntry,
    Intervals,
    LeftOut,
    LineupEntry,
    Macro,
    MacroRow,
    Mark,
    Results,
    RouterFailure,
    RouterSavings,
    Row,
    RunResult,
    Savings,
    SavingsRouter,
    Single,
    SingleModel,
    Slice,
    Timing,
    read_results,
    results_bytes,
    write_results,
)

INFINITY = math.inf
MODELS = ("small", "large")

numbers = st.floats(allow_nan=False, allow_infinity=False)
figures = st.floats(allow_nan=False)
shares = st.floats(0, 1)
costs = st.floats(1e-9, 1e3)
counts = st.integers(0, 10**6)
texts = st.text(max_size=8)
names = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3, unique=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
facts = st.dictionaries(texts, plain, max_size=2)


@st.composite
def estimates(draw: Any) -> Estimate:
    if draw(st.integers(0, 3)) == 0:
        return Estimate(value=None, reason=draw(st.text(min_size=1, max_size=8)))
    ends = sorted(draw(st.lists(figures, min_size=2, max_size=2))) if draw(st.booleans()) else (None, None)
    return Estimate(value=draw(figures), low=ends[0], high=ends[1], reason=draw(texts))


metrics = st.fixed_dictionaries({metric: estimates() for metric in METRIC_NAMES})
points = st.fixed_dictionaries({name: estimates() for name in ("trade_off", "utility", "cost")})


@st.composite
def figures_without_interval(draw: Any) -> dict[str, float | None]:
    found = {metric: draw(st.none() | numbers) for metric in METRIC_NAMES}
    return found | {"qnc": draw(st.none() | numbers | st.just(INFINITY))}


def drawn(count: int) -> st.SearchStrategy[dict[str, Any]]:
    column = arrays(np.float64, count, elements=st.floats())
    return st.fixed_dictionaries(dict.fromkeys(METRIC_NAMES, column))


@st.composite
def curves(draw: Any) -> OperatingCurve:
    length = draw(st.integers(1, 4))
    return OperatingCurve(
        trade_off=draw(arrays(np.float64, length, elements=st.floats(0, allow_nan=False))),
        cost=np.sort(draw(arrays(np.float64, length, elements=costs))),
        utility=draw(arrays(np.float64, length, elements=shares)),
    )


@st.composite
def rows(draw: Any, name: str, kind: Any, draws: int, seeds: int) -> Row:
    count = seeds if kind == "router" else 1
    return Row(
        name=name,
        kind=kind,
        metrics=draw(metrics),
        pareto=draw(figures_without_interval()),
        draws=draw(drawn(draws)),
        curves=tuple(draw(curves()) for _ in range(count)),
        chosen=draw(points) if kind == "router" else {},
    )


@st.composite
def slices(draw: Any, name: str, kind: Any, seeds: int) -> Slice:
    draws, low = draw(st.integers(1, 3)), draw(costs)
    return Slice(
        name=name,
        kind=kind,
        instances=draw(counts),
        draws=draws,
        draws_left_out=draw(counts),
        cheapest=draw(st.sampled_from(MODELS)),
        dearest=draw(st.sampled_from(MODELS)),
        best=draw(st.sampled_from(MODELS)),
        c_min=low,
        c_max=low + draw(st.floats(1, 2)),
        floor_utility=draw(shares),
        best_cost=draw(costs),
        best_utility=draw(shares),
        models=tuple(SingleModel(name=m, title=draw(texts), utility=draw(shares), cost=draw(costs)) for m in MODELS),
        rows=(
            *(draw(rows(router, "router", draws, seeds)) for router in draw(names)),
            draw(rows("oracle", "reference", draws, seeds)),
        ),
    )


@st.composite
def columns(draw: Any, dataset: str, seeds: int) -> Column:
    return Column(
        dataset=dataset,
        title=draw(texts),
        scenario=draw(texts),
        members=tuple(draw(names)) if draw(st.booleans()) else (),
        train=draw(counts),
        validation=draw(counts),
        test=draw(counts),
        left_out=(LeftOut(dataset=draw(texts), instances=1, of=2, models={"small": draw(counts)}),),
        split_digest=draw(texts),
        cost_scale=draw(costs),
        features=draw(facts),
        whole=draw(slices(dataset, "dataset", seeds)),
        slices=tuple(draw(slices(name, "category", seeds)) for name in draw(names)[:1]),
        skipped={"tiny": draw(texts)},
        failures=(RouterFailure(router="r", dataset=dataset, reason=draw(texts), traceback=draw(texts)),),
        timings=(Timing(router="r", fit=draw(costs), predict=draw(costs)),),
    )


data_facts = st.builds(
    DataFacts,
    source=texts,
    synthetic=st.booleans(),
    digest=texts,
    instances=counts,
    datasets=names.map(tuple),
    models=st.just(MODELS),
    price_sheet=st.none() | texts,
)


@st.composite
def differences(draw: Any) -> Difference:
    low, high = sorted(draw(st.lists(numbers, min_size=2, max_size=2)))
    return Difference(slice="a", metric="nauc", first="x", second="y", value=draw(numbers), low=low, high=high)


fusions = st.builds(
    FusionEntry, name=texts, canonical_id=texts, version=texts, parameters=facts, transductive=st.booleans()
)
lineups = st.builds(
    LineupEntry,
    name=texts,
    canonical_id=texts,
    distribution=texts,
    version=texts,
    parameters=facts,
    fusion=st.none() | fusions,
)
macros = st.builds(
    Macro,
    name=texts,
    parts=names.map(tuple),
    rows=st.builds(MacroRow, name=texts, kind=st.just("router"), metrics=metrics, draws=drawn(2)).map(lambda r: (r,)),
)


@st.composite
def runs(draw: Any) -> RunResult:
    seeds = draw(st.lists(st.integers(0, 2**40), min_size=1, max_size=2, unique=True))
    return RunResult(
        data=draw(data_facts),
        modality=draw(texts),
        train_modality=draw(texts),
        seeds=tuple(seeds),
        intervals=Intervals(draws=draw(counts), draw_seed=draw(st.integers())),
        lineup=(draw(lineups),),
        columns=tuple(draw(columns(name, len(seeds))) for name in draw(names)[:2]),
        macros=(draw(macros),),
        differences=(draw(differences()),),
        skipped_columns=draw(st.dictionaries(texts, texts, max_size=1)),
        skipped_routers=draw(st.dictionaries(texts, texts, max_size=1)),
        versions=draw(st.dictionaries(texts, texts, max_size=1)),
        warnings=tuple(draw(st.lists(texts, max_size=1))),
    )


def bits(value: Any) -> Any:
    """A value with its arrays as bytes, in which NaN equals NaN."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: bits(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def without_macro_draws(run: RunResult) -> RunResult:
    """Averages have no draws in files."""
    bare = (replace(macro, rows=tuple(replace(row, draws={}) for row in macro.rows)) for macro in run.macros)
    return replace(run, macros=tuple(bare))


@settings(deadline=None, max_examples=25)
@given(run=runs())
def test_any_run_survives_a_round_trip_through_disk_bit_by_bit(run: RunResult) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run.to_disk(Path(folder))
        back = RunResult.from_disk(Path(folder))
        assert RunResult.from_disk(Path(folder), arrays=False).to_json() == run.to_json()
    assert back.to_json() == run.to_json()
    assert bits(back) == bits(without_macro_draws(run))


@settings(deadline=None)
@given(estimate=estimates())
def test_any_estimate_survives_json(estimate: Estimate) -> None:
    adapter = TypeAdapter(Estimate)
    text = adapter.dump_json(estimate)
    json.loads(text, parse_constant=pytest.fail)
    assert adapter.validate_json(text) == estimate
    assert replace(estimate) == estimate


chosen = st.builds(
    Chosen,
    trade_off=st.lists(numbers, max_size=2).map(tuple),
    utility=estimates(),
    gain=estimates(),
    cost=estimates(),
    ratio=estimates(),
    validation_utility=st.none() | shares,
    validation_cost=st.none() | costs,
)
against = st.builds(
    Against, model=texts, cost=estimates(), ratio=estimates(), utility=estimates(), gain=estimates()
).map(lambda one: (one,))
singles = st.builds(
    Single,
    name=st.just("small"),
    title=texts,
    utility=estimates(),
    gain=estimates(),
    cost=estimates(),
    ratio=estimates(),
)


@st.composite
def savings(draw: Any) -> Savings:
    router = RouterSavings(
        name="wise", kind="router", chosen={"cost": draw(chosen), "quality": draw(chosen)}, against=draw(against)
    )
    reference = RouterSavings(name="oracle", kind="reference", chosen={}, against=draw(against), curve=draw(curves()))
    column = ColumnSavings(
        dataset=draw(texts),
        title=draw(texts),
        members=(),
        train=draw(counts),
        validation=draw(counts),
        test=draw(counts),
        evaluated=draw(counts),
        left_out=(),
        models_left_out={"medium": draw(texts)},
        split_digest=draw(texts),
        within=CostRange(low=1, high=2, floor=0.1, best_cost=2, best_utility=0.5),
        best="small",
        singles=(draw(singles),),
        mark=Mark(model="small", utility=draw(shares), cost=draw(costs), instances=draw(counts)),
        routers=(router,),
        references=(reference,),
        recommended=draw(st.sampled_from((None, "wise"))),
        summary=tuple(draw(st.lists(texts, max_size=2))),
        draws=draw(counts),
        draws_left_out=draw(counts),
        failures=(),
    )
    return Savings(
        data=draw(data_facts),
        columns=(column,),
        routers=(SavingsRouter.of(draw(lineups)),),
        seeds=(0,),
        draw_seed=draw(st.integers()),
        skipped_columns={},
        skipped_routers={},
        versions=draw(st.dictionaries(texts, texts, max_size=1)),
    )


@settings(deadline=None, max_examples=40)
@given(savings=savings())
def test_any_savings_survive_a_round_trip_through_disk(savings: Savings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "savings.json").write_text(savings.to_json())
        back = Savings.from_disk(Path(folder))
    assert back.to_json() == savings.to_json()
    column, again = savings.columns[0], back.columns[0]
    assert again.routers[0].against[0].ratio == column.routers[0].against[0].ratio
    assert again.mark is not None
    assert column.mark is not None
    assert again.mark.cost == pytest.approx(column.mark.cost, rel=1e-15), "USD per query again"


@st.composite
def records(draw: Any) -> CellRecord:
    weights, instances = 3, draw(st.integers(1, 3))
    curve = draw(curves())
    along = Along(
        cost=draw(arrays(np.float64, weights, elements=costs)),
        utility=draw(arrays(np.float64, weights, elements=shares)),
        share=draw(arrays(np.float64, (weights, len(MODELS)), elements=shares)),
        choices=draw(st.none() | arrays(np.int16, (weights, instances), elements=st.integers(0, 1))),
    )
    return CellRecord(
        cell=Cell(test=draw(texts), router=draw(st.none() | texts), parameters=draw(facts), seed=draw(counts)),
        name=draw(texts),
        kind=draw(st.sampled_from(("router", "reference"))),
        metrics={metric: draw(st.none() | figures) for metric in METRIC_NAMES},
        draws=draw(drawn(draw(st.integers(1, 3)))),
        frontier_cost=curve.cost,
        frontier_utility=curve.utility,
        frontier_trade_off=curve.trade_off,
        within=CostRange(low=0.5, high=draw(costs), floor=0.25, best_cost=draw(costs), best_utility=0.75),
        best_single="large",
        models=MODELS,
        instances=instances,
        learned_from=draw(counts),
        along=draw(st.sampled_from((None, along))),
        fusion=draw(st.none() | texts),
        seconds=draw(costs),
    )


@settings(deadline=None, max_examples=40)
@given(results=st.builds(Results, records=st.lists(records(), max_size=2).map(tuple), synthetic=st.booleans()))
def test_any_records_survive_a_round_trip_through_disk_bit_by_bit(results: Results) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_results(results, Path(folder) / "results.parquet")
        back = read_results(Path(folder) / "results.parquet")
    assert results_bytes(back) == results_bytes(results)
    for one, other in zip(results, back, strict=True):
        assert bits(replace(one, cell=Cell(test=""))) == bits(replace(other, cell=Cell(test="")))


@pytest.mark.parametrize(
    ("contradiction", "complaint"),
    [
        ({"value": None}, "needs a reason"),
        ({"value": None, "reason": "why", "low": 0.0, "high": 1.0}, "has no interval"),
        ({"value": 0.5, "low": 0.0}, "two ends or none"),
        ({"value": math.nan}, "NaN"),
        ({"value": 0.5, "low": 0.75, "high": 0.25}, "ends before it begins"),
    ],
)
def test_an_estimate_that_contradicts_itself_cannot_be_made(contradiction: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Estimate(**contradiction)


@pytest.mark.parametrize(
    ("stored", "complaint"),
    [
        ({"value": 1.0, "infinite": ["value"]}, "called infinite and has a number"),
        ({"value": 1.0, "infinite": ["reason"]}, "only value, low and high can be"),
        ({"value": 1.0, "surprise": 1}, "surprise"),
        ({"low": 1.0, "high": 2.0}, "value"),
    ],
)
def test_an_estimate_in_a_file_that_contradicts_itself_is_refused(stored: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TypeAdapter(Estimate).validate_python(stored)


def test_rows_and_slices_that_contradict_themselves_cannot_be_made(result: Callable[..., RunResult]) -> None:
    run = result(categories=True)
    column = run.headline
    part, row = column.whole, column.whole.row("wise")
    curve = row.curves[0]
    shorter = {metric: drawn[1:] for metric, drawn in row.draws.items()}
    refused: list[tuple[str, Callable[[], object]]] = [
        ("expected nauc", lambda: replace(row, metrics={"nauc": row.metrics["nauc"]})),
        ("expected nauc", lambda: replace(row, pareto={})),
        ("only qnc can be infinite", lambda: replace(row, pareto={**row.pareto, "nauc": INFINITY})),
        ("expected draws", lambda: replace(row, draws={"nauc": row.draws["nauc"]})),
        ("as many draws", lambda: replace(row, draws={**row.draws, "qnc": shorter["qnc"]})),
        ("float64", lambda: replace(row, draws={**row.draws, "qnc": row.draws["qnc"].astype(np.float32)})),
        ("one length", lambda: replace(row, curves=(replace(curve, cost=curve.cost[1:]),))),
        ("must ascend", lambda: replace(row, curves=(replace(curve, cost=curve.cost[::-1].copy()),))),
        ("not finite", lambda: replace(row, curves=(replace(curve, utility=curve.utility * np.nan),))),
        ("chosen", lambda: replace(row, chosen={"cost": row.chosen["cost"]})),
        ("kind", lambda: replace(row, kind="model")),  # type: ignore[arg-type]
        ("expected 40 draws of row 'wise'", lambda: replace(part, rows=(replace(row, draws=shorter),))),
        ("two rows 'wise'", lambda: replace(part, rows=(row, row))),
        ("c_min below c_max", lambda: replace(part, c_max=part.c_min)),
        ("'none' is not one of its models", lambda: replace(part, best="none")),
        ("two slices", lambda: replace(column, slices=(column.slices[0], column.slices[0]))),
        ("expected one column for", lambda: replace(run, columns=(column, column))),
        ("at least 1 item", lambda: replace(run, columns=())),
        ("expected 3 curves", lambda: replace(run, seeds=(0, 1, 2))),
        ("different seeds", lambda: replace(run, seeds=(0, 0))),
        ("ends before it begins", lambda: replace(run.differences[0], low=1.0, high=0.0)),
    ]
    for complaint, make in refused:
        with pytest.raises(ValidationError, match=complaint):
            make()


@settings(deadline=None, max_examples=1)
@given(record=records())
def test_records_that_contradict_themselves_cannot_be_made(record: CellRecord) -> None:
    along = Along(cost=np.ones(3), utility=np.ones(3), share=np.ones((3, 2)))
    refused: list[tuple[str, Callable[[], object]]] = [
        ("expected nauc", lambda: replace(record, metrics={})),
        ("NaN", lambda: replace(record, metrics={**record.metrics, "peak": math.nan})),
        ("needs draws", lambda: replace(record, draws={})),
        ("one length", lambda: replace(record, frontier_cost=np.arange(99.0))),
        ("not one of the models", lambda: replace(record, best_single="medium")),
        ("shares of 2 models", lambda: replace(record, along=replace(along, share=np.ones((3, 3))))),
        ("at 3 weights", lambda: replace(along, utility=np.ones(2))),
        ("at 3 weights", lambda: replace(along, choices=np.ones((2, 5), dtype=np.int16))),
    ]
    for complaint, make in refused:
        with pytest.raises(ValidationError, match=complaint):
            make()


def test_a_run_that_was_read_without_arrays_is_not_written_over_one_that_has_them(
    result: Callable[..., RunResult], tmp_path: Path
) -> None:
    result().to_disk(tmp_path)
    before = (tmp_path / "draws.parquet").read_bytes()
    with pytest.raises(UsageError, match="without its draws and curves"):
        RunResult.from_disk(tmp_path, arrays=False).to_disk(tmp_path)
    assert (tmp_path / "draws.parquet").read_bytes() == before
    (tmp_path / "curves.parquet").unlink()
    with pytest.raises(DataError, match="no such file"):
        RunResult.from_disk(tmp_path)


def test_a_file_that_lacks_what_follows_from_the_rest_is_refused(
    result: Callable[..., RunResult], tmp_path: Path
) -> None:
    text = result().to_json()
    for key, complaint in (("headline", "headline is missing"), ("decided", "decided is missing")):
        lines = [line for line in text.splitlines() if f'"{key}":' not in line]
        (tmp_path / "results.json").write_text("\n".join(lines).replace(",\n    }", "\n    }"))
        with pytest.raises(DataError, match=complaint):
            RunResult.from_disk(tmp_path, arrays=False)
