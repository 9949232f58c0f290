"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from mmr_core.errors import DataError
from mmr_core.store.atomic import exclusively, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_bytes_and_text_arrive_as_they_are(tmp_path: Path) -> None:
    write_atomically(tmp_path / "bytes", b"\x00\xff\r\n")
    write_atomically(tmp_path / "text", "ein Wörtchen\n")
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff\r\n"
    assert (tmp_path / "text").read_bytes() == "ein Wörtchen\n".encode()


def test_an_old_file_is_replaced_and_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    monkeypatch.setattr(os, step, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    write_atomically(tmp_path / "atomic", "")
    assert stat.S_IMODE((tmp_path / "atomic").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_only_one_writer_is_let_in_at_a_time(tmp_path: Path) -> None:
    with exclusively(tmp_path), pytest.raises(DataError, match="another process is writing"), exclusively(tmp_path):
        raise AssertionError("both were let in")
    with exclusively(tmp_path):
        write_atomically(tmp_path / "file", "")
    assert (tmp_path / "file").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_a_file_system_without_locks_does_not_stop_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with exclusively(tmp_path):
        write_atomically(tmp_path / "file", "")
    assert (tmp_path / "file").exists()
