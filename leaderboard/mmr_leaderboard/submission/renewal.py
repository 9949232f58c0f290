"""Renews what a rebuild makes stale in a submission: the hashes and versions of its wheels, and the pins.

`submission.toml` is changed line by line, so that everything else in it, comments and order included, stays as it was
written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmr_core.errors import DataError, UsageError
from mmr_core.store.atomic import write_atomically
from mmr_leaderboard.submission.folder import WHEELS
from mmr_leaderboard.submission.manifest import MANIFEST, SLUG, Requirement
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.skeleton import PackedWheel, listed, packed_wheels, quoted

_HEADER = re.compile(r"[ \t]*\[\[?[ \t]*([\w.]+)[ \t]*\]\]?")
_VALUE = re.compile(r"[ \t]*(\w+)[ \t]*=")


def renew(slug: str, submissions: Path, expected: Expected, *, wheels: Sequence[Path] = ()) -> list[Path]:
    """Brings hashes, versions and pins of a submission up to date.

    :param wheels: rebuilt wheels, each of which replaces those of its distribution in `wheels/`. The hashes are those
        of the wheels that then lie there; a requirement without any keeps its own.
    :return: the files that were written.
    :raises UsageError: if there is no such submission, or a wheel is of a distribution that it does not require.
    :raises DataError: if submission.toml cannot be read, or is not written as `init` writes it.
    """
    folder = submissions / slug
    path = folder / MANIFEST
    if not SLUG.fullmatch(slug) or not path.is_file() or path.is_symlink():
        raise UsageError("there is no such submission", where=str(path), fix="leave out --update to make it")
    text, before = _read(path)
    router = before.get("router", {})
    required = [_distribution(each) for each in (router, *router.get("dependencies", [])) if "requirement" in each]
    given = packed_wheels(wheels)
    for wheel in given:
        if _own(wheel) not in required:
            raise UsageError(f"{_own(wheel)} is not required in {MANIFEST}", where=f"--wheel {wheel.name}")
    replaced = {_own(wheel) for wheel in given}
    lying = sorted((folder / WHEELS).glob("*.whl"))
    old = [file for file, wheel in zip(lying, packed_wheels(lying), strict=True) if _own(wheel) in replaced]
    kept = packed_wheels([file for file in lying if file not in old])
    renewed = "".join(_renewed(text, expected, [*kept, *given]))
    after = tomllib.loads(renewed)
    if after["pins"] != expected.pins.model_dump() or _rest(after) != _rest(before):
        raise DataError("it is not written as 'init' writes it", where=str(path), fix="change it by hand")
    written = [folder / WHEELS / wheel.name for wheel in given]
    for file in old:
        file.unlink()
    for target, wheel in zip(written, given, strict=True):
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(wheel.content)
    write_atomically(path, renewed)
    return [path, *written]


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path), fix="correct it") from error
    if not isinstance(found.get("pins"), dict) or not isinstance(found.get("router", {}), dict):
        raise DataError("has no [pins]", where=str(path), fix="begin again with 'mmr leaderboard init'")
    return text, found


def _renewed(text: str, expected: Expected, wheels: Sequence[PackedWheel]) -> Iterator[str]:
    """The lines of the manifest, with the values of stale fields replaced."""
    pins = expected.pins.model_dump()
    section, open_list, own = "", False, []
    for line in text.splitlines(keepends=True):
        if open_list:
            open_list = "]" not in line.partition("#")[0]
            continue
        end = "\n" if line.endswith("\n") else ""
        if header := _HEADER.match(line):
            section = header[1]
        elif field := _VALUE.match(line):
            head, name = line[: field.end()], field[1]
            if section == "pins" and name in pins:
                line = f"{head} {quoted(pins[name])}{end}"
            elif section in ("router", "router.dependencies") and name == "requirement":
                stated = tomllib.loads(line)["requirement"]
                own = [wheel for wheel in wheels if _own(wheel) == _distribution({"requirement": stated})]
                line = f"{head} {quoted(own[0].requirement)}{end}" if own and _outdated(stated, own) else line
            elif section in ("router", "router.dependencies") and name == "hashes" and own:
                open_list = "]" not in line.partition("#")[0]
                line = f"{head} {listed([wheel.hash for wheel in own])}\n"
        yield line


def _rest(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name not in ("pins", "router")}


def _outdated(stated: str, wheels: Sequence[PackedWheel]) -> bool:
    return Requirement(requirement=stated).version not in {
        Requirement(requirement=w.requirement).version for w in wheels
    }


def _own(wheel: PackedWheel) -> str:
    return Requirement(requirement=wheel.requirement).distribution


def _distribution(stated: dict[str, Any]) -> str:
    return re.sub(r"[-_.]+", "-", str(stated["requirement"]).partition("==")[0]).lower()
