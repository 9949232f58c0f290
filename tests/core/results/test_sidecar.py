"""Draws and curves are kept exactly, in long tables that need nothing of ours to be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mmr_core.errors import DataError
from mmr_core.numerics.metrics import frontier
from mmr_core.results import METRIC_NAMES, Row, RunResult, read_draws
from mmr_core.results.sidecar import Place, read_curves

Make = Callable[..., RunResult]
WISE = Place("alpha", "alpha", "dataset", "wise", "router")


def assert_same_arrays(one: Row, other: Row) -> None:
    assert one.draws.keys() == other.draws.keys()
    for metric, drawn in one.draws.items():
        assert drawn.tobytes() == other.draws[metric].tobytes()
    assert len(one.curves) == len(other.curves)
    for mine, theirs in zip(one.curves, other.curves, strict=True):
        for axis in ("trade_off", "cost", "utility"):
            assert getattr(mine, axis).tobytes() == getattr(theirs, axis).tobytes()


def test_draws_are_all_there_and_exact(result: Make, tmp_path: Path) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True, categories=True)
    run.to_disk(tmp_path)
    table = pq.read_table(tmp_path / "draws.parquet").to_pandas()
    keys = ["dataset", "slice", "slice_kind", "row", "kind", "metric"]
    assert list(table.columns) == [*keys, "draw", "value"]
    stored = {key: group["value"].to_numpy() for key, group in table.groupby(keys, observed=True)}
    parts = [(column, part) for column in run.columns for part in (column.whole, *column.slices)]
    for column, part in parts:
        for row in part.rows:
            for metric in METRIC_NAMES:
                own = stored.pop((column.dataset, part.name, part.kind, row.name, row.kind, metric))
                np.testing.assert_array_equal(own, row.draws[metric])
    assert not stored


def test_curves_hold_every_seed_and_mark_the_frontier(result: Make, tmp_path: Path) -> None:
    run = result(seeds=3)
    run.to_disk(tmp_path)
    table = pq.read_table(tmp_path / "curves.parquet").to_pandas()
    whole = run.headline.whole
    row = whole.row("wise")
    for seed, curve in enumerate(row.curves):
        own = table[(table["row"] == "wise") & (table["seed"] == seed)]
        np.testing.assert_array_equal(own["cost"], curve.cost)
        np.testing.assert_array_equal(own["utility"], curve.utility)
        np.testing.assert_array_equal(own["trade_off"], curve.trade_off)
        corners = own[own["on_frontier"]]
        alone = frontier(corners["cost"].to_numpy(), corners["utility"].to_numpy(), whole.within)
        every = frontier(curve.cost, curve.utility, whole.within)
        assert np.interp(every.cost, alone.cost, alone.utility) == pytest.approx(every.utility)
    assert table[table["row"] == "oracle"]["seed"].isna().all()


def test_files_for_programs_say_that_data_are_synthetic(result: Make, tmp_path: Path) -> None:
    result(synthetic=True).to_disk(tmp_path)
    for name in ("draws.parquet", "curves.parquet"):
        assert pq.read_schema(tmp_path / name).metadata[b"mmr.synthetic"] == b"true"
    assert RunResult.from_disk(tmp_path).data.synthetic


def test_a_run_comes_back_with_every_draw_and_curve(result: Make, tmp_path: Path) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True, categories=True, seeds=3)
    run.to_disk(tmp_path)
    back = RunResult.from_disk(tmp_path)
    assert back.to_json() == run.to_json()
    for column, again in zip(run.columns, back.columns, strict=True):
        for part, same in zip((column.whole, *column.slices), (again.whole, *again.slices), strict=True):
            for row, restored in zip(part.rows, same.rows, strict=True):
                assert_same_arrays(row, restored)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    back.to_disk(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_draws_that_are_missing_cut_or_foreign_are_named(result: Make, tmp_path: Path) -> None:
    path = tmp_path / "draws.parquet"
    with pytest.raises(DataError, match="no such file"):
        read_draws(path)
    result().to_disk(tmp_path)
    assert len(read_draws(path, dataset="alpha", metric="nauc")[WISE]["nauc"]) == 40
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(DataError, match="are missing"):
        read_draws(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="is not a file of draws"):
        read_draws(path)
    pq.write_table(pq.read_table(tmp_path / "curves.parquet"), path)
    for wanted in ({}, {"metric": "nauc"}):
        with pytest.raises(DataError, match="is not a file of draws"):
            read_draws(path, **wanted)
    pq.write_table(table, path)
    with pytest.raises(DataError, match="is not a file of curves"):
        read_curves(path)


def test_a_run_whose_arrays_are_of_another_run_is_refused(result: Make, tmp_path: Path) -> None:
    result().to_disk(tmp_path)
    result(routers=("other", "random")).to_disk(tmp_path / "other")
    (tmp_path / "other" / "draws.parquet").rename(tmp_path / "draws.parquet")
    with pytest.raises(DataError, match=r"draws\.parquet or curves\.parquet beside it belongs to another run"):
        RunResult.from_disk(tmp_path)


def test_a_category_named_like_its_dataset_is_not_taken_for_the_whole(result: Make, tmp_path: Path) -> None:
    run = result(categories=True)
    column = run.headline
    part = replace(column.slices[0], name=column.dataset)
    replace(run, columns=(replace(column, slices=(part,)),)).to_disk(tmp_path)
    draws = read_draws(tmp_path / "draws.parquet", dataset=column.dataset, metric="nauc")
    np.testing.assert_array_equal(draws[WISE]["nauc"], column.whole.row("wise").draws["nauc"])
