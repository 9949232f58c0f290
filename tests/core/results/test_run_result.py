"""results.json holds a whole run, without a number that JSON does not know, and reads back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.results import METRIC_NAMES, Estimate, RunResult, json_schema

INFINITY = float("inf")


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"JSON holds {constant}")


def with_metric(run: RunResult, metric: str, estimate: Estimate) -> RunResult:
    """The run with one estimate of the headline's first row replaced."""
    column = run.headline
    row = column.whole.rows[0]
    row = replace(row, metrics={**row.metrics, metric: estimate}, pareto={**row.pareto, metric: estimate.value})
    whole = replace(column.whole, rows=(row, *column.whole.rows[1:]))
    return replace(run, columns=(replace(column, whole=whole), *run.columns[1:]))


def read(path: Path) -> RunResult:
    return RunResult.from_disk(path, arrays=False)


def test_a_run_reads_back_as_it_was_written(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True, categories=True)
    path = tmp_path / "results.json"
    path.write_text(run.to_json())
    assert read(path).to_json() == run.to_json()
    assert read(tmp_path).to_dict() == run.to_dict(), "the folder names the file too"
    assert json.loads(run.to_json()) == run.to_dict()


def test_the_file_is_complete(result: Callable[..., RunResult]) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True, categories=True)
    made = run.to_dict()
    assert (made["schema_version"], made["protocol"]) == (1, "paper")
    assert made["headline"] == "everything"
    assert made["versions"] == run.versions
    assert made["data"]["digest"] == run.data.digest
    assert [entry["canonical_id"] for entry in made["lineup"]] == ["mmr-test/wise", "mmr-test/dull", "mmr-test/random"]
    assert {name: made["intervals"][name] for name in ("level", "draws", "draw_seed")} == {
        "level": 0.95,
        "draws": 40,
        "draw_seed": 0,
    }
    assert made["seeds"] == [0, 1]
    assert len(made["differences"]) == len(run.differences)
    assert [pair["decided"] for pair in made["differences"]] == [pair.decided for pair in run.differences]
    assert [macro["name"] for macro in made["macros"]] == [macro.name for macro in run.macros]
    column, of_run = made["columns"][0], run.columns[0]
    assert (column["train"], column["validation"], column["test"]) == (20, 4, of_run.whole.instances + 2)
    assert column["left_out"][0]["models"] == {"model-0": 2}
    assert column["split_digest"] == "split of alpha"
    assert column["features"] == {"encoder": "lite", "width": 64, "parameters": {"ngrams": [1, 2]}}
    assert column["skipped"] == {"tiny": "all models cost the same on average"}
    assert column["failures"][0]["traceback"] == "Traceback ..."
    assert [timing["router"] for timing in column["timings"]] == ["wise", "dull", "random"]
    assert len(column["slices"]) == len(of_run.slices) > 1
    assert (column["whole"]["c_min"], column["whole"]["c_max"]) == (of_run.whole.within.low, of_run.whole.within.high)
    assert [model["name"] for model in column["whole"]["models"]] == list(run.data.models)
    row, of_row = column["whole"]["rows"][0], of_run.whole.rows[0]
    assert list(row["metrics"]) == list(METRIC_NAMES)
    for metric in METRIC_NAMES:
        assert row["metrics"][metric]["low"] == of_row.metrics[metric].low
    assert row["pareto"]["nauc"] == of_row.pareto["nauc"]
    assert list(row["chosen"]) == ["utility", "cost", "trade_off"]
    assert row["chosen"]["cost"]["value"] == of_row.chosen["cost"].value
    assert column["whole"]["rows"][-1]["chosen"] is None
    assert "draws" not in row
    assert "curves" not in row


@pytest.mark.parametrize(
    "estimate",
    [
        Estimate(value=INFINITY, low=0.75, high=INFINITY),
        Estimate(value=INFINITY, low=INFINITY, high=INFINITY),
        Estimate(value=0.5, low=0.25, high=INFINITY),
        Estimate(value=None, reason="nothing to say"),
        Estimate(value=0.1 + 0.2, low=1e-300, high=1 / 3),
    ],
)
def test_infinity_is_null_in_json_and_infinity_again_when_read(
    result: Callable[..., RunResult], tmp_path: Path, estimate: Estimate
) -> None:
    text = with_metric(result(), "qnc", estimate).to_json()
    row = json.loads(text, parse_constant=refuse)["columns"][0]["whole"]["rows"][0]
    reached = None if estimate.value is None else estimate.value != INFINITY
    assert row["qnc_reached"] is reached
    assert row["pareto"]["qnc_reached"] is reached
    if estimate.value == INFINITY:
        assert row["metrics"]["qnc"]["value"] is None
        assert row["pareto"]["qnc"] is None
    (tmp_path / "results.json").write_text(text)
    found = read(tmp_path).columns[0].whole.rows[0]
    assert found.metrics["qnc"] == estimate
    assert found.pareto["qnc"] == estimate.value


def test_what_plugins_state_about_themselves_becomes_json_whatever_it_is(result: Callable[..., RunResult]) -> None:
    run = result()
    parameters = {
        "path": Path("weights.bin"),
        "limit": INFINITY,
        "rate": np.float32(0.5),
        "sizes": np.arange(2),
        "names": {"b", "a"},
        "object": ValueError("odd"),
        3: None,
    }
    run = replace(run, lineup=(replace(run.lineup[0], parameters=parameters),))
    stated = json.loads(run.to_json(), parse_constant=refuse)["lineup"][0]["parameters"]
    assert stated == {
        "path": "weights.bin",
        "limit": "inf",
        "rate": 0.5,
        "sizes": [0, 1],
        "names": ["a", "b"],
        "object": "odd",
        "3": None,
    }


def test_the_json_schema_explains_its_fields() -> None:
    schema = json_schema()
    assert schema["properties"]["schema_version"]["const"] == 1
    assert schema["additionalProperties"] is False
    assert "+infinity" in schema["$defs"]["Estimate"]["properties"]["infinite"]["description"]
    row = schema["$defs"]["Row"]
    assert row["properties"].keys() == {"name", "kind", "metrics", "qnc_reached", "pareto", "chosen"}
    assert tuple(row["properties"]["metrics"]["properties"]) == METRIC_NAMES
    assert all(figure["description"] for figure in row["properties"]["metrics"]["properties"].values())


def changed(text: str, **fields: Any) -> str:
    return json.dumps({**json.loads(text), **fields})


def test_files_that_are_no_results_are_refused_in_one_line(result: Callable[..., RunResult], tmp_path: Path) -> None:
    text = result().to_json()
    path = tmp_path / "results.json"

    def complaint(content: str) -> str:
        path.write_text(content)
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "not JSON" in complaint("{")
    assert "not JSON" in complaint('{"schema_version": NaN}')
    assert "not JSON" in complaint("\0\xff")
    assert "not a results file" in complaint("[1, 2]")
    assert "not a results file" in complaint('{"results": {}}')
    assert "schema version 2" in complaint(changed(text, schema_version=2))
    assert "protocol 'authors'" in complaint(changed(text, protocol="authors"))
    assert "at seeds" in complaint(changed(text, seeds="none"))
    assert "at surprise" in complaint(changed(text, surprise=1))


def test_a_row_that_contradicts_itself_is_refused(result: Callable[..., RunResult], tmp_path: Path) -> None:
    content = json.loads(result().to_json())
    row = content["columns"][0]["whole"]["rows"][0]
    row["qnc_reached"] = not row["qnc_reached"]
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="disagree"):
        read(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.json").mkdir()
    with pytest.raises(DataError, match=r"results\.json: cannot be read"):
        read(tmp_path)


def test_a_missing_file_says_what_to_name_instead(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mmr run --out"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"no such file"):
        read(tmp_path / "nowhere")
