"""`mmr data` imports, describes and checks tables; what goes wrong is one line and an exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.cli import main
from mmr_core.outcomes import OutcomeTable
from mmr_core.store import OutcomeStore

Build = Callable[..., OutcomeTable]

CSV = """dataset_idx,question,answer,a_correct,a_cost,a_token,b_correct,b_cost,b_token
"""
ROWS = 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published table of two models on a dataset of its own, without images."""
    lines = [f"Toy_{i},What is {i}?,{i},{i % 2},0.00{i % 9 + 1},{i},1,0.1,9" for i in range(ROWS)]
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "MMR_Bench.csv").write_text(CSV + "\n".join(lines) + "\n")
    return folder


@pytest.fixture
def store(table: Build, tmp_path: Path) -> Path:
    """A store of a sound table."""
    OutcomeStore(tmp_path / "sound").add(table(models=3, instances=200, images=True))
    return tmp_path / "sound"


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mmr(capsys: pytest.CaptureFixture[str]) -> Call:
    """A function that runs a command and gives its exit code, stdout and stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def errors(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if not line.startswith("warning: ")]


def test_a_published_table_becomes_a_store(mmr: Call, published: Path, tmp_path: Path) -> None:
    code, out, err = mmr("data", "import", published, "--out", tmp_path / "store")
    assert code == 0
    assert out == f"added to {tmp_path / 'store'}: dataset toy, 40 instances, 2 models\n"
    assert errors(err) == []
    assert "no plugin knows these models" in err
    table = OutcomeStore.open(tmp_path / "store").table()
    assert len(table) == ROWS
    assert [model.name for model in table.models] == ["a", "b"]


def test_importing_again_says_that_nothing_is_new(mmr: Call, published: Path, tmp_path: Path) -> None:
    mmr("data", "import", published, "--out", tmp_path / "store")
    code, out, _ = mmr("data", "import", published, "--out", tmp_path / "store")
    assert code == 0
    assert out == f"{tmp_path / 'store'} already has all of this\n"


def test_a_new_model_of_a_known_dataset_is_said_to_be_that(mmr: Call, published: Path, tmp_path: Path) -> None:
    file = published / "MMR_Bench.csv"
    whole = file.read_text()
    file.write_text("\n".join(",".join(line.split(",")[:6]) for line in whole.splitlines()))
    mmr("data", "import", published, "--out", tmp_path / "store")
    file.write_text(whole)
    code, out, _ = mmr("data", "import", published, "--out", tmp_path / "store")
    assert code == 0
    assert out == f"added to {tmp_path / 'store'}: known dataset toy, 40 instances, 1 model\n"


def test_a_format_may_be_named(mmr: Call, published: Path, tmp_path: Path) -> None:
    code, _, _ = mmr("data", "import", "published", published / "MMR_Bench.csv", "--out", tmp_path / "store")
    assert code == 0
    assert OutcomeStore.is_in(tmp_path / "store")


def test_images_can_be_copied_into_the_store(mmr: Call, store: Path, tmp_path: Path) -> None:
    code, _, _ = mmr("data", "import", store, "--out", tmp_path / "copy", "--copy-images")
    assert code == 0
    images = OutcomeStore.open(tmp_path / "copy").table().image
    assert all(path.is_relative_to(tmp_path / "copy") and path.is_file() for path in images)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "Toy_7,What is 7?,7,1,",
            "Toy_7,What is 7?,7,1.7,",
            "column 'a_correct', row 8 (Toy_7): correctness '1.7' is outside",
        ),
        (",7,1,0.008,", ",7,1,-0.008,", "column 'a_cost', row 8 (Toy_7): cost '-0.008' is negative"),
        ("Toy_7,", "Toy_6,", "id 'Toy_6' occurs twice, first in row 7"),
        ("b_cost", "b_price", "has the column 'b_correct' without 'b_cost'"),
        ("a_correct,a_cost,a_token,b_correct,b_cost", "u,v,w,x,y", "is not an outcome table"),
        (CSV, "<html>", "is a web page"),
    ],
)
def test_a_faulty_file_is_one_line_and_nothing_is_imported(
    mmr: Call, published: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    file = published / "MMR_Bench.csv"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    code, out, err = mmr("data", "import", "published", published, "--out", tmp_path / "store")
    (line,) = errors(err)
    assert code == 1
    assert out == ""
    assert line.startswith("error: ")
    assert "MMR_Bench.csv" in line
    assert words in line
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("import", "none.csv", "--out", "x"), 1, "none.csv: there is no such file or folder"),
        (("import", "published", "none.csv", "--out", "x"), 1, "none.csv: there is no such file or folder"),
        (("import", "csvv", ".", "--out", "x"), 2, "unknown importer 'csvv'"),
        (("import", "a", "b", "c", "--out", "x"), 2, "expected [FORMAT] PATH, got 3 words"),
        (("import", "published", "--out", "x"), 2, "'published' is a format that is read from files"),
        (("info", "--data", "none"), 1, "none: there is no such file or folder"),
        (("check", "--data", "."), 1, "is not a store, and no importer knows its format"),
        (("reprice", "--prices", "none.toml", "--out", "x"), 1, "none.toml: there is no such file"),
    ],
)
def test_wrong_use_is_one_line_with_its_exit_code(
    mmr: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    got, out, err = mmr("data", *words)
    (line,) = errors(err)
    assert got == code
    assert out == ""
    assert message in line


def test_a_folder_with_other_things_is_not_imported_into(mmr: Call, published: Path) -> None:
    code, _, err = mmr("data", "import", published, "--out", published)
    assert code == 1
    assert "is not an outcome store, and not empty: it has 'MMR_Bench.csv'" in err


def test_info_shows_sizes_means_and_gaps(mmr: Call, table: Build, tmp_path: Path) -> None:
    whole = table(models=2, instances=100)
    whole.utility[:7, 1] = np.nan
    OutcomeStore(tmp_path / "store").add(whole)
    code, out, _ = mmr("data", "info", "--data", tmp_path / "store")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert out.startswith("a test: 100 instances, 2 models, split mmr-v1")
    assert next(row[2] for row in rows if row[:2] == ["alpha", "math"]) == "50"
    means = next(row for row in rows if row[:2] == ["alpha", "model-1"])
    alpha = whole.dataset == "alpha"
    assert float(means[2]) == pytest.approx(np.nanmean(whole.utility[alpha, 1]), abs=1e-4)
    assert float(means[3]) == pytest.approx(whole.cost[alpha, 1].mean(), rel=1e-2)
    assert means[4] == "4"


def test_info_as_json_is_json_and_nothing_else(mmr: Call, published: Path) -> None:
    code, out, _ = mmr("data", "info", "--data", published, "--json")
    described: dict[str, Any] = json.loads(out)
    assert code == 0
    assert described["instances"] == ROWS
    assert described["synthetic"] is False
    assert described["datasets"][0]["models"][1] == {
        "name": "b",
        "utility": 1.0,
        "cost": pytest.approx(0.1),
        "missing": 0,
    }


def test_checking_a_sound_store_finds_nothing(mmr: Call, store: Path) -> None:
    assert mmr("data", "check", "--data", store)[:2] == (0, "nothing found\n")
    code, out, _ = mmr("data", "check", "--data", store, "--json")
    assert (code, json.loads(out)) == (0, {"findings": []})


def test_an_error_that_is_found_is_one_line_and_exit_code_1(mmr: Call, store: Path) -> None:
    image = OutcomeStore.open(store).table().image[0]
    content = image.read_bytes()
    image.unlink()
    code, out, _ = mmr("data", "check", "--data", store)
    as_json = mmr("data", "check", "--data", store, "--json")
    image.write_bytes(content)
    assert code == 1
    assert out == f"error absent-image: dataset alpha: image files are absent, of 100 (1: {image})\n"
    assert as_json[0] == 1
    assert json.loads(as_json[1])["findings"][0]["examples"] == [str(image)]


def test_notes_alone_are_exit_code_0(mmr: Call, published: Path) -> None:
    code, out, _ = mmr("data", "check", "--data", published)
    assert code == 0
    assert "warning constant-utility: dataset toy, model b: the utility is 1 on every instance (40)" in out
    assert "note dominating-cost" in out


def test_check_verifies_the_files_of_a_store(mmr: Call, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "damaged")
    file = tmp_path / "damaged" / "outcomes" / "alpha" / "model-0.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    code, _, err = mmr("data", "check", "--data", tmp_path / "damaged")
    assert code == 1
    assert "model-0.parquet: is not the file that manifest.json describes" in err


def test_costs_can_be_recomputed_into_a_store(mmr: Call, published: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('version = "v7"\n[models.a]\noutput = 1.0\n[models.b]\noutput = 2.0\n')
    code, _, _ = mmr("data", "reprice", "--data", published, "--prices", prices, "--out", tmp_path / "store")
    table = OutcomeStore.open(tmp_path / "store").table()
    assert code == 0
    np.testing.assert_allclose(table.cost[:, 1], 9 * 2e-6)
    assert table.source.endswith("(prices v7)")


@pytest.mark.slow
def test_the_module_of_the_command_imports_nothing_heavy() -> None:
    script = (
        "import sys, mmr_core.cli.data; heavy = {'numpy', 'pandas', 'pyarrow', 'sklearn', 'torch', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
