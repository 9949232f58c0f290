"""Results as a Parquet table: everything comes back, and nobody needs this program to read it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmr_core.errors import DataError
from mmr_core.results import CellFailure, cell_key, results_bytes
from mmr_core.studies import Cell, EncoderPair, Results, read_results, write_results


@pytest.fixture
def results(run):
    cells = [
        Cell(test="both"),
        Cell(test="both", router="tilted", keep_choices=True, parameters={"tilt": 0.5}, encoders=EncoderPair(text="x")),
        Cell(test="both", router="tilted", pooled={"tilt": (0.1, 0.2)}, train_share=0.5),
        Cell(test="alpha", router="coin", learn_from=("beta", "gamma"), modality="text", seed=4),
        Cell(test="both", router="raises"),
        Cell(test="both", router="tilted", newcomer="model-1", calibration=2),
    ]
    return run(cells)


def test_what_is_written_is_read_back_exactly(results, tmp_path, assert_equal_records):
    path = tmp_path / "out" / "results.parquet"
    write_results(results, path)
    back = read_results(path)
    assert len(back.records) == len(results.records)
    assert len(back.failures) == 1
    for one, other in zip(results.records, back.records, strict=True):
        assert cell_key(one.cell) == cell_key(other.cell)
        assert one.seconds == other.seconds
        assert_equal_records(dict(vars(one), cell=None, seconds=0), dict(vars(other), cell=None, seconds=0))
    assert back.failures[0].details == results.failures[0].details
    assert (back.synthetic, back.draws) == (results.synthetic, results.draws)
    assert results_bytes(back) == results_bytes(results)


def test_infinite_absent_and_undrawn_figures_stay_what_they_are(results, tmp_path):
    from dataclasses import replace

    record = results.records[0]
    draws = {metric: drawn[:3] for metric, drawn in record.draws.items()} | {"skill": np.array([np.nan, 1.0, np.inf])}
    odd = replace(record, metrics={**record.metrics, "qnc": math.inf, "nauc_log": None}, draws=draws)
    write_results(Results(records=(odd,), synthetic=True, draws=3), tmp_path / "r.parquet")
    back = read_results(tmp_path / "r.parquet")
    assert back.records[0].metrics["qnc"] == math.inf
    assert back.records[0].metrics["nauc_log"] is None
    np.testing.assert_array_equal(back.records[0].draws["skill"], draws["skill"])
    assert back.synthetic


def test_pandas_alone_reads_the_table(results, tmp_path):
    write_results(results, tmp_path / "r.parquet")
    frame = pd.read_parquet(tmp_path / "r.parquet")
    assert len(frame) == len(results.records)
    pooled = results.where(train_share=0.5)[0]
    row = frame[(frame.train_share == 0.5) & (frame.router == "tilted")].iloc[0]
    assert row.nauc == pooled.metrics["nauc"]
    np.testing.assert_array_equal(row.nauc_draws, pooled.draws["nauc"])
    assert row.learn_from.tolist() == ["both"]
    kept = frame[frame.text_encoder == "x"].iloc[0]
    assert np.stack(kept.along_share).shape == (62, 4)
    assert frame[frame.router.isna()].name.tolist()[0] == "oracle"


def test_nothing_measured_is_a_table_too(tmp_path):
    failed = CellFailure(cell=Cell(test="x", parameters={"a": [1, "é"]}), reason="no\n", details="d")
    write_results(Results(records=(), failures=(failed,), draws=7), tmp_path / "r.parquet")
    back = read_results(tmp_path / "r.parquet")
    assert back.records == ()
    assert (back.failures[0].reason, back.draws) == ("no\n", 7)
    assert cell_key(back.failures[0].cell) == cell_key(failed.cell)


def test_a_missing_a_foreign_and_a_damaged_file_are_told_apart(tmp_path, results):
    path = tmp_path / "r.parquet"
    with pytest.raises(DataError, match="no such file"):
        read_results(path)
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="not a table of results"):
        read_results(path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(DataError, match="schema"):
        read_results(path)
    write_results(results, path)
    whole = pq.read_table(path)
    kinds = pa.array(["neither"] * len(whole), pa.string())
    for damaged in (whole.drop(["nauc"]), whole.set_column(whole.schema.get_field_index("kind"), "kind", kinds)):
        pq.write_table(damaged, path)
        with pytest.raises(DataError, match=r"not a whole table of results \(.*(nauc|kind)"):
            read_results(path)


def test_a_failed_write_leaves_the_old_table(results, tmp_path, monkeypatch):
    path = tmp_path / "r.parquet"
    write_results(results, path)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    from mmr_core.errors import MMRError

    with pytest.raises(MMRError, match="No space left"):
        write_results(Results(records=()), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.glob("r*")] == ["r.parquet"]
    assert not list(tmp_path.glob(".*.tmp"))
