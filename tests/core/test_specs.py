"""Specs and errors: what is stated wrongly is refused where it is stated."""

from __future__ import annotations

import pickle

import pytest

from mmr_core.errors import DataError, MMRError, PluginError, SpecError, UsageError
from mmr_core.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, TokenPrice

DATASET = {"name": "d", "title": "D", "scenario": "ocr", "modalities": ("text",), "id_prefix": "D"}
COMPONENT = {"kind": "router", "name": "r", "target": "a.b:C", "summary": "s"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DatasetSpec(**{**DATASET, "name": "Not A Name"}), "'Not A Name' is not a valid name"),
        (lambda: DatasetSpec(**{**DATASET, "scenario": ""}), "is not a valid name"),
        (lambda: DatasetSpec(**{**DATASET, "modalities": ("audio",)}), "modalities"),
        (lambda: DatasetSpec(**{**DATASET, "id_prefix": ""}), "neither an id prefix nor members"),
        (lambda: ModelSpec(name="a,b", title="t"), "is not a valid name for a model"),
        (lambda: ModelSpec(name="a", title="t", modalities=()), "modalities"),
        (lambda: TokenPrice(output=-1.0), "output price -1.0 is negative"),
        (lambda: TokenPrice(input=float("inf")), "not finite"),
        (lambda: ComponentSpec(**{**COMPONENT, "kind": "gadget"}), "kind 'gadget' is not known"),
        (lambda: ComponentSpec(**{**COMPONENT, "target": "a.b.C"}), "is not an import path"),
        (lambda: ComponentSpec(**{**COMPONENT, "protocol": "mine"}), "protocol 'mine' is not known"),
        (lambda: CommandSpec(name="c", target="nowhere", help="h"), "is not an import path"),
    ],
)
def test_a_spec_that_cannot_be_true_is_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_a_dataset_keeps_images_under_its_prefix_unless_it_says_otherwise():
    assert DatasetSpec(**DATASET).folder == "D"
    assert DatasetSpec(**DATASET, image_folder="E").folder == "E"


def test_an_error_is_one_line_of_where_what_and_how():
    error = DataError("cost is\nnegative", where="file.csv, row 3", fix="mend it")
    assert str(error) == "file.csv, row 3: cost is negative; mend it"


@pytest.mark.parametrize("kind", [MMRError, UsageError, PluginError])
def test_errors_survive_the_way_between_processes(kind):
    error = pickle.loads(pickle.dumps(kind("what", where="where", fix="fix")))
    assert (type(error), str(error)) == (kind, "where: what; fix")


def test_wrong_use_and_failed_work_have_exit_codes_of_their_own():
    assert (UsageError("x").exit_code, DataError("x").exit_code) == (2, 1)
