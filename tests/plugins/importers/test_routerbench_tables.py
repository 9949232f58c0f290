"""Tables of RouterBench, in CSV or pickled, become the cells that they state; a hostile pickle runs nothing."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.cli import main
from mmr_core.errors import DataError
from mmr_core.outcomes import Status
from mmr_plugins.importers.routerbench import RouterBenchImporter

LLAMA, GPT = "meta/llama-2-70b-chat", "gpt-4-1106-preview"


def prompt(
    sample: str, name: str, *outcomes: tuple[Any, Any], models: tuple[str, ...] = (LLAMA, GPT)
) -> dict[str, Any]:
    """One row: for each model its score and cost."""
    row: dict[str, Any] = {"sample_id": sample, "prompt": f"['What is {sample}?']", "eval_name": name}
    row |= {model: score for model, (score, _) in zip(models, outcomes, strict=True)}
    row |= {f"{model}|model_response": f"['{sample}']" for model in models}
    row |= {f"{model}|total_cost": cost for model, (_, cost) in zip(models, outcomes, strict=True)}
    return {**row, "oracle_model_to_route_to": models[0]}


ROWS = [
    prompt("mmlu-sociology.val.3", "mmlu-sociology", (1.0, 0.0009), (0.0, 0.0109)),
    prompt("grade-school-math.dev.12", "grade-school-math", (0.25, 0.0003), (1.0, 0.02)),
    prompt("hellaswag.val.7", "hellaswag", (0.0, 0.0001), (1.0, 0.004)),
]


def as_csv(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """A frame as the published ones are: texts, and columns with anything but numbers in them, are objects."""
    made = pd.DataFrame(rows)
    made.columns = pd.Index(made.columns.tolist(), dtype=object)
    return made.astype({name: object for name in made.columns if made[name].dtype.kind not in "fi"})


def as_pickle(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(content, protocol=4))
    return file


@pytest.mark.parametrize("pickled", [False, True])
def test_every_prompt_and_model_is_a_cell(bring: Callable[..., Any], tmp_path: Path, pickled: bool) -> None:
    if pickled:
        path = as_pickle(tmp_path / "routerbench_0shot.pkl", frame(*ROWS))
    else:
        path = as_csv(tmp_path / "routerbench_0shot.csv", ROWS)
    brought = bring(RouterBenchImporter(), path, allow_pickle=pickled)
    cell = brought.cell("MMLU_mmlu-sociology.val.3", LLAMA)
    assert (cell["utility"], cell["cost"], cell["status"]) == (1.0, 0.0009, Status.OK)
    assert (cell["dataset"], cell["category"]) == ("mmlu", "sociology")
    assert cell["question"] == "['What is mmlu-sociology.val.3?']"
    assert math.isnan(cell["output_tokens"])
    assert brought.cell("GSM8K_grade-school-math.dev.12", LLAMA)["utility"] == 0.25
    assert brought.cell("hellaswag_hellaswag.val.7", GPT)["dataset"] == "hellaswag"
    assert len(brought.known()) == 6
    origin = brought.origin("gsm8k", "GSM8K_grade-school-math.dev.12", GPT)
    assert (origin["source"], origin["row"], origin["scorer"]) == (path.name, 2, "0-shot")
    assert origin["native_id"] == "grade-school-math.dev.12"


def test_a_pickle_is_left_alone_until_it_is_allowed(peek: Callable[..., Any], tmp_path: Path) -> None:
    as_pickle(tmp_path / "log/routerbench_0shot.pkl", frame(*ROWS))
    with pytest.raises(DataError, match=r"routerbench_0shot\.pkl: is a pickle.*--allow-pickle"):
        peek(RouterBenchImporter(), tmp_path / "log")
    as_csv(tmp_path / "log/other.csv", ROWS)
    seen = peek(RouterBenchImporter(), tmp_path / "log")
    assert seen.survey is not None
    assert any("is a pickle" in line for line in seen.survey.faults.lines())


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("nested", [False, True])
def test_a_hostile_pickle_runs_nothing(
    peek: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = Runs(os.system, "touch mark")
    as_pickle(tmp_path / "routerbench.pkl", frame({"sample_id": bad, "prompt": ""}) if nested else bad)
    with pytest.raises(DataError, match=r"asks for \w+\.system"):
        peek(RouterBenchImporter(), tmp_path / "routerbench.pkl", allow_pickle=True)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": 1}, "holds a dict, not a pandas frame"),
        (pd.DataFrame([[1, 2]], columns=pd.Index(["a", "a"], dtype=object)), "two columns of one name"),
        (frame({"sample_id": "1", "prompt": "p"}), "no column 'eval_name'"),
        (frame({"sample_id": "1", "prompt": "p", "eval_name": "e", "m": 1.0}), "has no model"),
    ],
)
def test_a_pickle_of_something_else_is_refused(
    peek: Callable[..., Any], tmp_path: Path, content: Any, words: str
) -> None:
    path = as_pickle(tmp_path / "routerbench.pkl", content)
    with pytest.raises(DataError, match=words):
        peek(RouterBenchImporter(), path, allow_pickle=True)


def test_unknown_numbers_stay_unknown_and_free_answers_are_not_believed(
    bring: Callable[..., Any], tmp_path: Path
) -> None:
    rows = [
        prompt("a.1", "mbpp", ("", "nan"), (1.0, 0.0)),
        prompt("a.2", "mbpp", ("wrong", 0.1), ("True", 0.2)),
        prompt("a.3", "mbpp", (1.5, 0.1), (0.5, 0.1)),
        prompt("", "mbpp", (1.0, 0.1), (1.0, 0.1)),
        prompt("a.5", " ", (1.0, 0.1), (1.0, 0.1)),
    ]
    brought = bring(RouterBenchImporter(), as_csv(tmp_path / "x.csv", rows))
    assert brought.known() == {("mbpp_a.1", GPT): 1.0, ("mbpp_a.2", GPT): 1.0, ("mbpp_a.3", GPT): 0.5}
    assert math.isnan(brought.cell("mbpp_a.1", GPT)["cost"])
    assert brought.origin("mbpp", "mbpp_a.1", LLAMA)["status"] == "unscored"
    text = "\n".join(brought.lines)
    assert f"x.csv, row 2: {LLAMA}: 'wrong' is not a number" in text
    assert "x.csv, row 3: utility 1.5 is outside [0, 1]" in text
    assert "x.csv, row 4: an id is empty" in text
    assert "x.csv, row 5: has no eval_name" in text


def test_tables_of_other_numbers_of_shots_are_chosen_between(
    bring: Callable[..., Any], peek: Callable[..., Any], tmp_path: Path
) -> None:
    as_csv(tmp_path / "routerbench_0shot.csv", ROWS[:1])
    as_csv(tmp_path / "routerbench_5shot.csv", [prompt("mmlu-sociology.val.3", "mmlu-sociology", (0, 1), (1, 1))])
    assert [question.key for question in peek(RouterBenchImporter(), tmp_path).open] == ["scorer"]
    brought = bring(RouterBenchImporter(), tmp_path, "scorer=5-shot")
    assert brought.cell("MMLU_mmlu-sociology.val.3", LLAMA)["utility"] == 0.0


def test_responses_are_kept_where_they_are_wanted(bring: Callable[..., Any], tmp_path: Path) -> None:
    rows = [prompt("a.1", "mbpp", (1.0, 0.1), (0.0, 0.1))]
    rows[0][f"{GPT}|model_response"] = "  "
    path = as_csv(tmp_path / "x.csv", rows)
    brought = bring(RouterBenchImporter(), path, responses=True)
    assert brought.table.response.tolist() == [["['a.1']", "  "]]
    assert brought.origin("mbpp", "mbpp_a.1", GPT)["status"] == "empty"
    assert bring(RouterBenchImporter(), path).table.response is None


def test_foreign_truncated_and_empty_files_cost_no_more_than_themselves(
    bring: Callable[..., Any], tmp_path: Path
) -> None:
    good = as_csv(tmp_path / "a.csv", ROWS)
    cut = as_csv(tmp_path / "b.csv", [prompt(f"b.{n}", "mbpp", (1, 1), (1, 1)) for n in range(3)])
    cut.write_bytes(cut.read_bytes()[:-30])
    (tmp_path / "c.csv").write_text("")
    (tmp_path / "d.csv").write_text("x,y\n1,2\n")
    brought = bring(RouterBenchImporter(), tmp_path)
    assert len(brought.known()) == 6 + 4
    lines = "\n".join(brought.lines)
    assert "b.csv, row 3: expected " in lines
    assert "c.csv: does not begin with" in lines
    assert "d.csv: does not begin with" in lines
    assert good.name not in lines


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01", "sample_id,prompt,eval_name\n"])
def test_a_file_that_is_nothing_is_an_error(peek: Callable[..., Any], tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match="nothing that can be used"):
        peek(RouterBenchImporter(), tmp_path / "x.csv")


def test_the_command_reads_a_pickle_only_if_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    path = as_pickle(tmp_path / "routerbench_0shot.pkl", frame(*ROWS))
    words = ["data", "import", str(path), "--out", str(tmp_path / "store"), "--json"]
    assert main(words) == 1
    assert "--allow-pickle" in capsys.readouterr().err
    assert main([*words, "--allow-pickle"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "RouterBench"


UTILITY, COST = st.none() | st.floats(0, 1), st.none() | st.floats(1e-9, 10)
TABLES = st.dictionaries(
    st.text("ab.1é", min_size=1, max_size=5).filter(str.strip),
    st.tuples(st.sampled_from(["mbpp", "mmlu-law"]), st.tuples(UTILITY, COST), st.tuples(UTILITY, COST)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=TABLES, pickled=st.booleans())
def test_any_table_comes_back(
    bring: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], pickled: bool
) -> None:
    rows = [prompt(f"s.{sample}", name, *outcomes) for sample, (name, *outcomes) in content.items()]
    folder = tmp_path_factory.mktemp("table")
    path = as_pickle(folder / "routerbench.pkl", frame(*rows)) if pickled else as_csv(folder / "x.csv", rows)
    brought = bring(RouterBenchImporter(), path, allow_pickle=pickled)
    prefix = {"mbpp": "mbpp", "mmlu-law": "MMLU"}
    for sample, (name, *outcomes) in content.items():
        for model, (utility, cost) in zip((LLAMA, GPT), outcomes, strict=True):
            cell = brought.cell(f"{prefix[name]}_s.{sample}", model)
            assert cell["utility"] == utility or (utility is None and math.isnan(cell["utility"]))
            assert cell["cost"] == cost or (cost is None and math.isnan(cell["cost"]))
