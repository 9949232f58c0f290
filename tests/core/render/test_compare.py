"""`mmr compare`: differences in pairs on the same draws, and a refusal where draws are not the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mmr_core.cli.compare import compare, paired_metric
from mmr_core.errors import DataError, UnknownNameError, UsageError
from mmr_core.numerics.bootstrap import interval
from mmr_core.render import run_files
from mmr_core.render.run_files import write_run
from mmr_core.results import PAIRED_METRICS, RunResult
from mmr_core.results.paired import Comparison, compare_runs, open_runs


@pytest.fixture(autouse=True)
def quick_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "frontier_figure", lambda *_, **__: None)
    monkeypatch.setattr(run_files, "figure_bytes", lambda _, kind: kind.encode())


@pytest.fixture
def write(result: Callable[..., RunResult], tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a run into a folder of that name, and gives the folder."""

    def put(folder: str, **options: object) -> Path:
        write_run(result(**options), tmp_path / folder)
        return tmp_path / folder

    return put


def compared(*folders: Path, metric: str = "nauc", **options: object) -> Comparison:
    return compare_runs(open_runs(folders), metric=metric, **options)  # type: ignore[arg-type]


def called(*words: str | Path) -> str:
    """What the command prints on stdout; errors pass through."""
    app = typer.Typer()
    app.command()(compare)
    outcome = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False, env={"COLUMNS": "80"})
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def labels(comparison: Comparison) -> list[str]:
    return [entry.label for entry in comparison.entries]


@pytest.mark.parametrize("metric", PAIRED_METRICS)
def test_differences_are_those_of_the_run_itself(result: Callable[..., RunResult], tmp_path: Path, metric: str) -> None:
    run = result(routers=("wise", "dull", "worse"))
    write_run(run, tmp_path)
    made = {frozenset((d.first, d.second)): d for d in compared(tmp_path, metric=metric).differences}
    own = {frozenset((d.first, d.second)): d for d in run.differences if d.metric == metric}
    assert made.keys() == own.keys()
    for pair, difference in made.items():
        assert (difference.value, difference.low, difference.high) == (own[pair].value, own[pair].low, own[pair].high)
        assert difference.value >= 0


def test_routers_of_several_runs_are_paired_on_the_same_draws(result: Callable[..., RunResult], tmp_path: Path) -> None:
    one, other = result(routers=("wise", "dull")), result(routers=("newcomer",))
    write_run(one, tmp_path / "one")
    write_run(other, tmp_path / "other")
    comparison = compared(tmp_path / "one", tmp_path / "other")
    assert set(labels(comparison)) == {"wise", "dull", "newcomer"}
    assert len(comparison.differences) == 3
    draws = {row.name: row.draws["nauc"] for run in (one, other) for row in run.headline.whole.rows}
    for difference in comparison.differences:
        assert (difference.low, difference.high) == interval(draws[difference.first] - draws[difference.second])


def test_names_that_clash_carry_their_run(write: Callable[..., Path]) -> None:
    folders = write("first", routers=("wise", "dull")), write("second", routers=("dull",))
    comparison = compared(*folders)
    assert set(labels(comparison)) == {"wise", "first:dull", "second:dull"}


def test_runs_of_one_folder_name_are_told_apart_by_more_of_their_paths(write: Callable[..., Path]) -> None:
    comparison = compared(write("a/out", routers=("wise",)), write("b/out", routers=("wise",)))
    assert set(labels(comparison)) == {"a/out:wise", "b/out:wise"}
    same = comparison.differences[0]
    assert (same.value, same.low, same.high, same.decided) == (0.0, 0.0, 0.0, False)


def test_routers_and_references_can_be_chosen(write: Callable[..., Path]) -> None:
    folders = write("one", routers=("wise", "dull")), write("two", routers=("dull",))
    assert labels(compared(*folders, routers=["constant", "oracle", "wise"]))[0] == "oracle"
    assert len(labels(compared(*folders, routers=["constant", "oracle", "wise"]))) == 3
    assert set(labels(compared(*folders, routers=["dull"]))) == {"one:dull", "two:dull"}
    assert set(labels(compared(*folders, routers=["two:dull", "one:wise"]))) == {"two:dull", "wise"}


def test_an_unknown_router_is_answered_with_the_closest_names(write: Callable[..., Path]) -> None:
    folder = write("one")
    with pytest.raises(UnknownNameError, match="no run has a router 'wisse', did you mean 'wise'"):
        compared(folder, routers=["wisse", "dull"])


def test_one_router_alone_is_nothing_to_compare(write: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="only wise to compare"):
        compared(write("one"), routers=["wise"])


def test_a_decided_difference_is_one_whose_interval_excludes_zero(write: Callable[..., Path]) -> None:
    folder = write("one", routers=("wise", "dull", "random"), instances=300)
    for difference in compared(folder, routers=["wise", "random", "oracle", "constant"]).differences:
        assert difference.decided == (not difference.low <= 0 <= difference.high)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"digest": "another"}, "table digest (digest of the table, another)"),
        ({"price_sheet": "2026-01"}, "price sheet (none, 2026-01)"),
        ({"draws": 50}, "number of draws (40, 50)"),
        ({"draw_seed": 7}, "draw seed (0, 7)"),
        ({"draw_seed": 7, "digest": "another"}, "another) and draw seed"),
    ],
)
def test_runs_that_differ_in_what_they_measured_are_refused(
    write: Callable[..., Path], options: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        compared(write("one"), write("two", **options))
    assert said in str(caught.value)
    assert "runs 'one' and 'two' differ in" in str(caught.value)


def test_runs_on_another_split_are_refused(
    result: Callable[..., RunResult], write: Callable[..., Path], tmp_path: Path
) -> None:
    run = result()
    moved = replace(run, columns=(replace(run.columns[0], split_digest="another"),))
    write_run(moved, tmp_path / "two")
    with pytest.raises(UsageError, match="split digest"):
        compared(write("one"), tmp_path / "two")


def test_a_dataset_that_only_one_run_has_is_refused(write: Callable[..., Path]) -> None:
    both, one = write("both", datasets=("alpha", "beta")), write("one", datasets=("alpha",))
    with pytest.raises(UsageError, match=r"run 'one' has no results on dataset 'beta'.*it has alpha"):
        compared(both, one, dataset="beta")
    with pytest.raises(UsageError, match="has no results on dataset 'gamma'"):
        compared(both, dataset="gamma")


def test_the_headline_is_compared_unless_a_dataset_is_named(write: Callable[..., Path]) -> None:
    folder = write("one", datasets=("alpha", "beta"), mixture=True)
    assert compared(folder).dataset == "everything"
    assert compared(folder, dataset="beta").dataset == "beta"


def test_a_run_given_twice_or_not_at_all_is_refused(write: Callable[..., Path]) -> None:
    folder = write("one")
    with pytest.raises(UsageError, match="given twice"):
        open_runs([folder, folder.parent / "x" / ".." / "one"])
    with pytest.raises(UsageError, match="no run"):
        open_runs([])


def test_a_folder_without_a_finished_run_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"results\.json is the last file of a finished run"):
        open_runs([tmp_path])
    folder = write("one")
    (folder / "draws.parquet").unlink()
    with pytest.raises(DataError, match=r"draws\.parquet: there is no such file"):
        compared(folder)


def test_draws_of_another_run_are_refused(write: Callable[..., Path]) -> None:
    one, other = write("one", routers=("wise", "dull")), write("other", routers=("worse",))
    (one / "draws.parquet").write_bytes((other / "draws.parquet").read_bytes())
    with pytest.raises(DataError, match="has 0 draws of row 'wise' on 'alpha'"):
        compared(one)


def test_qnc_cannot_be_compared(write: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="metric 'qnc' cannot be compared"):
        compared(write("one"), metric="qnc")
    assert [paired_metric(name) for name in PAIRED_METRICS] == list(PAIRED_METRICS)
    with pytest.raises(typer.BadParameter, match="'qnc' is not one of nauc, "):
        paired_metric("qnc")


def test_a_router_without_a_figure_is_listed_and_not_paired(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result(costs=[0, 1, 2], routers=("wise", "dull"))
    write_run(run, tmp_path)
    comparison = compared(tmp_path, metric="nauc_log")
    assert len(comparison.entries) == 2
    assert comparison.differences == ()


def test_the_command_prints_every_pair_and_whether_it_is_decided(write: Callable[..., Path]) -> None:
    text = called(write("one", routers=("wise", "[bold]x", "random"), synthetic=True))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    for pair in ("wise − [bold]x", "wise − random", "[bold]x − random"):
        line = next(line for line in lines if line.startswith(pair))
        assert line.rstrip().endswith("decided")
    assert "nAUC on alpha (synthetic)" in text


def test_the_command_prints_json_and_nothing_else(write: Callable[..., Path]) -> None:
    folders = write("one", datasets=("alpha", "beta")), write("two", datasets=("alpha", "beta"), routers=("dull",))
    made = json.loads(called(*folders, "--dataset", "beta", "--metric", "peak", "--router", "dull, wise", "--json"))
    assert (made["dataset"], made["metric"], made["draws"], made["synthetic"]) == ("beta", "peak", 40, False)
    assert {router["name"] for router in made["routers"]} == {"one:dull", "two:dull", "wise"}
    assert len(made["differences"]) == 3
    assert all(set(pair) == {"first", "second", "value", "low", "high", "decided"} for pair in made["differences"])
    values = [router["value"] for router in made["routers"]]
    assert values == sorted(values, reverse=True)
    assert np.isfinite(values).all()


def test_importing_the_command_imports_nothing_heavy() -> None:
    check = "import sys, mmr_core.cli.compare; print({'numpy', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules))"
    outcome = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == "set()"
