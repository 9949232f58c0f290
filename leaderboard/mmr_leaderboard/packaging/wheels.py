"""Looks at one wheel without installing it: that it is the pinned file, fits this platform, and brings only its own.

What it does once it is imported is no matter of this room: it is imported in isolation, and nowhere else.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from platform import python_version

from installer.sources import WheelFile
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Line
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_leaderboard.packaging.archives import FILE_BYTES, checked_entries
from mmr_leaderboard.packaging.refusals import EnvironmentRefused
from mmr_leaderboard.submission.manifest import Requirement

START_UP = frozenset({"sitecustomize", "usercustomize"})
"""Modules that an interpreter may import by itself when it starts."""
_METADATA_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel that may be unpacked.

    :param path: the file that was looked at.
    :param sha256: hexadecimal, one of those that are pinned.
    :param distribution: in the normal form of package names.
    :param modules: the names at the top of what can be imported from it.
    :param needs: what it requires on this platform, without extras.
    """

    path: Path
    sha256: str
    distribution: str
    version: str
    modules: frozenset[str]
    needs: tuple[str, ...]


def look_at(path: Path, requirement: Requirement, taken: Collection[str]) -> Wheel:
    """The wheel at `path` as what the requirement asks for.

    :param taken: names of modules that it must not bring, because Python or the runner does.
    :raises EnvironmentRefused: no-wheel if it is no wheel, or for something else; hash-mismatch; hostile-wheel.
    """
    where = path.name
    if not fits(where, requirement):
        raise _no_wheel(where, f"it is no wheel of {requirement.requirement} for this Python and platform")
    sha256 = pinned_digest(path, requirement)
    entries = checked_entries(path, where)
    names = [entry.filename for entry in entries]
    _demand_nothing_that_runs_by_itself(names, where)
    facts = _metadata(path, requirement)
    modules = _modules(names, where)
    reserved = {name.casefold() for name in taken}
    shadowed = tuple(sorted(module for module in modules if module.casefold() in reserved))
    if shadowed:
        raise _hostile(where, "it brings modules under names that Python or the runner has", shadowed)
    return Wheel(
        path=path,
        sha256=sha256,
        distribution=requirement.distribution,
        version=requirement.version,
        modules=modules,
        needs=_needs(facts, where),
    )


def fits(file_name: str, requirement: Requirement) -> bool:
    """Whether a file is called like a wheel of the requirement for this Python and this platform."""
    try:
        name, version, _, tags = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        return False
    is_it = name == requirement.distribution and version == Version(requirement.version)
    return is_it and not tags.isdisjoint(sys_tags())


def pinned_digest(path: Path, requirement: Requirement) -> str:
    """The SHA-256 of the file, hexadecimal, if it is one of those that are pinned.

    :raises EnvironmentRefused: hash-mismatch; hostile-wheel for a file too large to be read.
    """
    size = path.stat().st_size
    if size > FILE_BYTES:
        raise _hostile(path.name, f"it has {size:,} bytes where {FILE_BYTES:,} are allowed")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if f"sha256:{digest}" not in requirement.hashes:
        raise EnvironmentRefused(
            f"its hash is sha256:{digest}, which is not pinned for {requirement.requirement}",
            where=path.name,
            code="hash-mismatch",
        )
    return digest


def registers_plugins(path: Path) -> bool:
    """Whether a wheel that was looked at has an entry point that the benchmark looks for."""
    with WheelFile.open(path) as source:
        has_any = "entry_points.txt" in source.dist_info_filenames
        return has_any and f"[{ENTRY_POINT_GROUP}]" in source.read_dist_info("entry_points.txt").split()


def _demand_nothing_that_runs_by_itself(names: Collection[str], where: str) -> None:
    hooks = tuple(name for name in names if name.casefold().endswith(".pth"))
    if hooks:
        raise _hostile(where, "it holds .pth files, which run code whenever Python starts", hooks)


def _modules(names: Collection[str], where: str) -> frozenset[str]:
    """What can be imported: the first part of each entry, below `*.data/purelib` and `*.data/platlib` too.

    A wheel describes one distribution, in its own folder: a second description would pass for another distribution.
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


def _metadata(path: Path, requirement: Requirement) -> Message:
    """The METADATA of the wheel, once it agrees with the name of the file and RECORD with every file."""
    where = path.name
    try:
        with WheelFile.open(path) as source:
            folder = source.dist_info_dir
            listed = zipfile.Path(path, f"{folder}/METADATA")
            if not listed.exists():
                raise _hostile(where, "it has no METADATA")
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(f"{folder}/METADATA").file_size > _METADATA_BYTES:
                    raise _hostile(where, "its METADATA is too large")
            source.validate_record(validate_contents=True)
            facts = HeaderParser().parsestr(source.read_dist_info("METADATA"))
    except EnvironmentRefused:
        raise
    except Exception as error:
        # Whatever the readers of zip archives and of RECORD stumble over was put there by the builder of the wheel.
        said = _first_line(error).replace(str(path), where)
        raise _hostile(where, f"it is no wheel inside: {said}") from error
    _demand_agreement(facts, requirement, where)
    return facts


def _demand_agreement(facts: Message, requirement: Requirement, where: str) -> None:
    name, version, python = (str(facts.get(key, "")) for key in ("Name", "Version", "Requires-Python"))
    try:
        agrees = canonicalize_name(name) == requirement.distribution and Version(version) == Version(
            requirement.version
        )
    except InvalidVersion:
        agrees = False
    if not agrees:
        raise _hostile(where, f"it says inside that it is {name!r} {version!r}, not {requirement.requirement}")
    try:
        suits = SpecifierSet(python).contains(python_version(), prereleases=True)
    except InvalidSpecifier:
        raise _hostile(where, f"its Requires-Python {python!r} means nothing") from None
    if not suits:
        raise _no_wheel(where, f"it wants Python {python}, and this is {python_version()}")


def _needs(facts: Message, where: str) -> tuple[str, ...]:
    try:
        lines = [Line(str(line)) for line in facts.get_all("Requires-Dist", [])]
        return tuple(str(line) for line in lines if line.marker is None or line.marker.evaluate({"extra": ""}))
    except InvalidRequirement as error:
        raise _hostile(where, f"a requirement in its METADATA means nothing: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _no_wheel(where: str, what: str) -> EnvironmentRefused:
    return EnvironmentRefused(what, where=where, code="no-wheel")


def _hostile(where: str, what: str, examples: tuple[str, ...] = ()) -> EnvironmentRefused:
    return EnvironmentRefused(what, where=where, code="hostile-wheel", examples=examples)
