"""`mmr train` and `mmr route` as a person meets them: what they print and write, and the one line of each mistake."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmr_core.cli import main
from mmr_core.cli.arguments import registry
from mmr_core.cli.route import _lines

MODELS = ("Cheap", "Dear")
EXAMPLE = Path(__file__).parents[3] / "plugins" / "examples" / "mmr-router-soft-neighbours"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def published(tmp_path) -> Path:
    """A small published table, every other instance with an image."""
    folder = tmp_path / "published"
    (folder / "MathVision").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(150):
        row = {"dataset_idx": f"MathVision_{i}", "question": "How much is " + "1 + " * (i % 5) + "1?", "answer": "5"}
        for j, model in enumerate(MODELS):
            row[f"{model}_correct"] = str(int(rng.random() < 0.4 + 0.3 * j))
            row[f"{model}_cost"] = f"{(1 + 99 * j) * 1e-6 * rng.uniform(0.5, 2):.3g}"
        rows.append(row)
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "MathVision" / f"{i}.png")
    with open(folder / "MMR_Bench.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def trained(published, tmp_path, capsys) -> Path:
    file = tmp_path / "router.mmr"
    assert main(["train", "--router", "knn", "--data", str(published), "--out", str(file)]) == 0
    capsys.readouterr()
    return file


def told(capsys) -> str:
    """What stderr said, which is one line."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    return lines[0]


def test_training_says_what_it_learned_from_and_which_weight_it_chose(published, tmp_path, capsys):
    file = tmp_path / "deep" / "router.mmr"
    asked = ["train", "--router", "knn", "--data", str(published), "--out", str(file), "--set", "knn.neighbours=7"]
    assert main([*asked, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["router"]["parameters"] == {"seed": 0, "neighbours": 7}
    assert facts["training"]["rows"] + facts["training"]["rows_not_looked_at"] == 150
    assert [model["name"] for model in facts["pool"]] == list(MODELS)
    first = file.read_bytes()
    assert main(asked) == 0
    assert file.read_bytes() == first
    said = capsys.readouterr().err
    assert f"trained on the whole training split, {facts['training']['rows']} rows" in said
    assert f"chosen on {facts['operating_point']['instances']} validation rows" in said
    assert main([*asked, "--all-rows"]) == 0
    assert "trained on all 150 rows" in capsys.readouterr().err


def test_one_query_gets_a_model_and_what_is_expected_of_each(trained, published, capsys):
    picture = published / "MathVision" / "3.png"
    assert main(["route", str(trained), "--question", "How much is 1 + 1?", "--image", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] in MODELS
    assert "by operating point" in shown
    assert "looked at text and image" in shown
    assert main(["route", str(trained), "--question", "How much is 1 + 1?", "--image", str(picture), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["model"] == shown.splitlines()[0]
    assert [model["model"] for model in answer["models"]] == list(MODELS)
    assert all(0 <= model["utility"] <= 1 and model["cost"] > 0 for model in answer["models"])
    assert answer["seen"] == ["text", "image"]


def test_budgets_and_trade_offs_decide(trained, capsys):
    def asked(*rule):
        assert main(["route", str(trained), "--question", "How much is 1?", "--json", *rule]) == 0
        return json.loads(capsys.readouterr().out)

    assert asked("--trade-off", "inf")["model"] == "Cheap"
    assert asked("--trade-off", "inf")["value"] is None
    assert asked("--budget", "1")["within_budget"] is True
    poor = asked("--budget", "0")
    assert (poor["model"], poor["within_budget"], poor["rule"], poor["value"]) == ("Cheap", False, "budget", 0.0)
    assert main(["route", str(trained), "--question", "How much is 1?", "--budget", "0"]) == 0
    assert "no model is predicted to cost at most 0 USD; this is the cheapest" in capsys.readouterr().err


def test_a_stream_goes_on_behind_bad_lines_and_says_which_they_were(trained, tmp_path, capsys):
    lines = [
        '{"id": 7, "question": "How much is 1 + 1?"}',
        "garbage",
        "",
        '{"question": "x", "image": "no/such.png"}',
        '{"question": "x", "budget": 1}',
        '["x"]',
        '{"question": 3}',
        '{"id": [1], "question": "x"}',
        '{"id": NaN, "question": "x"}',
        '{"question": "x", "image": "a\\u0000b"}',
        "[" * 100_000,
        '{"question": " "}',
        '{"question": "\\ud800 half a character"}',
        '{"id": "last", "question": "How much is 1 + 1?", "scenario": "math", "image": null}',
    ]
    (tmp_path / "queries.jsonl").write_text("\n".join(lines))
    assert main(["route", str(trained), "--queries", str(tmp_path / "queries.jsonl")]) == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["line"] for answer in answers] == [1, 2, *range(4, 15)]
    assert [answer["line"] for answer in answers if "error" not in answer] == [1, 13, 14]
    first, last = answers[0], answers[-1]
    assert (first["id"], last["id"]) == (7, "last")
    assert first["models"] == last["models"]
    reasons = {answer["line"]: answer["error"] for answer in answers if "error" in answer}
    for line, reason in {
        2: "is not JSON",
        4: "no/such.png: the image cannot be opened",
        5: "has an unknown field 'budget'",
        6: "is not a JSON object",
        7: "has a question that is not text",
        8: "has an id that is neither text nor an integer",
        9: "NaN is not a JSON number",
        10: "has an image that is not a path",
        11: "is not JSON",
        12: "the query has no question or image",
    }.items():
        assert reason in reasons[line]
    assert not any("\n" in reason for reason in reasons.values())


def test_a_stream_of_good_lines_ends_well_and_each_answer_is_that_of_the_query_alone(trained, tmp_path, capsys):
    questions = [f"How much is {'1 + ' * i}1?" for i in range(6)]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps({"question": q}) + "\n" for q in questions))
    assert main(["route", str(trained), "--queries", str(tmp_path / "queries.jsonl"), "--trade-off", "0.1"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for question, answer in zip(questions, answers, strict=True):
        assert main(["route", str(trained), "--question", question, "--trade-off", "0.1", "--json"]) == 0
        alone = json.loads(capsys.readouterr().out)
        assert {name: value for name, value in answer.items() if name != "line"} == alone


def test_each_line_of_stdin_is_answered_before_the_next_is_written(trained):
    program = "import sys; from mmr_core.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "route", str(trained), "--queries", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ, text=True) as process:
        for i in range(3):
            process.stdin.write(json.dumps({"id": i, "question": "How much is 1?"}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == i
        process.stdin.close()
        assert process.wait() == 0


def test_a_line_without_an_end_is_never_held_whole(monkeypatch):
    monkeypatch.setattr("mmr_core.cli.route.LONGEST_LINE", 10)
    stream = io.BytesIO(b"0123456789\n" + b"x" * 35 + b"\n  \nshort\n" + b"y" * 30)
    assert list(_lines(stream)) == [(1, b"0123456789\n"), (2, None), (4, b"short\n"), (5, None)]


def test_what_cannot_be_meant_is_wrong_use(trained, published, tmp_path, capsys):
    out = str(tmp_path / "x.mmr")
    for words, reason in (
        (["route", str(trained)], "there is no query"),
        (["route", str(trained), "--question", "a", "--queries", "-"], "--queries excludes"),
        (
            ["route", str(trained), "--question", "a", "--budget", "1", "--trade-off", "1"],
            "--budget and --trade-off exclude",
        ),
        (["route", str(trained), "--question", "a", "--budget", "-1"], "--budget is -1"),
        (["train", "--router", "all", "--out", out], "is not one router"),
        (["train", "--router", "knn,linear", "--out", out], "is not one router"),
        (["train", "--router", "knn", "--out", str(tmp_path)], "is a folder"),
        (["train", "--router", "konn", "--out", out], "unknown router 'konn', did you mean 'knn'?"),
        (["train", "--router", "knn", "--out", out, "--set", "knn.k=2"], "has no parameter 'k'"),
        (["train", "--router", "knn", "--out", out, "--data", str(published), "--dataset", "gsm8k"], "no instance of"),
    ):
        assert main(words) == 2, words
        assert reason in told(capsys)
    assert not Path(out).exists()


def test_what_is_no_trained_router_is_one_line(trained, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "half.mmr").write_bytes(trained.read_bytes()[:500])
    for name, reason in (
        ("notes.txt", "is not a trained router"),
        ("half.mmr", "is not a trained router"),
        ("absent.mmr", "there is no such file"),
    ):
        assert main(["route", str(tmp_path / name), "--question", "a"]) == 1
        assert reason in told(capsys)
    assert main(["route", str(trained), "--queries", str(tmp_path / "absent.jsonl")]) == 1
    assert "absent.jsonl: cannot be read" in told(capsys)


def test_a_closed_standard_input_is_one_line(trained, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert main(["route", str(trained), "--queries", "-"]) == 1
    assert "standard input is closed" in told(capsys)


def test_a_router_that_only_decides_shows_probabilities(published, tmp_path, capsys):
    file = tmp_path / "random.mmr"
    assert main(["train", "--router", "random", "--data", str(published), "--out", str(file)]) == 0
    capsys.readouterr()
    assert main(["route", str(file), "--question", "How much is 1?"]) == 0
    assert "probability" in capsys.readouterr().out
    assert main(["route", str(file), "--question", "How much is 1?", "--budget", "1"]) == 2
    assert "cannot keep a budget" in told(capsys)


def test_the_example_plugins_router_is_told_what_it_needs_to_be_saved(published, tmp_path, capsys, monkeypatch):
    info = tmp_path / "installed" / "mmr_router_soft_neighbours-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmr-router-soft-neighbours\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[mmr.plugins.v1]\nsoft = mmr_router_soft_neighbours\n")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(info.parent))
    registry.cache_clear()
    try:
        words = ["train", "--router", "soft-neighbours", "--data", str(published), "--out", str(tmp_path / "x.mmr")]
        assert main(words) == 2
    finally:
        registry.cache_clear()
    line = told(capsys)
    assert "router 'soft-neighbours' cannot be saved: it has no state and no restore" in line
    assert "mmr_core.contracts.Saveable" in line


def test_asking_a_router_of_neighbours_imports_nothing_that_only_training_needs(trained):
    program = (
        "import sys; from mmr_core.cli import main; code = main(sys.argv[1:]); "
        "print([name for name in ('sklearn', 'scipy', 'torch', 'pandas', 'pyarrow', 'matplotlib') "
        "if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "route", str(trained), "--question", "a"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[]"
