"""Fetches a pinned wheel with pip, building and running nothing of it: the one place that may use the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mmr_leaderboard.packaging.archives import FILE_BYTES
from mmr_leaderboard.packaging.refusals import EnvironmentRefused
from mmr_leaderboard.submission.manifest import Requirement

SECONDS = 600.0
_PIP = (
    "import resource, runpy, sys; "
    f"resource.setrlimit(resource.RLIMIT_FSIZE, ({FILE_BYTES + 1}, {FILE_BYTES + 1})); "
    "sys.argv[0] = 'pip'; "
    "runpy.run_module('pip', run_name='__main__')"
)
"""pip, unable to write a file much larger than a wheel may be: a pinned hash says nothing of a size."""

_MISMATCH = "DO NOT MATCH THE HASHES"
_PLACE = re.compile(r"\w+://\S+|host='[^']*'")


def download(requirement: Requirement, folder: Path) -> Path:
    """The wheel of a requirement, kept in `folder` under its own name.

    :raises EnvironmentRefused: hash-mismatch, or no-wheel with pip's last error in one line.
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
                f"pip brings no wheel of {requirement.requirement}: {said}",
                where="submission.toml: router",
                code="hash-mismatch" if _MISMATCH in said else "no-wheel",
            )
        kept = folder / found[0].name
        os.replace(found[0], kept)
    return kept


def _run_pip(wish: Path, target: Path) -> str:
    """Runs `pip download`; what it said last, in one line."""
    command = [sys.executable, "-I", "-c", _PIP, "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--no-deps", "--require-hashes", "-r", str(wish), "-d", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"it did not end within {SECONDS:.0f} s"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    last = (errors or lines or [f"it ended with status {done.returncode}"])[-1]
    # What is published names neither folders of this machine nor the maintainer's index.
    return _PLACE.sub("...", last.replace(str(wish.parent), "..."))
