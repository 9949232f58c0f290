"""Checks one wheel without installing it: it is the pinned file, fits this platform, and brings only its own modules.

What it does when imported does not matter here: it is imported in isolation, and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cache as once
from pathlib import Path, PurePosixPath
from platform import python_version
from zipfile import ZipInfo

from installer.sources import WheelFile
from packaging.requirements import Requirement as Line
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_leaderboard.packaging import archives
from mmr_leaderboard.packaging.archives import checked_entries
from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.submission.manifest import Requirement

START_UP = frozenset({"sitecustomize", "usercustomize"})
"""Modules that an interpreter may import on its own when it starts."""
_DESCRIPTION_BYTES = {"METADATA": 1 << 20, "WHEEL": 1 << 16, "entry_points.txt": 1 << 18, "RECORD": 1 << 23}


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel that may be unpacked.

    :param path: the file that was looked at.
    :param sha256: hexadecimal, one of the pinned ones.
    :param distribution: in the normal form of package names.
    :param modules: the top-level names that can be imported from it.
    :param needs: what it requires on this platform, without extras.
    :param is_plugin: whether it has an entry point that the benchmark looks for.
    """

    path: Path
    sha256: str
    distribution: str
    version: str
    modules: frozenset[str]
    needs: tuple[str, ...]
    is_plugin: bool


def look_at(path: Path, requirement: Requirement, taken: Collection[str]) -> Wheel:
    """Checks that the wheel at `path` is what the requirement asks for.

    :param taken: module names that Python or the runner provides, which it must not have.
    :raises EnvironmentRefused: no-wheel if it is not a wheel, or one of something else; hash-mismatch; hostile-wheel.
    """
    where = path.name
    if not fits(where, requirement):
        raise _no_wheel(where, f"it is not a wheel of {requirement.requirement} for this Python and platform")
    sha256 = pinned_digest(path, requirement)
    entries = checked_entries(path, where)
    names = [entry.filename for entry in entries]
    _demand_nothing_that_runs_by_itself(names, where)
    _demand_short_descriptions(entries, where)
    said = _description(path)
    _demand_agreement(said, requirement, where)
    modules = _modules(names, where)
    reserved = {name.casefold() for name in taken}
    shadowed = tuple(sorted(module for module in modules if module.casefold() in reserved))
    if shadowed:
        raise _hostile(where, "it has modules with names that Python or the runner uses", shadowed)
    return Wheel(
        path=path,
        sha256=sha256,
        distribution=requirement.distribution,
        version=requirement.version,
        modules=modules,
        needs=said.needs,
        is_plugin=said.is_plugin,
    )


def fits(file_name: str, requirement: Requirement) -> bool:
    """Whether a file name is that of a wheel of the requirement for this Python and platform."""
    return closeness(file_name, requirement) is not None


def closeness(file_name: str, requirement: Requirement) -> int | None:
    """How close a wheel is to this platform, 0 being the closest; None if it does not fit."""
    try:
        name, version, _, tags = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        return None
    if name != requirement.distribution or version != Version(requirement.version):
        return None
    return min((place for tag in tags if (place := _places().get(tag)) is not None), default=None)


@once
def _places() -> dict[Tag, int]:
    return {tag: place for place, tag in enumerate(sys_tags())}


def pinned_digest(path: Path, requirement: Requirement) -> str:
    """The SHA-256 of the file, hexadecimal, if it is pinned.

    :raises EnvironmentRefused: hash-mismatch; hostile-wheel for a file too large to be read.
    """
    size = path.stat().st_size
    if size > archives.FILE_BYTES:
        raise _hostile(path.name, f"it has {size:,} bytes, and {archives.FILE_BYTES:,} are allowed")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if f"sha256:{digest}" not in requirement.hashes:
        raise EnvironmentRefused(
            f"its hash is sha256:{digest}, which is not pinned for {requirement.requirement}",
            where=path.name,
            code="hash-mismatch",
        )
    return digest


def _demand_nothing_that_runs_by_itself(names: Collection[str], where: str) -> None:
    hooks = tuple(name for name in names if name.casefold().endswith(".pth"))
    if hooks:
        raise _hostile(where, "it holds .pth files, which run code whenever Python starts", hooks)


def _modules(names: Collection[str], where: str) -> frozenset[str]:
    """Top-level importable names: the first part of each entry, also below `*.data/purelib` and `*.data/platlib`.

    A wheel describes one distribution, in its own folder; a second description would pass as another distribution.
    """
    tops, foreign = set(), []
    for name in names:
        parts = PurePosixPath(name).parts
        nested = parts[0].endswith(".data") and len(parts) > 2
        if nested and parts[1] not in ("purelib", "platlib"):
            continue
        top = parts[2] if nested else parts[0]
        described = top.casefold().endswith((".dist-info", ".egg-info"))
        if described and (nested or not top.endswith(".dist-info")):
            foreign.append(name)
        elif not described:
            tops.add(top.partition(".")[0])
    if foreign:
        raise _hostile(where, "it describes a second distribution", tuple(foreign))
    return frozenset(tops)


@dataclass(frozen=True, kw_only=True)
class _Description:
    """A wheel's own metadata; `suits` means this Python."""

    name: str
    version: str
    python: str
    suits: bool
    needs: tuple[str, ...]
    is_plugin: bool


def _demand_short_descriptions(entries: Collection[ZipInfo], where: str) -> None:
    long = tuple(
        entry.filename
        for entry in entries
        if PurePosixPath(entry.filename).parent.name.endswith(".dist-info")
        and entry.file_size > _DESCRIPTION_BYTES.get(PurePosixPath(entry.filename).name, archives.FILE_BYTES)
    )
    if long:
        raise _hostile(where, "its metadata is too long", long)


def _description(path: Path) -> _Description:
    """The content of METADATA and entry_points.txt, once RECORD agrees with every file."""
    try:
        with WheelFile.open(path) as source:
            source.validate_record(validate_contents=True)
            facts = HeaderParser().parsestr(source.read_dist_info("METADATA"))
            has_points = "entry_points.txt" in source.dist_info_filenames
            points = source.read_dist_info("entry_points.txt") if has_points else ""
        python = str(facts.get("Requires-Python", ""))
        lines = [Line(str(line)) for line in facts.get_all("Requires-Dist", [])]
        return _Description(
            name=str(facts.get("Name", "")),
            version=str(Version(str(facts.get("Version", "")))),
            python=python,
            suits=SpecifierSet(python).contains(python_version(), prereleases=True),
            needs=tuple(str(line) for line in lines if line.marker is None or line.marker.evaluate({"extra": ""})),
            is_plugin=f"[{ENTRY_POINT_GROUP}]" in (line.strip() for line in points.splitlines()),
        )
    except Exception as error:
        # All of this is untrusted text: whatever its readers stumble over was put there by the wheel's builder.
        said = _first_line(error).replace(str(path), path.name)
        raise _hostile(path.name, f"its content is not a wheel's: {said}") from error


def _demand_agreement(said: _Description, requirement: Requirement, where: str) -> None:
    it_is = canonicalize_name(said.name) == requirement.distribution
    if not it_is or Version(said.version) != Version(requirement.version):
        raise _hostile(
            where, f"its metadata says that it is {said.name!r} {said.version}, not {requirement.requirement}"
        )
    if not said.suits:
        raise _no_wheel(where, f"it wants Python {said.python}, and this is {python_version()}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _no_wheel(where: str, what: str) -> EnvironmentRefused:
    return EnvironmentRefused(what, where=where, code="no-wheel")


def _hostile(where: str, what: str, examples: tuple[str, ...] = ()) -> EnvironmentRefused:
    return EnvironmentRefused(what, where=where, code="hostile-wheel", examples=examples)
