"""Whatever stops an import, the store is what it was."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable
from mmr_core.store import OutcomeStore, atomic

Build = Callable[..., OutcomeTable]
Same = Callable[[OutcomeTable, OutcomeTable], None]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Killed(BaseException):
    """Stands for a process that is no more."""


def count_writes(monkeypatch: pytest.MonkeyPatch, at_each: Callable[[int, Path], None]) -> list[Path]:
    """Calls `at_each` when a temporary file is written and about to get its name; gives the files written so far."""
    written: list[Path] = []
    rename = os.replace

    def watched(source: Path, target: Path) -> None:
        at_each(len(written), target)
        written.append(target)
        rename(source, target)

    monkeypatch.setattr(atomic.os, "replace", watched)
    return written


WRITES = 7
"""Two datasets with two models each, and the manifest."""


def test_an_import_writes_the_manifest_last(table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = count_writes(monkeypatch, lambda number, target: None)
    OutcomeStore(tmp_path).add(table(models=2))
    assert len(written) == WRITES
    assert [path.name == "manifest.json" for path in written] == [False] * (WRITES - 1) + [True]


@pytest.mark.parametrize("number", range(WRITES))
@pytest.mark.parametrize("kind", [Killed, KeyboardInterrupt])
def test_an_import_interrupted_at_any_write_leaves_the_old_store_whole(
    assert_same: Same,
    table: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[BaseException],
) -> None:
    old = table(models=3, datasets=("old",))
    store = OutcomeStore(tmp_path / "store")
    store.add(old)
    before = files_of(tmp_path)

    def interrupt(at: int, target: Path) -> None:
        if at == number:
            raise kind

    with monkeypatch.context() as patch:
        count_writes(patch, interrupt)
        with pytest.raises(kind):
            store.add(table(models=2))
    assert files_of(tmp_path) == before
    assert_same(store.table(), old)
    assert store.add(table(models=2))


@pytest.mark.parametrize("number", range(WRITES))
def test_a_process_killed_at_any_write_leaves_the_old_store_whole(
    assert_same: Same, table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    old, new = table(models=3, datasets=("old",)), table(models=2)
    OutcomeStore(tmp_path / "store").add(old)

    def snapshot(at: int, target: Path) -> None:
        if at == number:
            shutil.copytree(tmp_path / "store", tmp_path / "killed")

    with monkeypatch.context() as patch:
        count_writes(patch, snapshot)
        OutcomeStore(tmp_path / "store").add(new)
    killed = OutcomeStore.open(tmp_path / "killed")
    assert_same(killed.table(), old)
    killed.add(new)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "store")


@pytest.mark.parametrize("number", range(WRITES))
def test_a_first_import_that_was_killed_can_be_repeated(
    table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    new = table(models=2)

    def snapshot(at: int, target: Path) -> None:
        if at == number:
            shutil.copytree(tmp_path / "store", tmp_path / "killed")

    with monkeypatch.context() as patch:
        count_writes(patch, snapshot)
        OutcomeStore(tmp_path / "store").add(new)
    with pytest.raises(DataError, match=r"not an outcome store: it has no manifest\.json"):
        OutcomeStore.open(tmp_path / "killed")
    OutcomeStore(tmp_path / "killed").add(new)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "store")


@pytest.mark.parametrize("number", range(WRITES))
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_store_as_it_was_in_one_line(
    assert_same: Same, table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    old = table(models=3, datasets=("old",))
    store = OutcomeStore(tmp_path / "store")
    store.add(old)
    before = files_of(tmp_path)
    real, calls = getattr(os, step), []

    def fails(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, step, fails)
        with pytest.raises(DataError, match="the import stopped: No space left on device") as raised:
            store.add(table(models=2))
    assert "\n" not in str(raised.value)
    assert files_of(tmp_path) == before
    assert not (tmp_path / "store" / "outcomes" / "alpha").exists()
    assert_same(store.table(), old)


def test_a_first_import_onto_a_full_disk_leaves_no_folder(
    table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", fails)
    with pytest.raises(DataError, match="No space left"):
        OutcomeStore(tmp_path / "store").add(table())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("copied", [0, 3])
def test_a_disk_that_fills_up_while_images_are_copied_leaves_nothing_of_them(
    table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied: int
) -> None:
    store = OutcomeStore(tmp_path)
    store.add(table(datasets=("old",)))
    before = files_of(tmp_path)
    rename, renamed = os.replace, []

    def fails(source: Path, target: Path) -> None:
        if len(renamed) >= copied:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        renamed.append(target)
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", fails)
        with pytest.raises(DataError, match="No space left"):
            store.add(table(images=True, instances=40), copy_images=True)
    assert files_of(tmp_path) == before
    assert not (tmp_path / "images").exists()


def test_an_interruption_right_after_the_manifest_keeps_what_it_names(
    assert_same: Same, table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, new = os.replace, table(models=2)

    def interrupted(source: Path, target: Path) -> None:
        rename(source, target)
        if target.name == "manifest.json":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            OutcomeStore(tmp_path / "store").add(new)
    assert_same(OutcomeStore.open(tmp_path / "store").table(), new)


def test_two_imports_at_once_are_not_let_in(table: Build, tmp_path: Path) -> None:
    store = OutcomeStore(tmp_path)
    store.add(table())
    with atomic.exclusively(tmp_path), pytest.raises(DataError, match="another process is writing here"):
        store.add(table(datasets=("gamma",)))
