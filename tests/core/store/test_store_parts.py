"""A store of a table that came in parts is the store of the whole table, or there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status
from mmr_core.store import OutcomeStore

Build = Callable[..., OutcomeTable]
Same = Callable[[OutcomeTable, OutcomeTable], None]


def in_parts(table: OutcomeTable, *ends: int) -> Iterator[OutcomeTable]:
    for rows in np.split(np.arange(len(table)), ends):
        part = table.take(rows)
        yield replace(part, datasets=tuple(part.spec_of(name) for name in part.dataset_names))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_one_part_makes_the_very_files_that_adding_the_table_makes(table: Build, tmp_path: Path) -> None:
    whole = table(models=3, instances=20, missing=0.2, datasets=("alpha", "beta"), images=True)
    added = OutcomeStore(tmp_path / "added").add(whole)
    created = OutcomeStore(tmp_path / "created").create([whole])
    assert created == added
    assert files_of(tmp_path / "created") == files_of(tmp_path / "added")


def test_several_parts_give_the_table_back_in_its_order(assert_same: Same, table: Build, tmp_path: Path) -> None:
    whole = table(models=3, instances=20, missing=0.2, datasets=("alpha", "beta"), images=True)
    added = OutcomeStore(tmp_path).create(in_parts(whole, 3, 13))
    assert_same(OutcomeStore.open(tmp_path).table(), whole)
    assert added.datasets == ("alpha", "beta")
    assert added.instances == {"alpha": 10, "beta": 10}
    assert len(added.outcomes) == 6
    assert not list(tmp_path.rglob(".*"))


def test_a_model_without_any_outcome_on_a_dataset_has_no_file(table: Build, tmp_path: Path) -> None:
    whole = table(models=2, instances=6, datasets=("alpha",))
    gone = {name: getattr(whole, name).copy() for name in ("utility", "cost", "output_tokens", "input_tokens")}
    for numbers in gone.values():
        numbers[:, 1] = np.nan
    status = whole.status.copy()
    status[:, 1] = Status.MISSING
    whole = replace(whole, **gone, status=status, response=None, image_tokens=gone["input_tokens"], cached_tokens=None)
    OutcomeStore(tmp_path).create(in_parts(whole, 3))
    assert [path.stem for path in tmp_path.glob("outcomes/alpha/*")] == [whole.models[0].name]
    assert OutcomeStore.open(tmp_path).manifest().pairs() == [("alpha", whole.models[0].name)]


def test_a_dataset_is_described_as_in_the_last_part_that_has_it(table: Build, tmp_path: Path) -> None:
    first, second = in_parts(table(instances=6, datasets=("alpha",)), 3)
    later = replace(second.datasets[0], title="Seen with images")
    OutcomeStore(tmp_path).create([first, replace(second, datasets=(later,))])
    assert OutcomeStore.open(tmp_path).table().spec_of("alpha").title == "Seen with images"


@pytest.mark.parametrize("existed", [False, True])
def test_parts_that_end_in_an_error_leave_nothing(table: Build, tmp_path: Path, existed: bool) -> None:
    folder = tmp_path / "store"
    if existed:
        folder.mkdir()

    def broken() -> Iterator[OutcomeTable]:
        yield table(instances=4)
        raise DataError("row 5 is faulty")

    with pytest.raises(DataError, match="row 5 is faulty"):
        OutcomeStore(folder).create(broken())
    assert list(tmp_path.rglob("*")) == ([folder] if existed else [])


def test_parts_of_different_models_are_refused(table: Build, tmp_path: Path) -> None:
    first, second = in_parts(table(models=3, instances=6, datasets=("alpha",)), 3)
    with pytest.raises(DataError, match="different models"):
        OutcomeStore(tmp_path / "store").create([first, second.take_models([second.models[0].name])])
    assert not (tmp_path / "store").exists()


def test_no_parts_make_no_store(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no outcomes to import"):
        OutcomeStore(tmp_path / "store").create([])
    assert not (tmp_path / "store").exists()


def test_a_store_that_is_there_is_not_made_anew(table: Build, tmp_path: Path) -> None:
    OutcomeStore(tmp_path).add(table(instances=4))
    before = files_of(tmp_path)
    with pytest.raises(DataError, match="already"):
        OutcomeStore(tmp_path).create([table(instances=4)])
    assert files_of(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_parts_can_be_imported_again_after_a_process_was_killed_among_them(
    assert_same: Same, table: Build, tmp_path: Path
) -> None:
    whole = table(models=3, instances=20, datasets=("alpha", "beta"))

    def dying() -> Iterator[OutcomeTable]:
        yield next(in_parts(whole, 8))
        os._exit(9)

    child = os.fork()
    if not child:
        OutcomeStore(tmp_path / "store").create(dying())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert list((tmp_path / "store").rglob(".*.tmp"))
    assert not OutcomeStore.is_in(tmp_path / "store")
    OutcomeStore(tmp_path / "store").create(in_parts(whole, 8))
    assert_same(OutcomeStore.open(tmp_path / "store").table(), whole)
    assert not list((tmp_path / "store").rglob(".*.tmp"))
