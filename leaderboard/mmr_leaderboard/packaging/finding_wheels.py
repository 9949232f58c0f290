"""Finds the wheel of each requirement: in the submission itself, in a wheelhouse, or at the package index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmr_leaderboard.packaging.downloading import download
from mmr_leaderboard.packaging.refusals import EnvironmentRefused
from mmr_leaderboard.packaging.wheels import Wheel, closeness, look_at, pinned_digest
from mmr_leaderboard.submission.manifest import Requirement

WHEELS = "wheels"
"""The folder of a submission that holds wheels of its own."""


@dataclass(frozen=True, kw_only=True)
class WheelSources:
    """Where wheels may come from, in this order.

    :param submission: the folder of the submission, whose `wheels/` is looked into.
    :param wheelhouse: a folder of the maintainer's.
    :param index: whether pip may then ask the package index.
    :param downloads: where what it fetched is kept; needed if it may.
    """

    submission: Path
    wheelhouse: Path | None = None
    index: bool = False
    downloads: Path | None = None

    def __post_init__(self) -> None:
        if self.index and self.downloads is None:
            raise ValueError("downloads have to be kept somewhere")


def find_wheels(wanted: Sequence[Requirement], sources: WheelSources, taken: Collection[str]) -> tuple[Wheel, ...]:
    """One wheel per requirement, each looked at; no two bring modules of the same name.

    :param taken: names of modules that none of them may bring.
    :raises EnvironmentRefused: with the first requirement that has no wheel, or a wrong one.
    """
    found: list[Wheel] = []
    for requirement in wanted:
        wheel = look_at(_locate(requirement, sources), requirement, taken)
        for other in found:
            shared = tuple(sorted(wheel.modules & other.modules))
            if shared:
                raise EnvironmentRefused(
                    f"it brings modules that {other.path.name} brings too",
                    where=wheel.path.name,
                    code="hostile-wheel",
                    examples=shared,
                )
        found.append(wheel)
    return tuple(found)


def _locate(requirement: Requirement, sources: WheelSources) -> Path:
    """The file to look at: the first whose hash is pinned.

    A file of the right name and a wrong hash ends the search only in the submission's own folder; elsewhere a wheel
    of the same name may well be somebody else's build.
    """
    strangers = []
    for folder in (sources.submission / WHEELS, sources.wheelhouse, sources.downloads):
        for path in _candidates(requirement, folder):
            try:
                pinned_digest(path, requirement)
            except EnvironmentRefused as error:
                if error.code != "hash-mismatch" or folder == sources.submission / WHEELS:
                    raise
                strangers.append(error)
            else:
                return path
    if sources.index and sources.downloads is not None:
        return download(requirement, sources.downloads)
    if strangers:
        raise strangers[0]
    looked = "wheels/" if sources.wheelhouse is None else "wheels/ or the wheelhouse"
    raise EnvironmentRefused(
        f"there is no wheel of {requirement.requirement} for this Python and platform in {looked}",
        where="submission.toml: router",
        code="no-wheel",
    )


def _candidates(requirement: Requirement, folder: Path | None) -> list[Path]:
    """Plain files that are called like a wheel of it, the closest to this platform first."""
    if folder is None or not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    close = ((closeness(path.name, requirement), path) for path in files)
    return [path for _, path in sorted((place, path) for place, path in close if place is not None)]
