"""Finds the wheel of each requirement: in the submission itself, in a wheelhouse, or at the package index.

Fetching with pip builds and runs nothing of a wheel, and is the only step here that uses the network.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmr_leaderboard.packaging.archives import FILE_BYTES
from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.packaging.wheels import Wheel, closeness, look_at, pinned_digest
from mmr_leaderboard.sandbox.contract import RunnerTrouble
from mmr_leaderboard.submission.manifest import Requirement

WHEELS = "wheels"
"""The folder of a submission that holds wheels of its own."""


@dataclass(frozen=True, kw_only=True)
class WheelSources:
    """Where wheels may come from, in order of preference.

    :param submission: the folder of the submission, whose `wheels/` is searched.
    :param wheelhouse: a folder of the maintainer's.
    :param index: whether pip may then ask the package index.
    :param downloads: where fetched wheels are kept; required with `index`.
    """

    submission: Path
    wheelhouse: Path | None = None
    index: bool = False
    downloads: Path | None = None

    def __post_init__(self) -> None:
        if self.index and self.downloads is None:
            raise ValueError("index needs a folder for downloads")


def find_wheels(wanted: Sequence[Requirement], sources: WheelSources, taken: Collection[str]) -> tuple[Wheel, ...]:
    """One checked wheel per requirement; no two have modules of the same name.

    :param taken: module names that none of them may have.
    :raises EnvironmentRefused: with the first requirement that has no wheel, or a wrong one.
    """
    found: list[Wheel] = []
    for requirement in wanted:
        wheel = look_at(_locate(requirement, sources), requirement, taken)
        for other in found:
            shared = tuple(sorted(wheel.modules & other.modules))
            if shared:
                raise EnvironmentRefused(
                    f"it has modules that {other.path.name} has too",
                    where=wheel.path.name,
                    code="hostile-wheel",
                    examples=shared,
                )
        found.append(wheel)
    return tuple(found)


def _locate(requirement: Requirement, sources: WheelSources) -> Path:
    """The first file whose hash is pinned.

    A file of the right name with a wrong hash ends the search only in the submission's own folder; elsewhere a wheel
    of the same name may be somebody else's build.
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
    """Plain files named like a wheel of the requirement, the closest to this platform first."""
    if folder is None or not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    close = ((closeness(path.name, requirement), path) for path in files)
    return [path for _, path in sorted((place, path) for place, path in close if place is not None)]


SECONDS = 600.0
_PIP = (
    "import resource, runpy, sys; "
    f"resource.setrlimit(resource.RLIMIT_FSIZE, ({FILE_BYTES + 1}, {FILE_BYTES + 1})); "
    "sys.argv[0] = 'pip'; "
    "runpy.run_module('pip', run_name='__main__')"
)
"""pip, unable to write a file much larger than a wheel may be: a pinned hash does not limit the size."""

_TROUBLE = re.compile(
    r"No space left on device|Temporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|Connection (refused|reset|aborted|timed out)|Read timed out|Cannot allocate memory"
)
"""What pip says of a machine or an index that fails, whatever the requirement."""

_MISMATCH = "DO NOT MATCH THE HASHES"
_PLACE = re.compile(r"\w+://\S+|host='[^']*'")


def download(requirement: Requirement, folder: Path) -> Path:
    """Fetches the wheel of a requirement into `folder`, under its own name.

    :raises EnvironmentRefused: hash-mismatch, or no-wheel with pip's last error in one line.
    :raises RunnerTrouble: if the index cannot be reached, or this machine has no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        wish, target = Path(scratch, "requirement.txt"), Path(scratch, "wheels")
        hashes = "".join(f" --hash={each}" for each in requirement.hashes)
        wish.write_text(f"{requirement.requirement}{hashes}\n")
        said = _run_pip(wish, target)
        found = sorted(target.glob("*.whl")) if target.is_dir() else []
        if len(found) != 1:
            raise EnvironmentRefused(
                f"pip found no wheel of {requirement.requirement}: {said}",
                where="submission.toml: router",
                code="hash-mismatch" if _MISMATCH in said else "no-wheel",
            )
        kept = folder / found[0].name
        os.replace(found[0], kept)
    return kept


def _run_pip(wish: Path, target: Path) -> str:
    """Runs `pip download`; returns the last thing it said, in one line."""
    command = [sys.executable, "-I", "-c", _PIP, "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--no-deps", "--require-hashes", "-r", str(wish), "-d", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"it did not end within {SECONDS:.0f} s"
    trouble = _TROUBLE.search(done.stderr)
    if done.returncode and trouble:
        raise RunnerTrouble(f"pip could not fetch a wheel: {trouble.group()}", where="the package index")
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    last = (errors or lines or [f"it ended with status {done.returncode}"])[-1]
    # Published text names neither folders of this machine nor the maintainer's index.
    return _PLACE.sub("...", last.replace(str(wish.parent), "..."))
