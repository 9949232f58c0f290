"""Takes the one submission that a pull request changes out of git, as data: nothing is checked out, nothing is run.

The base commit's `submissions/` is written to a new folder, with those files in the place of the base's that the pull
request added or changed, and without those it removed. Only plain files of one submission come from the pull request:
links, submodules, strange names and very large files are left where they are and named; of a change of several
submissions nothing is taken. Contents come from `git cat-file`, which applies no filter and follows no link.

It needs only Python and git, and is started from the base commit's copy.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
SLUG = re.compile(rb"[a-z0-9][a-z0-9-]{1,62}")
NAME = re.compile(rb"[A-Za-z0-9_+][A-Za-z0-9._+-]{0,199}")
ROOT = b"submissions"
DEPTH = 2
"""How deep a file may lie in a submission: `wheels/NAME` is the deepest there is."""

PLAIN, PROGRAM = b"100644", b"100755"
KINDS = {b"120000": "a symbolic link", b"160000": "a submodule"}
ABSENT = b"000000"

LARGEST = 512 << 20
MOST = 64
"""Bytes of one file, and files of one change: more than any submission has."""


class Refusal(Exception):
    """Nothing can be taken; says why."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One path that the pull request changes.

    :param mode: git's mode in the pull request; `ABSENT` if it is removed there.
    :param blob: the object's name.
    """

    path: bytes
    mode: bytes
    blob: str


@dataclass(frozen=True, kw_only=True)
class Left:
    """One path of the pull request that was not taken.

    :param code: what `mmr leaderboard validate` calls it.
    """

    path: bytes
    code: str
    why: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: taken; 1: something was left, as `--left` says; 2: nothing could be taken."""
    asked = _parser().parse_args(arguments)
    try:
        left = take(asked.repository, asked.base, asked.head, into=asked.into, listing=asked.changed)
    except (Refusal, OSError) as error:
        print(f"take_submission: {error}", file=sys.stderr)
        return 2
    asked.left.write_text(json.dumps([_shown(one) for one in left], indent=1) + "\n", "ascii")
    for one in left:
        print(f"left: {visible(one.path)}: {one.code}: {one.why}", file=sys.stderr)
    return 1 if left else 0


def take(repository: Path, base: str, head: str, *, into: Path, listing: Path) -> list[Left]:
    """Writes the submissions as the pull request would leave them, and what it changes.

    :param into: a folder that does not exist yet.
    :param listing: the file for the paths that the pull request changes, separated by NUL, whatever they are.
    :returns: what lies in a submission's folder and was not taken.
    :raises Refusal: if a commit is not there, or the two have no history in common.
    """
    changes = changed(repository, base, head)
    listing.write_bytes(b"".join(change.path + b"\0" for change in changes))
    wanted, left = sort_out(repository, changes)
    files = dict(_plain_files(repository, base))
    for change in wanted:
        files.pop(change.path, None)
    files |= {change.path: change.blob for change in wanted if change.mode != ABSENT}
    into.mkdir(parents=True)
    for path, blob in sorted(files.items()):
        _write(repository, blob, into, path)
    return left


def changed(repository: Path, base: str, head: str) -> list[Changed]:
    """What the head commit changes since it left the base's history.

    :raises Refusal: as `take` does.
    """
    for commit in (base, head):
        if not COMMIT.fullmatch(commit):
            raise Refusal(f"{commit!r} is not the full name of a commit")
    fork = _git(repository, "merge-base", base, head).decode("ascii").strip()
    listed = _git(repository, "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", fork, head)
    fields = listed.split(b"\0")
    changes = []
    for facts, path in zip(fields[0:-1:2], fields[1::2], strict=True):
        _, mode, _, blob, _ = facts.split(b" ")
        changes.append(Changed(path=path, mode=mode, blob=blob.decode("ascii")))
    return changes


def sort_out(repository: Path, changes: Sequence[Changed]) -> tuple[list[Changed], list[Left]]:
    """Which changes are taken, and which of those in a submission's folder are not; others are not looked at."""
    inside = [change for change in changes if _slug(change.path) is not None]
    if len({_slug(change.path) for change in inside}) != 1:
        return [], []
    if len(inside) > MOST:
        return [], [Left(path=inside[0].path, code="unexpected-file", why=f"the change has more than {MOST} files")]
    wanted, left = [], []
    for change in inside:
        refusal = _refusal(repository, change)
        if refusal is None:
            wanted.append(change)
        else:
            left.append(refusal)
    return wanted, left


def visible(path: bytes) -> str:
    """A path of any bytes as printable ASCII."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in path)


def _slug(path: bytes) -> bytes | None:
    """The submission that a path lies in; None for all other paths."""
    parts = path.split(b"/")
    inside = len(parts) >= 3 and parts[0] == ROOT and SLUG.fullmatch(parts[1])
    return parts[1] if inside else None


def _refusal(repository: Path, change: Changed) -> Left | None:
    def left(code: str, why: str) -> Left:
        return Left(path=change.path, code=code, why=why)

    names = change.path.split(b"/")[2:]
    if not all(NAME.fullmatch(name) for name in names):
        return None if change.mode == ABSENT else left("strange-name", "the name has other characters")
    if len(names) > DEPTH:
        return None if change.mode == ABSENT else left("unexpected-file", "no submission has such a folder")
    if change.mode in KINDS:
        return left("not-a-plain-file", f"it is {KINDS[change.mode]}")
    if change.mode not in (PLAIN, PROGRAM, ABSENT):
        return left("not-a-plain-file", "it is something that git has no file for")
    if change.mode != ABSENT and (size := int(_git(repository, "cat-file", "-s", change.blob))) > LARGEST:
        return left("too-large", f"{size:,} bytes")
    return None


def _plain_files(repository: Path, base: str) -> Iterator[tuple[bytes, str]]:
    """Path and object of the base's submissions: plain files of plain names only."""
    for entry in _git(repository, "ls-tree", "-r", "-z", "--full-tree", base, "submissions/").split(b"\0")[:-1]:
        facts, path = entry.split(b"\t", 1)
        mode, _, blob = facts.split(b" ")
        if mode in (PLAIN, PROGRAM) and all(NAME.fullmatch(name) for name in path.split(b"/")):
            yield path, blob.decode("ascii")


def _write(repository: Path, blob: str, into: Path, path: bytes) -> None:
    """One file of the new folder, which holds only what is written here; it must not exist yet."""
    place = into.joinpath(*path.decode("ascii").split("/")[1:])
    place.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        subprocess.run(_words(repository, "cat-file", "blob", blob), stdout=file, check=True, env=_environment())


def _git(repository: Path, *words: str) -> bytes:
    answer = subprocess.run(_words(repository, *words), capture_output=True, check=False, env=_environment())
    if answer.returncode:
        said = " ".join(answer.stderr.decode("utf-8", "replace").split())[:300]
        raise Refusal(f"git {words[0]} failed: {said or 'the commits have no history in common'}")
    return answer.stdout


def _words(repository: Path, *words: str) -> list[str]:
    return ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-C", str(repository), *words]


def _environment() -> Mapping[str, str]:
    return {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}


def _shown(left: Left) -> dict[str, str]:
    return {"where": visible(left.path), "code": left.code, "message": left.why}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Take the submission that a pull request changes, as data.")
    parser.add_argument("--repository", type=Path, required=True, help="where both commits are")
    parser.add_argument("--base", required=True, help="the base commit, all 40 digits")
    parser.add_argument("--head", required=True, help="the pull request's commit, all 40 digits")
    parser.add_argument("--into", type=Path, required=True, help="a new folder for the submissions")
    parser.add_argument("--changed", type=Path, required=True, help="a file for all changed paths, NUL-separated")
    parser.add_argument("--left", type=Path, required=True, help="a file for what was not taken, JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
