"""The example on the reference page of results runs, and gives what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.results import METRIC_NAMES, RunResult

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "results.md").read_text()


def test_the_example_of_the_page_runs(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result(routers=("linear", "random")).to_disk(tmp_path / "runs" / "first")
    [source] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    found: dict[str, Any] = {}
    exec(source, found)
    columns = re.search(r"# columns: (.*)$", source, flags=re.MULTILINE)
    assert columns is not None
    assert list(found["figures"].columns) == columns[1].split(", ")
    assert found["skill"].loc["constant", "value"] == 0
    assert found["row"].name == "linear"
    for name in ("results.json", "draws.parquet", "curves.parquet"):
        first, copy = (tmp_path / "runs" / folder / name for folder in ("first", "copy"))
        assert first.read_bytes() == copy.read_bytes()


def test_the_data_frame_has_every_figure_once(result: Callable[..., RunResult]) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True)
    frame = run.to_dataframe()
    assert len(frame) == sum(len(column.whole.rows) for column in run.columns) * len(METRIC_NAMES)
    for line in frame.itertuples():
        column = run.column(line.dataset)
        assert column is not None
        estimate = column.whole.row(line.router).metrics[line.metric]
        np.testing.assert_array_equal(
            [line.value, line.low, line.high],
            [np.nan if end is None else end for end in (estimate.value, estimate.low, estimate.high)],
        )
    sliced = run.to_dataframe(slices=True)
    assert list(sliced.columns) == ["dataset", "slice", "slice_kind", *frame.columns[1:]]
    assert set(sliced[sliced["dataset"] == "everything"]["slice"]) == {"everything", "alpha", "beta"}
