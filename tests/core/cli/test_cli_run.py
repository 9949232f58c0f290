"""`mmr run` as a person meets it: what it prints and writes, and the one line that each mistake gets."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmr_core.cli import main
from mmr_core.splits import train_mask

MODELS = ("Cheap", "Dear")
QUICK = ("--router", "kmeans,linear,random", "--draws", "20", "--jobs", "1")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def published(tmp_path) -> Callable[..., Path]:
    """A function that writes a small published table with images, changed as the test wants, and gives its folder."""

    def write(
        *,
        n: int = 120,
        models: tuple[str, ...] = MODELS,
        change: Callable[[list[dict[str, str]]], None] = lambda rows: None,
        drop: tuple[str, ...] = (),
        images: bool = True,
    ) -> Path:
        folder = tmp_path / "published"
        (folder / "MathVision").mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        rows = []
        for i in range(n):
            row = {
                "dataset_idx": f"MathVision_{i}",
                "question": "How much is " + "1 + " * (i % 5) + "1?",
                "answer": "5",
            }
            for j, model in enumerate(models):
                row[f"{model}_correct"] = str(int(rng.random() < 0.4 + 0.3 * j))
                row[f"{model}_cost"] = f"{(1 + 99 * j) * 1e-6 * rng.uniform(0.5, 2):.3g}"
            rows.append(row)
            if images:
                Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(
                    folder / "MathVision" / f"{i}.png"
                )
        change(rows)
        columns = [column for column in rows[0] if column not in drop]
        with open(folder / "MMR_Bench.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return write


def set_cell(column: str, value: str, row: int = 3) -> Callable[[list[dict[str, str]]], None]:
    def change(rows: list[dict[str, str]]) -> None:
        rows[row][column] = value

    return change


def test_a_run_prints_a_table_and_leaves_results_tables_curves_and_plots(published, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", "--data", str(published()), "--out", str(out), *QUICK]) == 0
    printed = capsys.readouterr()
    for word in ("kmeans", "linear", "random", "oracle", "constant", "best-single", "nAUC", "skill", "QNC"):
        assert word in printed.out
    names = {path.name for path in out.iterdir()}
    assert {"results.json", "curves.parquet", "table.md", "table.csv", "frontier.png", "frontier.svg"} <= names
    results = json.loads((out / "results.json").read_text())
    column = results["columns"][0]
    assert column["split_digest"]
    assert results["versions"]["scikit-learn"]
    nauc = next(row for row in column["whole"]["rows"] if row["name"] == "linear")["metrics"]["nauc"]
    assert nauc["low"] <= nauc["value"] <= nauc["high"]


def test_json_on_stdout_is_results_json_and_nothing_else(published, capsys):
    assert main(["run", "--data", str(published()), "--json", *QUICK]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results["schema_version"] == 1


def test_a_second_run_encodes_nothing_and_gives_the_same_numbers(published, capsys, monkeypatch):
    folder = published()
    assert main(["run", "--data", str(folder), "--json", *QUICK]) == 0
    first = json.loads(capsys.readouterr().out)["columns"]
    from mmr_plugins.encoders.lite import LiteEncoder

    def refuse(self, inputs):
        raise AssertionError("something was encoded again")

    monkeypatch.setattr(LiteEncoder, "encode_text", refuse)
    monkeypatch.setattr(LiteEncoder, "encode_image", refuse)
    assert main(["run", "--data", str(folder), "--json", *QUICK]) == 0
    second = json.loads(capsys.readouterr().out)["columns"]
    assert [column["whole"]["rows"] for column in first] == [column["whole"]["rows"] for column in second]


def test_encoded_features_can_be_written_once_and_brought_back(published, tmp_path, capsys):
    folder = published()
    file = tmp_path / "features.npz"
    assert main(["encode", "--data", str(folder), "--out", str(file)]) == 0
    assert "120 instances" in capsys.readouterr().err
    assert main(["run", "--data", str(folder), "--json", *QUICK]) == 0
    encoded = json.loads(capsys.readouterr().out)
    assert main(["run", "--data", str(folder), "--json", "--features", str(file), *QUICK]) == 0
    brought = json.loads(capsys.readouterr().out)
    for one, other in zip(encoded["columns"], brought["columns"], strict=True):
        assert [row["metrics"] for row in one["whole"]["rows"]] == [row["metrics"] for row in other["whole"]["rows"]]


def test_the_authors_protocol_prints_its_three_figures(published, capsys):
    assert main(["run", "--data", str(published()), "--protocol", "authors", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    routers = results["datasets"]["mathvision"]["routers"]
    assert set(routers) == {"random", "oracle", "kmeans", "kmeansnew", "linear", "linear-mf", "knn"}
    assert set(routers["knn"]) == {"nauc", "peak", "qnc", "qnc_reached"}
    assert [entry["canonical_id"] for entry in results["lineup"]][:2] == [
        "mmr-bench/kmeans@authors",
        "mmr-bench/kmeansnew@authors",
    ]
    assert results["versions"]["scikit-learn"]


def test_the_authors_protocol_says_how_many_gaps_it_filled(published, capsys):
    folder = published(change=set_cell("Cheap_correct", ""))
    assert main(["run", "--data", str(folder), "--protocol", "authors", "--router", "oracle"]) == 0
    assert "1 missing utilities and costs are filled" in capsys.readouterr().err


def test_features_without_the_modality_looked_at_are_refused(published, tmp_path, capsys):
    folder = published()
    file = tmp_path / "text.npz"
    names = [f"MathVision_{i}" for i in range(120)]
    np.savez(file, ids=np.array(names), text=np.ones((120, 4), dtype=np.float32))
    arguments = ["run", "--data", str(folder), "--features", str(file), "--modality", "image", *QUICK]
    assert main(arguments) == 1
    assert "no training instance has a feature in the modality" in capsys.readouterr().err


def test_the_authors_protocol_writes_its_files(published, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--protocol", "authors", "--router", "oracle,kmeans", "--out", str(out)]
    assert main(["run", "--data", str(published()), *arguments]) == 0
    assert "kmeans" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"results.json", "table.md", "table.csv"}


def test_parameters_are_set_by_component_and_name(published, capsys):
    arguments = ["run", "--data", str(published()), "--json", "--router", "knn", "--draws", "5", "--jobs", "1"]
    assert (
        main([*arguments, "--set", "knn.neighbours=7", "--set", "adaptive.eta=2.5", "--set", "lite.dimensions=64"]) == 0
    )
    results = json.loads(capsys.readouterr().out)
    entry = results["lineup"][0]
    assert entry["parameters"]["neighbours"] == 7
    assert entry["fusion"]["canonical_id"] == "mmr-bench/adaptive"
    assert entry["fusion"]["parameters"]["eta"] == 2.5
    encoder = results["columns"][0]["features"]["text"]
    assert encoder["encoder"] == "mmr-bench/lite"
    assert encoder["parameters"] == {"dimensions": 64}


def test_prices_recompute_costs_and_name_their_sheet(published, tmp_path, capsys):
    sheet = tmp_path / "prices.toml"
    sheet.write_text(
        'version = "2026-01"\ncurrency = "USD"\n[models.Cheap]\noutput = 1.0\n[models.Dear]\noutput = 50.0\n'
    )

    def with_tokens(rows):
        for i, row in enumerate(rows):
            row.update({"Cheap_token": str(10 + i), "Dear_token": "100"})

    folder = published(change=with_tokens)
    assert main(["run", "--data", str(folder), "--json", "--prices", str(sheet), *QUICK]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results["data"]["price_sheet"] == "2026-01"
    dear = next(model for model in results["columns"][0]["whole"]["models"] if model["name"] == "Dear")
    assert dear["cost"] == pytest.approx(100 * 50e-6)


@pytest.mark.parametrize("modality", ["text", "image"])
def test_one_modality_can_be_masked_in_training_and_testing(published, capsys, modality):
    arguments = ["run", "--data", str(published()), "--json", "--modality", modality, *QUICK]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["modality"] == modality


def test_text_needs_no_image_files(published, capsys):
    folder = published(images=False)
    assert main(["run", "--data", str(folder), "--json", "--modality", "text", *QUICK]) == 0


def test_models_can_be_left_out(published, capsys):
    folder = published(models=("Cheap", "Middle", "Dear"))
    assert main(["run", "--data", str(folder), "--json", "--models", "Cheap,Dear", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["models"] == ["Cheap", "Dear"]


def lose_test_outcomes(rows: list[dict[str, str]]) -> None:
    names = [row["dataset_idx"] for row in rows]
    for row, train in zip(rows, train_mask(["mathvision"] * len(rows), names), strict=True):
        if not train:
            row["Dear_correct"] = row["Dear_cost"] = ""


BAD_TABLES = {
    "a correctness of 1.7": ({"change": set_cell("Cheap_correct", "1.7")}, ("1.7", "Cheap_correct", "MathVision_3")),
    "a negative cost": ({"change": set_cell("Dear_cost", "-0.5")}, ("-0.5", "Dear_cost", "MathVision_3")),
    "a duplicated id": ({"change": set_cell("dataset_idx", "MathVision_7")}, ("MathVision_7",)),
    "a model without its cost": ({"drop": ("Dear_cost",)}, ("Dear_cost",)),
    "a cost without its correctness": ({"drop": ("Dear_correct",)}, ("Dear_correct",)),
    "one model": ({"models": ("Cheap",)}, ("one model",)),
    "no complete test instance": ({"change": lose_test_outcomes}, ("mathvision", "--allow-incomplete")),
    "absent images": ({"images": False}, ("120 image files", "--bad-images mask")),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_gets_one_line_that_names_the_place_and_the_way_out(case, published, tmp_path, capsys):
    wrong, words = BAD_TABLES[case]
    out = tmp_path / "out"
    assert main(["run", "--data", str(published(**wrong)), "--out", str(out), *QUICK]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    for word in words:
        assert word in errors[0]
    assert not out.exists()


def test_a_test_split_without_a_complete_instance_says_so_even_where_gaps_are_allowed(published, capsys):
    folder = published(change=lose_test_outcomes)
    assert main(["run", "--data", str(folder), "--allow-incomplete", *QUICK]) == 1
    assert "no test instance has the outcomes of all models" in capsys.readouterr().err


def test_a_broken_image_is_named_and_can_be_masked(published, capsys):
    folder = published()
    (folder / "MathVision" / "5.png").write_bytes(b"no picture")
    assert main(["run", "--data", str(folder), *QUICK]) == 1
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "5.png" in error
    assert "--bad-images mask" in error
    assert main(["run", "--data", str(folder), "--bad-images", "mask", *QUICK]) == 0
    assert "5.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--data", "nowhere"], 1, ("nowhere",)),
        (["--router", "kmean"], 2, ("unknown router 'kmean'", "did you mean 'kmeans'")),
        (["--dataset", "mathvison"], 2, ("unknown dataset 'mathvison'", "did you mean 'mathvision'")),
        (["--dataset", "ocrbench"], 2, ("no instance of dataset 'ocrbench'", "mathvision")),
        (["--encoder", "clipp"], 2, ("unknown encoder 'clipp'", "clip")),
        (["--encoder", "tfidf"], 2, ("'tfidf' does not read images", "--image-encoder", "--modality text")),
        (["--fusion", "mean"], 2, ("unknown fusion 'mean'",)),
        (["--router", ","], 2, ("is an empty list",)),
        (["--set", "knn"], 2, ("NAME.PARAMETER=VALUE",)),
        (["--set", "kn.k=3"], 2, ("no router, fusion or encoder 'kn'",)),
        (["--set", "kmeans.seed=3"], 2, ("use --seed",)),
        (["--router", "knn", "--set", "adaptive.eta=abc"], 2, ("cannot use eta = 'abc'",)),
        (["--features", "nowhere.npz"], 1, ("nowhere.npz",)),
        (["--features", "nowhere.npz", "--encoder", "lite"], 2, ("leave the encoder options out",)),
        (["--prices", "nowhere.toml"], 1, ("nowhere.toml",)),
        (["--models", "Nobody"], 1, ("no model 'Nobody'",)),
        (["--protocol", "authors", "--router", "mlp"], 2, ("unseeded in the authors' program",)),
        (["--protocol", "authors", "--seeds", "3"], 2, ("--seeds does not apply",)),
        (["--seeds", "0"], 2, ("--seeds",)),
        (["--modality", "audio"], 2, ("audio",)),
    ],
)
def test_wrong_use_gets_a_line_that_says_what_would_be_right(arguments, code, words, published, capsys):
    given = ["run", "--data", str(published()), "--draws", "5", "--jobs", "1", *arguments]
    assert main(given) == code
    printed = capsys.readouterr().err
    for word in words:
        assert word in printed
    assert "Traceback" not in printed


def test_a_parameter_that_a_router_does_not_have_is_refused_before_anything_is_done(published, capsys):
    assert main(["run", "--data", str(published()), "--router", "knn,linear", "--set", "knn.k=3"]) == 2
    assert "router 'knn' has no parameter 'k'" in capsys.readouterr().err


def test_out_that_is_a_file_is_refused_before_anything_is_done(published, tmp_path, capsys):
    (tmp_path / "taken").write_text("mine")
    assert main(["run", "--data", str(published()), "--out", str(tmp_path / "taken"), *QUICK]) == 2
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_full_disk_while_results_are_written_leaves_the_old_ones_whole(published, tmp_path, capsys, monkeypatch):
    import errno

    from mmr_core.render import together

    out = tmp_path / "out"
    arguments = ["run", "--data", str(published()), "--out", str(out), *QUICK]
    assert main(arguments) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    written = []

    def fill(path, content):
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    monkeypatch.setattr(together, "write_atomically", fill)
    assert main(arguments) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_debug_shows_the_traceback_wherever_it_stands(capsys):
    assert main(["run", "--data", "nowhere", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_version_and_the_help_page_are_there(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("mmr-bench ")
    assert main(["--help"]) == 0
    assert "run" in capsys.readouterr().out


def test_strict_plugins_make_a_failure_fatal(monkeypatch, capsys):
    from mmr_core.cli import arguments
    from mmr_core.plugins import Discovery, PluginFailure, Provider
    from mmr_core.registry import Registry

    failure = PluginFailure(
        provider=Provider(plugin="p", distribution="mmr-bad", version="1"),
        stage="import",
        reason="ZeroDivisionError",
        traceback="Traceback: 1 / 0",
    )
    found = Registry(Discovery(providers=(), contributions=(), failures=(failure,)))
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **choices: found))
    arguments.registry.cache_clear()
    assert main(["plugins", "list"]) == 0
    assert "mmr-bad" in capsys.readouterr().err
    arguments.registry.cache_clear()
    monkeypatch.setenv("MMR_STRICT_PLUGINS", "1")
    assert main(["plugins", "list"]) == 1
    assert "1 / 0" in capsys.readouterr().err
    arguments.registry.cache_clear()


def test_plugins_are_listed_with_provider_and_kind_as_json(capsys):
    assert main(["plugins", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["failures"] == []
    assert {"kind": "router", "id": "mmr-bench/knn"}.items() <= next(
        row for row in listed["components"] if row["id"] == "mmr-bench/knn"
    ).items()


def test_the_command_of_a_plugin_is_listed_unloaded_and_loaded_when_it_runs(monkeypatch, capsys):
    import sys
    import types

    from mmr_core.cli import arguments
    from mmr_core.plugins import Contribution, Discovery, Provider
    from mmr_core.registry import Registry
    from mmr_core.specs import CommandSpec

    provider = Provider(plugin="p", distribution="mmr-more", version="1")
    specs = [
        CommandSpec(name="greet", target="greeting_module:greet", help="Greet."),
        CommandSpec(name="broken", target="no_such_module:command", help="Never works."),
        CommandSpec(name="run", target="no_such_module:command", help="Tries to take over."),
    ]
    contributions = tuple(Contribution(word="command", spec=spec, provider=provider) for spec in specs)
    found = Registry(Discovery(providers=(provider,), contributions=contributions, failures=()))
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **choices: found))
    arguments.registry.cache_clear()
    assert main(["--help"]) == 0
    assert "Greet." in capsys.readouterr().out
    module = types.ModuleType("greeting_module")
    module.greet = lambda: print("hello")
    monkeypatch.setitem(sys.modules, "greeting_module", module)
    assert main(["greet"]) == 0
    assert capsys.readouterr().out == "hello\n"
    assert main(["broken"]) == 1
    assert "cannot be loaded" in capsys.readouterr().err
    assert main(["run", "--data", "nowhere"]) == 1
    arguments.registry.cache_clear()
