"""A folder is looked at before it is read, and nothing but plain files of the right names and sizes is opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmr_core.errors import UsageError
from mmr_leaderboard.submission import folder as folder_room
from mmr_leaderboard.submission.folder import LIMITS, FolderContents, look, looks_pickled, submission_folders
from mmr_leaderboard.submission.validation import judge_change

MANIFEST = b"schema_version = 1\n"


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A folder with a manifest and a wheel."""
    path = tmp_path / "my-entry"
    (path / "wheels").mkdir(parents=True)
    (path / "submission.toml").write_bytes(MANIFEST)
    (path / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"PK\3\4wheel")
    return path


def found(contents: FolderContents) -> list[tuple[str, str]]:
    return [(one.code, one.where) for one in contents.findings]


def test_a_sound_folder_is_read(entry: Path) -> None:
    contents = look(entry)
    assert contents.findings == ()
    assert contents.manifest == MANIFEST
    assert list(contents.wheels) == ["a-1-py3-none-any.whl"]


def test_the_folder_itself_may_be_no_link(entry: Path) -> None:
    link = entry.parent / "a-link"
    link.symlink_to(entry)
    assert found(look(link)) == [("not-a-plain-file", "a-link")]
    assert look(link).manifest is None


@pytest.mark.parametrize("name", ["nothing-there", "submission.toml"])
def test_what_is_no_folder_is_refused(entry: Path, name: str) -> None:
    assert look(entry / name).findings


@pytest.mark.parametrize("name", ["A-slug", "x", "-x", "a" * 64, "a_b", "päck", "a b"])
def test_a_folder_whose_name_is_no_slug_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert ("bad-slug" in {code for code, _ in found(look(tmp_path / name))}) is True


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may have 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": lambda path: os.mkfifo(path),
    "a socket": _socket,
    "a hard link": lambda path: os.link(path.parent / "submission.toml", path),
    "unreadable": lambda path: (path.write_bytes(b""), path.chmod(0))[0],
}


@pytest.mark.parametrize("name", ["decisions.parquet", "README.md"])
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_plain_file_is_not_opened(
    entry: Path, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("everything can be read by root")
    SPECIAL[kind](entry / name)
    opened: list[object] = []
    real = os.open

    def noted(path: object, *rest: int, **options: int | None) -> int:
        opened.append(path)
        return real(path, *rest, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", noted)
    contents = look(entry)
    assert ("not-a-plain-file", name) in found(contents)
    assert contents.decisions is None
    assert kind == "unreadable" or name not in opened


def test_a_link_in_place_of_the_folder_of_wheels_is_not_followed(entry: Path) -> None:
    (entry / "wheels").rename(entry.parent / "elsewhere")
    (entry / "wheels").symlink_to(entry.parent / "elsewhere")
    contents = look(entry)
    assert found(contents) == [("not-a-plain-file", "wheels")]
    assert contents.wheels == {}


@pytest.mark.parametrize(
    ("name", "where"),
    [
        (b"with space", "with\\x20space"),
        (b"tab\there", "tab\\x09here"),
        (b"line\nend", "line\\x0aend"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        ("dеcisions.parquet".encode(), "d\\u0435cisions.parquet"),
        ("\u202etxt.whl".encode(), "\\u202etxt.whl"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"back\\slash", "back\\slash"),
        (b"$(reboot)", "$(reboot)"),
        (b"n" * 201, "n" * 201),
    ],
)
def test_strange_names_are_shown_as_what_they_are(entry: Path, name: bytes, where: str) -> None:
    (Path(os.fsdecode(os.fsencode(entry) + b"/" + name))).write_bytes(b"")
    assert found(look(entry)) == [("strange-name", where)]


@pytest.mark.parametrize("name", [".hidden", ".git", "setup.py", "submission.toml.orig", "decisions.csv"])
def test_files_that_no_submission_has_are_refused(entry: Path, name: str) -> None:
    (entry / name).write_bytes(b"")
    assert found(look(entry)) == [("unexpected-file", name)]


def test_folders_that_no_submission_has_are_refused_and_not_looked_into(entry: Path) -> None:
    (entry / "code").mkdir()
    (entry / "code" / "x.pkl").write_bytes(b"")
    (entry / "wheels" / "more").mkdir()
    assert found(look(entry)) == [("unexpected-file", "code"), ("unexpected-file", "wheels/more")]


def test_names_that_differ_in_case_only_are_refused(entry: Path) -> None:
    for name in ("README.md", "Readme.md"):
        (entry / name).write_bytes(b"")
    assert found(look(entry)) == [("strange-name", "README.md"), ("unexpected-file", "Readme.md")]


def test_a_folder_of_ten_thousand_names_is_refused_at_once(entry: Path) -> None:
    for i in range(folder_room.LISTED + 1):
        (entry / f"f{i}").write_bytes(b"")
    contents = look(entry)
    assert [one.code for one in contents.findings] == ["unexpected-file"]
    assert contents.manifest is None


@pytest.mark.parametrize("name", ["submission.toml", "decisions.parquet", "decisions.csv.gz", "README.md"])
def test_a_sparse_file_of_five_gigabytes_is_refused_without_being_opened(entry: Path, name: str) -> None:
    with open(entry / name, "ab") as file:
        os.truncate(file.fileno(), 5 << 30)
    assert found(look(entry)) == [("too-large", name)]


def test_files_may_be_as_large_as_their_kind_and_no_larger(entry: Path) -> None:
    limit = LIMITS["submission.toml"]
    (entry / "submission.toml").write_bytes(b"#" * limit)
    assert look(entry).findings == ()
    (entry / "submission.toml").write_bytes(b"#" * (limit + 1))
    assert found(look(entry)) == [("too-large", "submission.toml")]


def test_wheels_are_limited_together(entry: Path) -> None:
    for i in range(2):
        with open(entry / "wheels" / f"b{i}-1-py3-none-any.whl", "wb") as file:
            os.truncate(file.fileno(), 26 << 20)
    assert found(look(entry)) == [("too-large", "wheels")]
    for i in range(21):
        (entry / "wheels" / f"b{i}-1-py3-none-any.whl").write_bytes(b"PK")
    assert found(look(entry)) == [("too-large", "wheels")]


@pytest.mark.parametrize("name", ["model.pkl", "a.PICKLE", "w.pt", "w.pth", "x.joblib", "x.npy", "wheels/x.pkl"])
def test_pickles_are_known_by_name(entry: Path, name: str) -> None:
    (entry / name).write_bytes(b"")
    assert found(look(entry)) == [("pickle", name)]


def test_pickles_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    import pickle

    assert all(looks_pickled(pickle.dumps([1], protocol=protocol)) for protocol in (2, 3, 4, 5))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    np.save(tmp_path / "floats.npy", np.zeros(2))
    assert looks_pickled((tmp_path / "objects.npy").read_bytes())
    assert not looks_pickled((tmp_path / "floats.npy").read_bytes())
    assert looks_pickled(b"PK\3\4" + b"\0" * 26 + b"archive/data.pkl")
    assert not looks_pickled(b"PK\3\4" + b"\0" * 26 + b"archive/data.pkl", archive=True)
    assert not any(looks_pickled(head) for head in (b"", b"\x80", b"PAR1", b"schema_version = 1"))


def test_a_file_that_is_swapped_between_look_and_opening_is_not_read(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = entry.parent / "secret"
    secret.write_bytes(MANIFEST)
    real = os.open

    def swapped(path: object, *rest: int, **options: int | None) -> int:
        if path == "submission.toml":
            (entry / "submission.toml").unlink()
            secret.rename(entry / "submission.toml")
        return real(path, *rest, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", swapped)
    contents = look(entry)
    assert found(contents) == [("not-a-plain-file", "submission.toml")]
    assert contents.manifest is None


def test_the_digest_is_of_what_defines_a_submission_and_of_nothing_else(entry: Path) -> None:
    first = look(entry).digest
    (entry / "README.md").write_text("hello")
    assert look(entry).digest == first
    (entry / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"PK\3\4other")
    second = look(entry).digest
    (entry / "submission.toml").write_bytes(MANIFEST + b"# a word\n")
    third = look(entry).digest
    assert len({first, second, third}) == 3
    assert all(len(one) == 32 for one in (first, second, third))


def test_submissions_are_listed_by_name_and_their_notes_left_out(entry: Path) -> None:
    (entry.parent / "README.md").write_text("")
    (entry.parent / ".cache").mkdir()
    (entry.parent / "stray.txt").write_text("")
    assert [path.name for path in submission_folders(entry.parent)] == ["my-entry", "stray.txt"]
    with pytest.raises(UsageError, match="no such folder"):
        submission_folders(entry.parent / "nowhere")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"README.md", "README.md"),
        (b"submissions/README.md", "submissions/README.md"),
        (b"submissions/my-entry", "submissions/my-entry"),
        (b"submissions/my-entry/../../x", "submissions/my-entry/../../x"),
        (b"/submissions/my-entry/x", "/submissions/my-entry/x"),
        (b"submissions//my-entry/x", "submissions//my-entry/x"),
        (b"submissions/My-Entry/x", "submissions/My-Entry/x"),
        (b"submissions/my-entry/a\nb", "submissions/my-entry/a\\x0ab"),
        (b"submissions/my-entry/\xff", "submissions/my-entry/\\xff"),
        (b"submissions/my-entry/a\\b", "submissions/my-entry/a\\x5cb"),
        (b"submissions/my-entry/\x1b[31m", "submissions/my-entry/\\x1b[31m"),
        (b"submissions-2/my-entry/x", "submissions-2/my-entry/x"),
        ("submissions/my-еntry/x".encode(), "submissions/my-\\xd0\\xb5ntry/x"),
    ],
)
def test_a_path_that_is_not_plainly_inside_a_submission_is_outside(path: bytes, shown: str) -> None:
    change = judge_change(b"submissions/my-entry/submission.toml\0" + path + b"\0")
    assert [(one.code, one.where) for one in change.findings] == [("change-outside", shown)]


def test_a_change_inside_one_submission_is_no_finding() -> None:
    change = judge_change(b"submissions/my-entry/submission.toml\0submissions/my-entry/wheels/a.whl")
    assert change.findings == ()
    assert change.slugs == ("my-entry",)
    assert judge_change(b"").slugs == ()


def test_two_submissions_in_one_change_are_refused() -> None:
    change = judge_change(b"submissions/one/a\0submissions/two/a\0")
    assert [one.code for one in change.findings] == ["change-outside"]
    assert change.findings[0].examples == ("one", "two")
