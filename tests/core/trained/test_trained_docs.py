"""The page on using a router says what is so: its fields, its options and its example."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmr_core.cli import main
from mmr_core.contracts import Saveable, ScoringRouter
from mmr_core.trained import DecisionRule, Query, decide, load, save
from mmr_core.trained.trained_manifest import OperatingPoint, TrainedManifest, TrainingEntry

PAGE = (Path(__file__).parents[3] / "docs" / "deploying.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def row_of(name: str) -> str:
    (row,) = re.findall(rf"^\| `{name}`.*?$", PAGE, flags=re.MULTILINE)
    return row


def test_every_field_of_the_file_is_on_the_page():
    table = PAGE.split("| field of `trained.json` | content |")[1].split("\n\n")[0]
    named = re.findall(r"^\| (.*?) \|", table, flags=re.MULTILINE)
    fields = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert fields == set(TrainedManifest.model_fields)
    for model, name in ((TrainingEntry, "training"), (OperatingPoint, "operating_point")):
        for field in model.model_fields:
            assert f"`{field}`" in row_of(name)


@pytest.mark.parametrize("command", ["train", "route"])
def test_every_option_of_a_command_is_on_the_page(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    assert main([command, "--help"]) == 0
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert options
    for option in options:
        assert option in PAGE, option


def test_the_router_of_the_page_is_saved_and_restored_as_it_says(pictured):
    names: dict = {}
    exec(next(block for block in blocks("python") if "class MeanRouter" in block), names)
    router = names["MeanRouter"]()
    training = type("Training", (), {"utility": pictured.utility, "cost": pictured.cost})
    fitted = router.fit(training)
    assert isinstance(fitted, Saveable)
    assert isinstance(fitted, ScoringRouter)
    again = names["MeanRouter"]().restore(fitted.state())
    np.testing.assert_array_equal(again.predict([0] * 3).utility, fitted.predict([0] * 3).utility)


def test_the_program_of_the_page_runs(pictured, learned_from, tmp_path, monkeypatch, capsys):
    save(learned_from(pictured), tmp_path / "router.mmr")
    monkeypatch.chdir(tmp_path)
    exec(next(block for block in blocks("python") if "decide" in block), {})
    assert capsys.readouterr().out.startswith("model-")


def test_the_answers_of_the_page_have_the_fields_that_answers_have(pictured, learned_from, tmp_path, known, capsys):
    save(learned_from(pictured), tmp_path / "router.mmr")
    (tmp_path / "queries.jsonl").write_text('{"question": "a", "image": "no.png"}\n{"id": 7, "question": "a"}\n')
    words = ["route", str(tmp_path / "router.mmr"), "--queries", str(tmp_path / "queries.jsonl"), "--budget", "0.0005"]
    assert main(words) == 1
    real = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    shown = [json.loads(line) for line in blocks("json")[0].splitlines()]
    for one, other in zip(shown, real, strict=True):
        assert list(one) == list(other)
    assert list(shown[1]["models"][0]) == list(real[1]["models"][0])
    trained = load(tmp_path / "router.mmr", known.registry)
    answer = decide(trained, Query(question="a"), DecisionRule(kind="budget", value=0.0005))
    assert answer.model == real[1]["model"]
