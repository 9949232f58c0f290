"""What is odd about a table is found, named with a stable code, and weighed by what it does to an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.outcomes import OutcomeTable, object_array
from mmr_core.runner.checks import TableFinding, check
from mmr_core.splits import part_of, split_of

Build = Callable[..., OutcomeTable]


def found(table: OutcomeTable, code: str) -> list[TableFinding]:
    return [finding for finding in check(table) if finding.code == code]


def only(table: OutcomeTable, code: str) -> TableFinding:
    (finding,) = found(table, code)
    return finding


def rows_of(table: OutcomeTable, part: str) -> np.ndarray:
    split = [split_of(d, i) for d, i in zip(table.dataset, table.instance_id, strict=True)]
    return np.flatnonzero(np.array(split) == part)


@pytest.fixture
def sound(table: Build) -> OutcomeTable:
    return table(models=3, instances=200, images=True)


def test_a_sound_table_has_no_findings(sound: OutcomeTable) -> None:
    assert check(sound) == []


def test_errors_stand_before_warnings_and_warnings_before_notes(table: Build) -> None:
    bad = table(models=3, instances=200, missing=0.2, images=True)
    bad.image[0].unlink()
    bad.utility[:, 1] = 1.0
    severities = [finding.severity for finding in check(bad)]
    assert set(severities) == {"error", "warning", "note"}
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_missing_outcomes_are_counted_per_dataset_and_model(sound: OutcomeTable) -> None:
    alpha = np.flatnonzero(sound.dataset == "alpha")[:4]
    sound.utility[alpha[:3], 2] = np.nan
    sound.cost[alpha[1:], 2] = np.nan
    finding = only(sound, "missing-outcomes")
    assert (finding.severity, finding.place) == ("note", "dataset alpha, model model-2")
    assert finding.count == 4
    assert finding.text == "4.0% of the outcomes are missing"
    assert finding.examples == ("alpha_0", "alpha_2", "alpha_4")


def test_more_incomplete_test_instances_than_an_evaluation_takes_are_a_warning(sound: OutcomeTable) -> None:
    tests = [i for i in rows_of(sound, "test") if sound.dataset[i] == "beta"]
    sound.cost[tests[:4], 0] = np.nan
    assert found(sound, "incomplete-tests") == []
    sound.cost[tests[:8], 0] = np.nan
    finding = only(sound, "incomplete-tests")
    assert (finding.severity, finding.place, finding.count) == ("warning", "dataset beta", 8)
    assert "--allow-incomplete" in finding.text


def test_no_complete_test_instance_is_an_error(sound: OutcomeTable) -> None:
    sound.utility[rows_of(sound, "test"), 1] = np.nan
    assert [finding.severity for finding in found(sound, "incomplete-tests")] == ["error", "error"]


def test_absent_and_unreadable_images_are_errors_that_name_files(sound: OutcomeTable) -> None:
    absent, broken, cut = sound.image[0], sound.image[1], sound.image[3]
    absent.unlink()
    broken.write_text("no image")
    cut.write_bytes(cut.read_bytes()[:-200])
    finding = only(sound, "absent-image")
    assert (finding.severity, finding.place) == ("error", "dataset alpha")
    assert finding.examples == (str(absent),)
    assert finding.text == "image files are absent, of 100"
    finding = only(sound, "unreadable-image")
    assert (finding.severity, finding.count) == ("error", 2)
    assert finding.examples == (str(broken), str(cut))


def test_a_question_may_be_empty_where_there_is_an_image(sound: OutcomeTable) -> None:
    sound.question[3] = "  "
    finding = only(sound, "empty-question")
    assert (finding.severity, finding.place, finding.examples) == ("note", "dataset beta", ("beta_3",))
    sound.image[3] = None
    assert found(sound, "empty-question") == []
    finding = only(sound, "empty-query")
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ("beta_3",))


def test_a_pool_of_one_model_is_an_error(sound: OutcomeTable) -> None:
    finding = only(sound.take_models(["model-1"]), "too-few-models")
    assert (finding.severity, finding.count, finding.examples) == ("error", 1, ("model-1",))


def test_an_empty_part_of_the_split_is_found(table: Build) -> None:
    whole = table(instances=400, datasets=("alpha",))
    parts = np.array([part_of(d, i) for d, i in zip(whole.dataset, whole.instance_id, strict=True)])
    only_test = found(whole.take(parts == "test"), "empty-part")
    assert [(f.severity, f.text.split(" is in the ")[1]) for f in only_test] == [
        ("error", "train part of the split"),
        ("warning", "validation part of the split"),
    ]
    assert [f.severity for f in found(whole.take(parts != "test"), "empty-part")] == ["error"]
    assert [f.severity for f in found(whole.take(parts != "validation"), "empty-part")] == ["warning"]


def test_another_number_of_instances_than_published_is_a_warning(sound: OutcomeTable) -> None:
    expecting = replace(sound, datasets=tuple(replace(spec, expected_instances=100) for spec in sound.datasets))
    assert found(expecting, "instance-count") == []
    fewer = expecting.take(np.arange(199))
    finding = only(fewer, "instance-count")
    assert (finding.severity, finding.place, finding.count) == ("warning", "dataset beta", 99)
    assert finding.text == "the published dataset has 100 instances"
    assert only(replace(fewer, synthetic=True), "instance-count").severity == "note"


def test_a_utility_that_never_changes_is_a_warning(sound: OutcomeTable) -> None:
    sound.utility[sound.dataset == "beta", 1] = 0
    finding = only(sound, "constant-utility")
    assert (finding.severity, finding.place) == ("warning", "dataset beta, model model-1")
    assert finding.text == "the utility is 0 on every instance"


def test_models_tied_on_mean_cost_are_a_note(sound: OutcomeTable) -> None:
    sound.cost[:, 1] = sound.cost[:, 0]
    findings = found(sound, "tied-costs")
    assert [(f.severity, f.place) for f in findings] == [("note", "dataset alpha"), ("note", "dataset beta")]
    assert findings[0].examples == ("model-0 and model-1",)


def test_equal_costs_of_all_models_are_an_error(sound: OutcomeTable) -> None:
    sound.cost[:] = 0.5
    assert [finding.severity for finding in found(sound, "equal-costs")] == ["error", "error"]
    assert found(sound, "tied-costs") == []


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_training_split_without_costs_is_an_error(sound: OutcomeTable, value: float) -> None:
    sound.cost[rows_of(sound, "train")] = value
    assert [finding.severity for finding in found(sound, "no-training-cost")] == ["error", "error"]


def test_one_model_far_dearer_than_all_others_is_a_note(table: Build) -> None:
    whole = table(models=3, instances=100, datasets=("alpha",))
    whole.cost[:] = [[1e-6, 2e-6, 1e-3]]
    finding = only(whole, "dominating-cost")
    assert (finding.severity, finding.place) == ("note", "dataset alpha, model model-2")
    assert "500 times the second dearest and 1e+03 times the cheapest" in finding.text
    whole.cost[:] = [[0, 0, 1e-3]]
    assert "the only one above zero" in only(whole, "dominating-cost").text
    whole.cost[:] = [[1e-6, 2e-6, 3e-6]]
    assert found(whole, "dominating-cost") == []


def test_a_query_on_both_sides_of_the_split_is_a_note(sound: OutcomeTable) -> None:
    train, test = rows_of(sound, "train")[0], rows_of(sound, "test")[:2]
    sound.question[test] = sound.question[train] + " "
    assert found(sound, "duplicate-across-split") == []
    for i in test:
        sound.image[i].write_bytes(sound.image[train].read_bytes())
    finding = only(sound, "duplicate-across-split")
    assert (finding.severity, finding.place, finding.count) == ("note", "split", 2)
    assert sound.instance_id[train] in finding.examples[0]


def test_queries_that_repeat_within_one_side_are_no_leak(table: Build) -> None:
    whole = table(instances=100)
    whole.question[rows_of(whole, "test")] = "the same"
    assert found(whole, "duplicate-across-split") == []


def test_absent_images_of_two_files_are_not_taken_for_the_same(table: Build) -> None:
    whole = table(instances=100, datasets=("alpha",))
    paths = object_array(Path("/nowhere") / f"{i}.jpg" for i in range(100))
    whole = replace(whole, image=paths, question=object_array(["same"] * 100))
    assert found(whole, "duplicate-across-split") == []


def test_a_finding_is_plain_json(sound: OutcomeTable) -> None:
    sound.question[3] = ""
    assert only(sound, "empty-question").as_dict() == {
        "severity": "note",
        "code": "empty-question",
        "place": "dataset beta",
        "text": "instances have an image and no question",
        "count": 1,
        "examples": ["beta_3"],
    }
