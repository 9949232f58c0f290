"""A run's folder is whole, or as it was before."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mmr_core.errors import DataError, MissingExtraError, MMRError, UsageError
from mmr_core.numerics.metrics import frontier
from mmr_core.render import run_files, together
from mmr_core.render.run_files import FILES, RESULTS, write_run
from mmr_core.results.document import document, read_results
from mmr_core.results.model import METRIC_NAMES, RunResult
from mmr_core.results.parquet import read_draws


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def no_plots(*_: object, **__: object) -> None:
    raise MissingExtraError("plots need matplotlib", fix="pip install 'mmr-bench[plots]'")


@pytest.fixture
def quick_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "frontier_figure", lambda *_, **__: None)
    monkeypatch.setattr(run_files, "figure_bytes", lambda _, kind: kind.encode())


def test_a_run_leaves_all_its_files_and_nothing_else(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result()
    out = tmp_path / "runs" / "first"
    written = write_run(run, out)
    assert [path.name for path in written] == list(FILES)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert written[-1].name == RESULTS
    assert read_results(out) == document(run)
    assert (out / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (out / "frontier.svg").read_bytes()


def test_the_same_run_gives_the_same_bytes(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result()
    write_run(run, tmp_path / "a")
    write_run(run, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.usefixtures("quick_plots")
def test_draws_are_all_there_and_exact(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True, categories=True)
    write_run(run, tmp_path)
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


@pytest.mark.usefixtures("quick_plots")
def test_curves_hold_every_seed_and_mark_the_frontier(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result(seeds=3)
    write_run(run, tmp_path)
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


@pytest.mark.usefixtures("quick_plots")
def test_files_for_programs_say_that_data_are_synthetic(result: Callable[..., RunResult], tmp_path: Path) -> None:
    write_run(result(synthetic=True), tmp_path)
    for name in ("draws.parquet", "curves.parquet"):
        assert pq.read_schema(tmp_path / name).metadata[b"mmr.synthetic"] == b"true"
    assert json.loads((tmp_path / RESULTS).read_text())["data"]["synthetic"] is True


def test_without_matplotlib_there_is_one_warning_and_no_old_plot(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = result()
    write_run(run, tmp_path)
    monkeypatch.setattr(run_files, "frontier_figure", no_plots)
    lines: list[str] = []
    written = write_run(run, tmp_path, warn=lines.append)
    assert len(lines) == 1
    assert "pip install 'mmr-bench[plots]'" in lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    assert not list(tmp_path.glob("frontier*"))


@pytest.mark.usefixtures("quick_plots")
@pytest.mark.parametrize("failing", FILES)
def test_a_full_disk_leaves_the_earlier_run_as_it_was(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write_run(result(), tmp_path)
    before = contents(tmp_path)

    def write(path: Path, content: bytes | str) -> None:
        if path.name == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    monkeypatch.setattr(together, "write_atomically", write)
    with pytest.raises(MMRError, match="cannot be written: No space left") as caught:
        write_run(result(seed=1), tmp_path)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("quick_plots")
@pytest.mark.parametrize("failing", FILES)
def test_a_run_that_is_cut_off_while_moving_in_has_no_results_file(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write_run(result(), tmp_path)
    move = os.replace

    def stop(source: Any, target: Any) -> None:
        if Path(target) == tmp_path / failing:
            raise OSError(errno.EIO, "cut off")
        move(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(MMRError, match="cut off"):
        write_run(result(seed=1), tmp_path)
    assert set(contents(tmp_path)) <= set(FILES) - {RESULTS}
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path)


@pytest.mark.usefixtures("quick_plots")
def test_a_file_in_place_of_the_folder_is_named(result: Callable[..., RunResult], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_run(result(), out)
    assert out.read_text() == "mine"
    with pytest.raises(MMRError, match="cannot be written"):
        write_run(result(), out / "below")


@pytest.mark.usefixtures("quick_plots")
def test_draws_that_are_missing_cut_or_foreign_are_named(result: Callable[..., RunResult], tmp_path: Path) -> None:
    path = tmp_path / "draws.parquet"
    with pytest.raises(DataError, match="no such file"):
        read_draws(path, "alpha", "nauc", 40)
    write_run(result(), tmp_path)
    assert len(read_draws(path, "alpha", "nauc", 40)["router", "wise", "nauc"]) == 40
    with pytest.raises(DataError, match=r"has 40 draws where results\.json has 50"):
        read_draws(path, "alpha", "nauc", 50)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="is not a file of draws"):
        read_draws(path, "alpha", "nauc", 40)
    pq.write_table(pq.read_table(tmp_path / "curves.parquet"), path)
    with pytest.raises(DataError, match="is not a file of draws"):
        read_draws(path, "alpha", "nauc", 40)


@pytest.mark.usefixtures("quick_plots")
def test_a_category_named_like_its_dataset_is_not_taken_for_the_whole(
    result: Callable[..., RunResult], tmp_path: Path
) -> None:
    run = result(categories=True)
    column = run.headline
    part = replace(column.slices[0], name=column.dataset)
    write_run(replace(run, columns=(replace(column, slices=(part,)),)), tmp_path)
    draws = read_draws(tmp_path / "draws.parquet", column.dataset, "nauc", 40)
    np.testing.assert_array_equal(draws["router", "wise", "nauc"], column.whole.row("wise").draws["nauc"])
