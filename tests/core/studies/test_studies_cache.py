"""Which cells are found again: those into which the same went, and no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmr_core.errors import MMRError
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.fingerprint import Fingerprints, yardsticks_digest
from mmr_core.runner.measure import Yardsticks
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import prepare
from mmr_core.runner.provenance import APART, code_digest
from mmr_core.runner.situations import Situation, Situations
from mmr_core.splits import train_mask
from mmr_core.studies import Cell


@pytest.fixture
def fits(toys):
    """How many fits there were since this was last called."""

    def count():
        n = len(toys.HANDED)
        toys.HANDED.clear()
        return n

    return count


CELL = Cell(test="alpha", router="tilted")


def damaged(content: bytes) -> list[bytes]:
    return [b"", content[:10], content[:-1], content[:100] + bytes([content[100] ^ 1]) + content[101:]]


def test_a_damaged_file_is_measured_anew_and_mended(run, fits, tmp_path):
    first = run([CELL], cache=tmp_path)
    (path,) = tmp_path.rglob("*.cell")
    whole = path.read_bytes()
    assert fits() == 1
    for content in damaged(whole):
        path.write_bytes(content)
        again = run([CELL], cache=tmp_path)
        assert fits() == 1
        assert again.records[0].metrics == first.records[0].metrics
        run([CELL], cache=tmp_path)
        assert fits() == 0


def test_failures_are_tried_again(run, tmp_path, fits):
    for _ in range(2):
        assert len(run([Cell(test="alpha", router="raises")], cache=tmp_path).failures) == 1
        assert fits() == 1


def test_what_was_kept_has_the_cell_that_was_asked_for(run, tmp_path):
    cell = Cell(test="alpha", router="tilted", pooled={"tilt": (0.1, 0.2)}, parameters={"log": ""})
    run([cell], cache=tmp_path)
    assert run([cell], cache=tmp_path).records[0].cell is cell


def other_outcomes(setting, rows):
    utility = setting.table.utility.copy()
    utility[np.flatnonzero(rows)[0]] = 1 - utility[np.flatnonzero(rows)[0]]
    return replace(setting, table=replace(setting.table, utility=utility))


def test_a_changed_outcome_of_a_training_or_test_row_changes_the_cell_and_that_of_another_dataset_does_not(
    run, setting, fits, tmp_path
):
    table = setting.table
    split, mine = train_mask(table.dataset, table.instance_id), table.dataset == "alpha"
    run([CELL], cache=tmp_path)
    fits()
    for rows, expected in ((mine & split, 1), (mine & ~split, 1), (~mine & split, 0), (~mine & ~split, 0)):
        run([CELL], on=other_outcomes(setting, rows), cache=tmp_path)
        assert fits() == expected


def test_what_is_asked_changes_the_cell(run, fits, tmp_path):
    run([CELL], cache=tmp_path)
    fits()
    others = [
        replace(CELL, seed=1),
        replace(CELL, parameters={"tilt": 0.5}),
        replace(CELL, train_share=0.5),
        replace(CELL, newcomer="model-1"),
        replace(CELL, learn_from=("beta",)),
        replace(CELL, keep_choices=True),
        replace(CELL, test="both"),
    ]
    for other in others:
        run([other], cache=tmp_path)
        assert fits() == 1, other
    run([CELL, *others], cache=tmp_path)
    assert fits() == 0
    run([CELL], cache=tmp_path, draws=21)
    assert fits() == 1


@pytest.mark.parametrize(("room", "same"), [("cli", True), ("render", True), ("runner", False), ("results", False)])
def test_code_that_no_cell_runs_leaves_cells_finished(tmp_path, monkeypatch, room, same):
    package = f"engine_with_{room}"
    for name in ("cli", "render", "runner", "results"):
        (tmp_path / package / name).mkdir(parents=True)
        (tmp_path / package / name / "code.py").write_text("one = 1\n")
    (tmp_path / package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_digest(package, APART)
    whole = code_digest(package)
    (tmp_path / package / room / "code.py").write_text("one = 2\n")
    code_digest.cache_clear()
    assert (code_digest(package, APART) == before) == same
    assert code_digest(package) != whole


def test_changed_code_of_the_routers_package_changes_the_cell(run, fits, plugin_folder, tmp_path):
    folder = tmp_path / "cells"
    run([CELL], cache=folder)
    toys = plugin_folder / "study_toys.py"
    toys.write_text(toys.read_text() + "\n# changed\n")
    code_digest.cache_clear()
    fits()
    run([CELL], cache=folder)
    assert fits() == 1


def test_features_and_images_are_part_of_what_went_in(setting, source_for, table, tmp_path):
    made = table(models=3, instances=60, datasets=("alpha",), images=True)
    pictured = replace(setting, table=made, columns=made.datasets)
    column = prepare(made, made.datasets[0], source_for(None), Options())

    def digest(of):
        yardsticks = Yardsticks.of_whole(column, draws=2, draw_seed=0)
        return Fingerprints(pictured.registry, {}).digests(of, yardsticks)

    before = digest(column)
    assert before == digest(prepare(made, made.datasets[0], source_for(None), Options()))
    train = int(np.flatnonzero(column.train)[0])
    text = column.features_train.embeddings.text.copy()
    text[train] += 1
    moved = replace(column.features_train, embeddings=replace(column.features_train.embeddings, text=text))
    assert digest(replace(column, features_train=moved)) != before
    picture = column.features_train.images[train]
    content = picture.read_bytes()
    picture.write_bytes(content + b"\0")
    assert digest(column) != before
    picture.write_bytes(content)
    assert digest(column) == before


def test_draws_and_the_means_of_the_constant_are_part_of_the_yardstick(setting, source_for):
    digests = {
        yardsticks_digest(Situations(setting, source_for, options).yardsticks("alpha"))
        for options in (Options(draws=5), Options(draws=6), Options(draws=5, draw_seed=1))
    }
    assert len(digests) == 3


def test_a_digest_of_code_covers_every_file_of_a_package_but_compiled_ones(tmp_path, monkeypatch):
    package = tmp_path / "some_study_package"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    data = package / "inner" / "weights.bin"
    data.write_bytes(b"1")
    monkeypatch.syspath_prepend(str(tmp_path))

    def digest():
        code_digest.cache_clear()
        return code_digest("some_study_package")

    before = digest()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert digest() == before
    data.write_bytes(b"2")
    assert digest() != before
    data.rename(package / "inner" / "other.bin")
    data = package / "inner" / "other.bin"
    data.write_bytes(b"1")
    assert digest() != before


def test_a_folder_that_cannot_be_written_to_is_an_error_a_person_can_act_on(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MMRError, match="cannot be"):
        run([CELL], cache=tmp_path / "file")


def test_nothing_kept_is_nothing_found(tmp_path):
    assert CellCache(tmp_path / "absent").load("00" * 20) is None


def test_situations_of_the_same_rows_are_told_by_what_their_features_depend_on():
    assert Situation.of(CELL).rows == Situation.of(replace(CELL, newcomer="m", modality="text")).rows
    assert Situation.of(CELL).rows != Situation.of(replace(CELL, train_share=0.5)).rows
