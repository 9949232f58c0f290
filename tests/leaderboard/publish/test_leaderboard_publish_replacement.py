"""Kills and failures at every step of a replacement: what is found afterwards is the old or the new, as a whole."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_core.errors import DataError
from mmr_core.store.atomic import exclusively
from mmr_leaderboard.publish import replacement
from mmr_leaderboard.publish.replacement import NoExchangeError, exchange, replace

OLD = {"site/index.html": b"old", "site/entries/gone.html": b"old", "page.md": b"old", "leaderboard.json": b"old"}
NEW = {"site/index.html": b"new", "site/entries/come.html": b"new", "page.md": b"new", "leaderboard.json": b"new"}
OTHERS = {"audit.jsonl": b"one line\n", "notes/deep/kept.txt": b"kept"}

needs_exchange = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders are exchanged on Linux only")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")


def write(folder: Path, contents: dict[str, bytes]) -> None:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def found(folder: Path) -> dict[str, bytes]:
    """Everything in the folder but what a killed writer left aside."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].endswith(".tmp")
    }


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed processes lose nothing that the system holds; only power cuts do, which nobody plays here."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    write(folder, OLD | OTHERS)
    return folder


def refuse_exchange(first: Path, second: Path) -> None:
    raise NoExchangeError(errno.EINVAL, "not here")


@pytest.fixture(params=["exchanged", "moved"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of replacement."""
    if request.param == "moved":
        monkeypatch.setattr(replacement, "exchange", refuse_exchange)
    elif not sys.platform.startswith("linux"):
        pytest.skip("folders are exchanged on Linux only")
    return str(request.param)


def test_the_new_stands_whole_and_the_rest_stays(folder: Path, way: str) -> None:
    replace(folder, NEW)
    assert found(folder) == NEW | OTHERS
    assert os.listdir(folder.parent) == ["published"]
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_a_folder_is_made_where_there_is_none(tmp_path: Path, way: str) -> None:
    replace(tmp_path / "a" / "b", NEW)
    assert found(tmp_path / "a" / "b") == NEW


def test_the_record_is_the_same_file_so_that_an_open_writer_loses_nothing(folder: Path, way: str) -> None:
    with open(folder / "audit.jsonl", "ab") as record:
        replace(folder, NEW)
        record.write(b"another\n")
    assert (folder / "audit.jsonl").read_bytes() == b"one line\nanother\n"


@needs_exchange
def test_what_others_replace_or_add_while_the_new_is_made_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(first: Path, second: Path) -> None:
        (folder / "fresh.jsonl").write_bytes(b"replaced\n")
        os.replace(folder / "fresh.jsonl", folder / "audit.jsonl")
        (folder / "added.txt").write_bytes(b"added")
        exchange(first, second)

    monkeypatch.setattr(replacement, "exchange", meanwhile)
    replace(folder, NEW)
    assert (folder / "audit.jsonl").read_bytes() == b"replaced\n"
    assert (folder / "added.txt").read_bytes() == b"added"


def test_links_and_permissions_are_kept(folder: Path, way: str) -> None:
    (folder / "latest").symlink_to("audit.jsonl")
    folder.chmod(0o750)
    replace(folder, NEW)
    assert (folder / "latest").is_symlink()
    assert (folder / "latest").read_bytes() == OTHERS["audit.jsonl"]
    assert folder.stat().st_mode & 0o777 == 0o750


def child_killed_at(step: int, work: Callable[[], None]) -> bool:
    """Runs the work in a forked process that dies before its step-th operation on files; whether it came so far."""
    process = os.fork()
    if process == 0:
        count = 0

        def hook(event: str, _: tuple[object, ...]) -> None:
            nonlocal count
            if event == "open" or event.startswith(("os.", "shutil.", "fcntl.", "ctypes.")):
                count += 1
                if count > step:
                    os._exit(9)

        sys.addaudithook(hook)
        work()
        os._exit(0)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9)
    return code == 9


@pytest.mark.slow
@needs_fork
@needs_exchange
def test_a_kill_at_any_step_of_an_exchange_leaves_the_old_or_the_new_whole(tmp_path: Path) -> None:
    seen = []
    for step in range(10_000):
        folder = tmp_path / str(step) / "published"
        write(folder, OLD | OTHERS)
        killed = child_killed_at(step, lambda folder=folder: replace(folder, NEW))  # type: ignore[misc]
        state = found(folder)
        assert state in (OLD | OTHERS, NEW | OTHERS), f"killed at step {step}"
        seen.append(state == NEW | OTHERS)
        if step % 7 == 0:
            replace(folder, NEW)
            assert found(folder) == NEW | OTHERS
            assert os.listdir(folder.parent) == ["published"], "the next writer sweeps what the killed one left"
        if not killed:
            break
    assert len(seen) > 40
    assert seen == sorted(seen), "once new, always new"
    assert not seen[0]
    assert seen[-1]


@pytest.mark.slow
@needs_fork
def test_a_kill_at_any_step_of_moving_leaves_every_file_whole_and_the_next_writer_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacement, "exchange", refuse_exchange)
    for step in range(10_000):
        folder = tmp_path / str(step) / "published"
        write(folder, OLD | OTHERS)
        killed = child_killed_at(step, lambda folder=folder: replace(folder, NEW))  # type: ignore[misc]
        state = found(folder)
        assert set(state.values()) <= {b"old", b"new", *OTHERS.values()}
        assert {path: state[path] for path in OTHERS} == OTHERS
        if state["leaderboard.json"] == b"new":
            assert state == NEW | OTHERS, "what makes the others count goes in last"
        if step % 11 == 0:
            replace(folder, NEW)
            assert found(folder) == NEW | OTHERS
            assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
        if not killed:
            break
    assert step > 60


def failing(monkeypatch: pytest.MonkeyPatch, step: int, error: int) -> Callable[[], bool]:
    """Lets the step-th operation that can fill a disk fail; what is returned says whether it came so far."""
    count = 0

    def wrapped(name: str) -> Callable[..., object]:
        original = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            nonlocal count
            count += 1
            if count == step:
                raise OSError(error, os.strerror(error), str(arguments[0]))
            return original(*arguments, **options)

        return call

    for name in ("replace", "rename", "link", "fsync", "mkdir"):
        monkeypatch.setattr(os, name, wrapped(name))
    return lambda: count >= step


def fails_for_want_of_room(folder: Path) -> bool:
    try:
        replace(folder, NEW)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return True
    return False


def test_a_full_disk_at_any_step_leaves_the_old_or_the_new_whole_and_nothing_aside(tmp_path: Path, way: str) -> None:
    failures = 0
    for step in range(1, 200):
        folder = tmp_path / str(step) / "published"
        write(folder, OLD | OTHERS)
        with pytest.MonkeyPatch.context() as patch:
            if way == "moved":
                patch.setattr(replacement, "exchange", refuse_exchange)
            reached = failing(patch, step, errno.ENOSPC)
            failed = fails_for_want_of_room(folder)
        failures += failed
        assert os.listdir(folder.parent) == ["published"]
        assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
        assert found(folder) == (OLD if failed else NEW) | OTHERS, f"failed at step {step}"
        if not reached():
            break
    assert failures > 10


@needs_fork
@needs_exchange
def test_a_reader_never_meets_half_a_file_or_none(folder: Path) -> None:
    versions = [dict.fromkeys(NEW, mark * 50000) for mark in (b"a", b"b")]
    replace(folder, versions[0])
    process = os.fork()
    if process == 0:
        for turn in range(30):
            replace(folder, versions[(turn + 1) % 2])
        os._exit(0)
    reads = 0
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        content = (folder / "leaderboard.json").read_bytes()
        assert content in (b"a" * 50_000, b"b" * 50_000)
        reads += 1
    assert reads > 0
    assert found(folder) == versions[0] | OTHERS


def test_a_writer_in_the_folder_keeps_others_out_and_what_it_makes_is_not_swept(folder: Path, tmp_path: Path) -> None:
    living = tmp_path / f".published-{'0' * 16}.tmp"
    dead = tmp_path / f".published-{'1' * 16}.tmp"
    living.mkdir()
    dead.mkdir()
    with exclusively(folder), pytest.raises(DataError, match="another process"):
        replace(folder, NEW)
    with exclusively(living):
        replace(folder, NEW)
        assert living.exists()
    assert not dead.exists()


def test_where_links_cannot_be_made_files_are_moved_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    replace(folder, NEW)
    assert found(folder) == NEW | OTHERS
    assert os.listdir(folder.parent) == ["published"]
