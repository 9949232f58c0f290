"""Running cells: each once, failures apart, and the same numbers wherever they are measured."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from mmr_core.errors import MissingExtraError, PluginError, UsageError
from mmr_core.results import cell_key
from mmr_core.studies import Cell, Results, read_results

SCRIPT = """
import pickle, random, sys
from pathlib import Path

import study_toys

from mmr_core.runner.options import Options
from mmr_core.features import EncodedFeatures
from mmr_core.studies import run_cells, write_results

cells, setting, jobs, cache, out, order = pickle.loads(Path(sys.argv[1]).read_bytes())
random.Random(order).shuffle(cells) if order is not None else None
encoder = study_toys.Lengths()
results = run_cells(
    cells, setting, source_for=lambda pair: EncodedFeatures(text_encoder=encoder, image_encoder=encoder),
    options=Options(draws=20), jobs=jobs, cache=cache,
)
write_results(results, out)
"""

GRID = [
    Cell(test="both"),
    Cell(test="both", router="tilted"),
    Cell(test="both", router="coin"),
    Cell(test="alpha", router="tilted", learn_from=("beta",), seed=2),
    Cell(test="both", router="tilted", pooled={"tilt": (0.1, 0.3)}),
    Cell(test="alpha", router="raises"),
    Cell(test="gamma", router="tilted", newcomer="model-1", calibration=3, keep_choices=True),
]


@pytest.fixture
def started(tmp_path, setting, plugin_folder, monkeypatch):
    """A function that starts a process which runs cells and writes `out`."""
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder), prepend=":")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(cells, *, out, jobs=1, cache=None, order=None):
        wanted = tmp_path / f"{out.name}.pickle"
        wanted.write_bytes(pickle.dumps((list(cells), setting, jobs, cache, out, order)))
        return subprocess.Popen(
            [sys.executable, str(script), str(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def logged(tmp_path):
    """Cells that write down each fit, and a function that says how often each was fitted."""
    log = tmp_path / "fits.txt"
    cells = [Cell(test="both", router="tilted", parameters={"tilt": k / 8, "log": str(log)}) for k in range(6)]

    def fits():
        lines = log.read_text().splitlines() if log.exists() else []
        return {line: lines.count(line) for line in lines}

    return cells, fits


def test_cells_that_say_the_same_are_measured_once_in_the_order_of_their_first_mention(run, logged):
    cells, fits = logged
    again = replace(cells[2], parameters=dict(reversed(cells[2].parameters.items())))
    results = run([cells[2], Cell(test="alpha"), cells[0], again, cells[2]])
    assert fits() == {"0.25": 1, "0.0": 1}
    names = [(r.cell.test, r.name) for r in results.records]
    assert names[0] == names[-1] == ("both", "tilted")
    assert names[1:-1] == [
        ("alpha", name)
        for name in (
            "oracle",
            "oracle-cost-unaware",
            "constant",
            "best-single",
            *(f"model:model-{j}" for j in range(4)),
        )
    ]


def test_a_cell_that_raises_fails_alone(run):
    results = run(GRID)
    (failed,) = results.failures
    assert failed.cell.router == "raises"
    assert failed.reason == "SystemExit: giving up"
    assert "Traceback" in failed.details
    assert {cell_key(r.cell) for r in results.records} == {cell_key(c) for c in GRID if c.router != "raises"}


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (Cell(test="nowhere"), "unknown dataset 'nowhere'"),
        (Cell(test="alpha", router="titled"), "unknown router 'titled'"),
        (Cell(test="alpha", router="tilted", parameters={"tlit": 1}), "no parameter 'tlit'"),
        (Cell(test="alpha", router="tilted", learn_from=("nowhere",)), "unknown dataset 'nowhere'"),
        (Cell(test="alpha", router="tilted", newcomer="gpt"), "no model 'gpt'"),
        (Cell(test="alpha", router="tilted", modality="image"), "no training instance has a feature"),
        (Cell(test="alpha", router="oracle"), "'oracle'"),
    ],
)
def test_what_cannot_be_meant_is_a_failure_with_its_reason(run, tmp_path, cell, reason, cached):
    results = run([cell, Cell(test="alpha", router="coin")], cache=tmp_path / "cells" if cached else None)
    assert len(results.records) == 1
    assert reason in results.failures[0].reason


def test_a_degenerate_column_fails_with_that_reason_and_the_others_go_on(run, setting):
    table = setting.table
    cost = table.cost.copy()
    cost[table.dataset == "alpha"] = 1.0
    results = run(
        [*GRID[:2], Cell(test="alpha"), Cell(test="alpha", router="coin")],
        on=replace(setting, table=replace(table, cost=cost)),
    )
    assert len(results.failures) == 2
    assert all("cost the same" in failure.reason for failure in results.failures)
    assert {r.cell.test for r in results.records} == {"both"}


def test_references_need_no_features(run):
    def broken(pair):
        raise RuntimeError("no weights")

    results = run([Cell(test="alpha"), Cell(test="alpha", router="coin")], source_for=broken)
    assert len(results.records) == 8
    assert results.failures[0].reason == "RuntimeError: no weights"


def test_progress_counts_every_cell(run, tmp_path):
    seen = []
    for _ in range(2):
        seen.clear()
        run(GRID, cache=tmp_path / "cells", progress=lambda what, done, total: seen.append((done, total)))
        assert seen == [(done, len(GRID)) for done in range(len(GRID) + 1)]


def test_no_cell_is_no_result(run):
    assert run([]).records == ()


def test_no_process_is_refused(run):
    with pytest.raises(UsageError, match="processes"):
        run(GRID, jobs=0)


def test_two_processes_give_the_numbers_of_one(run, started, tmp_path, assert_equal_records):
    process = started(GRID, out=tmp_path / "two.parquet", jobs=2)
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    assert_same_results(run(GRID), read_results(tmp_path / "two.parquet"), assert_equal_records)


def assert_same_results(one: Results, other: Results, assert_equal_records) -> None:
    assert [cell_key(r.cell) for r in one.records] == [cell_key(r.cell) for r in other.records]
    for a, b in zip(one.records, other.records, strict=True):
        assert_equal_records(a, replace(b, cell=a.cell))
    assert [(cell_key(f.cell), f.reason) for f in one.failures] == [
        (cell_key(f.cell), f.reason) for f in other.failures
    ]


def test_a_killed_run_repeats_nothing_that_it_finished(run, started, logged, tmp_path, monkeypatch):
    cells, fits = logged
    monkeypatch.setenv("TOY_HANGS_AT", "0.5")
    process = started(cells, out=tmp_path / "never.parquet", cache=tmp_path / "cells")
    assert process.stdout.readline() == "hanging\n"
    process.kill()
    process.wait()
    assert fits() == {"0.0": 1, "0.125": 1, "0.25": 1, "0.375": 1, "0.5": 1}
    monkeypatch.delenv("TOY_HANGS_AT")
    results = run(cells, cache=tmp_path / "cells")
    assert len(results.records) == len(cells)
    assert fits() == {"0.0": 1, "0.125": 1, "0.25": 1, "0.375": 1, "0.5": 2, "0.625": 1}
    run(cells, cache=tmp_path / "cells")
    assert sum(fits().values()) == 7


def test_two_runs_share_a_cache_at_once(run, started, logged, tmp_path, assert_equal_records):
    cells, fits = logged
    outs = [tmp_path / f"{order}.parquet" for order in range(2)]
    processes = [started(cells, out=out, cache=tmp_path / "cells", order=k) for k, out in enumerate(outs)]
    assert [process.wait() for process in processes] == [0, 0]
    before = sum(fits().values())
    third = run(cells, cache=tmp_path / "cells")
    assert sum(fits().values()) == before
    for out in outs:
        found = {cell_key(record.cell): record for record in read_results(out).records}
        for record in third.records:
            assert_equal_records(record, replace(found[cell_key(record.cell)], cell=record.cell))
    assert len(list((tmp_path / "cells").rglob("*.cell"))) == len(cells)
    assert not list((tmp_path / "cells").rglob("*.tmp"))


@pytest.mark.slow
def test_a_cluster_gives_the_numbers_of_one_process(run, tmp_path, assert_equal_records):
    distributed = pytest.importorskip("distributed")
    alone = run(GRID)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        assert_same_results(alone, run(GRID, cluster=address, cache=tmp_path / "cells"), assert_equal_records)
        kept = run(GRID, cache=tmp_path / "cells")
        assert [r.seconds for r in kept.records] != [r.seconds for r in alone.records]
        assert_same_results(alone, kept, assert_equal_records)


def test_an_address_that_does_not_answer_is_told(run, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("mmr_core.runner.executor.ANSWER_WITHIN", "200ms")
    with pytest.raises(UsageError, match=r"tcp://127.0.0.1:1: no Dask scheduler answers"):
        run(GRID, cluster="tcp://127.0.0.1:1")
    for address in ("nonsense", "nonsense://x", "nonsense://x:1", "127.0.0.1", "tcp://", ""):
        with pytest.raises(UsageError, match=r"not the address of a Dask scheduler.*start one with 'dask scheduler'"):
            run(GRID, cluster=address)


def test_a_scheduler_without_workers_is_told(run, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("mmr_core.runner.executor.ANSWER_WITHIN", "200ms")
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="tcp://") as cluster,
        pytest.raises(UsageError, match="has no workers"),
    ):
        run(GRID, cluster=cluster.scheduler_address)


def test_a_worker_with_other_code_is_refused(run, monkeypatch):
    """The workers live in this process, so what they run is what this process makes them run."""
    distributed = pytest.importorskip("distributed")
    from mmr_core.runner import executor as crew

    answers = iter(["ours"])
    monkeypatch.setattr(crew, "code_digest", lambda package: next(answers, "theirs"))
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None, protocol="tcp://") as cluster,
        pytest.raises(UsageError, match="has another version"),
    ):
        run(GRID, cluster=cluster.scheduler_address)


def test_a_cluster_without_dask_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mmr-bench\[cluster\]'"):
        run(GRID, cluster="tcp://127.0.0.1:8786")


def test_a_process_that_dies_is_told(started, tmp_path, plugin_folder):
    toys = plugin_folder / "study_toys.py"
    toys.write_text(toys.read_text().replace('raise SystemExit("giving up")', "os._exit(3)"))
    process = started([Cell(test="alpha", router="raises")], out=tmp_path / "never.parquet", jobs=2)
    _, said = process.communicate()
    assert process.returncode == 1
    assert f"{PluginError.__name__}: measuring cells: a process died" in said
    assert not (tmp_path / "never.parquet").exists()
