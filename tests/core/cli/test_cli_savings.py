"""`mmr savings` as a practitioner meets it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmr_core.cli import main

QUICK = ("--router", "kmeans,linear", "--draws", "20", "--jobs", "1")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def logs(tmp_path) -> Callable[..., Path]:
    """A function that writes a small text-only table of two models, without costs where told, and gives its folder."""

    def write(*, costs: bool = True) -> Path:
        folder = tmp_path / "logs"
        folder.mkdir()
        rng = np.random.default_rng(0)
        with open(folder / "MMR_Bench.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["dataset_idx", "question", "answer", "A_correct", "A_cost", "B_correct", "B_cost"])
            for i in range(300):
                hard = bool(rng.random() < 0.5)
                question = "Prove that the series converges uniformly." if hard else "What is 2 + 2?"
                right = [int(rng.random() < (0.1 if hard else 0.95)), int(rng.random() < 0.95)]
                prices = [1e-6, 1e-4] if costs else ["", ""]
                writer.writerow([f"GSM8K_{i}", question, "4", right[0], prices[0], right[1], prices[1]])
        return folder

    return write


def test_a_text_only_table_gets_its_page_and_its_files(logs, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["savings", str(logs()), "--out", str(out), "--every-model", *QUICK]) == 0
    printed = capsys.readouterr()
    assert "Best single model: B" in printed.out
    assert "Recommended: router" in printed.out
    assert "the best case against A" in printed.out
    assert "wrote" in printed.err
    assert {path.name for path in out.iterdir()} == {f"savings.{kind}" for kind in ("md", "csv", "png", "svg", "json")}
    document = json.loads((out / "savings.json").read_text())
    (column,) = document["columns"]
    assert column["best"] == "B"
    saved = (
        1 - next(r for r in column["routers"] if r["name"] == column["recommended"])["chosen"]["cost"]["ratio"]["value"]
    )
    assert 0.2 < saved < 0.7


def test_json_is_all_that_is_printed(logs, capsys):
    assert main(["savings", str(logs()), "--json", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "savings"


def test_a_table_without_costs_gets_one_line_that_says_what_to_do(logs, capsys):
    assert main(["savings", str(logs(costs=False)), *QUICK]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(lines) == 1
    assert "no cost of any model is known" in lines[0]
    assert "mmr data reprice" in lines[0]


def test_datasets_can_be_named(logs, capsys):
    assert main(["savings", str(logs()), "--dataset", "gsm8k", *QUICK]) == 0
    assert "GSM8K" in capsys.readouterr().out
    assert main(["savings", "nowhere", *QUICK]) == 1
    assert "there is no such file or folder" in capsys.readouterr().err


def test_a_file_is_no_place_for_results(logs, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert main(["savings", str(logs()), "--out", str(tmp_path / "out"), *QUICK]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.slow
def test_the_numbers_do_not_depend_on_the_number_of_processes(logs, capsys):
    folder, printed = str(logs()), []
    for jobs in ("1", "2"):
        assert main(["savings", folder, "--json", "--router", "kmeans,linear", "--draws", "20", "--jobs", jobs]) == 0
        printed.append(json.loads(capsys.readouterr().out))
    assert printed[0] == printed[1]
