"""Wheels made by hand, good ones and bad ones."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mmr_leaderboard.submission.manifest import Requirement, Router

Entry = str | zipfile.ZipInfo
PLUGIN = "[mmr.plugins.v1]\ndemo = demo\n"


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a wheel and returns its path.

    - `entries`: name, or `ZipInfo`, to content, besides what makes it a wheel.
    - `name`, `version`, `tag`: those of the file name.
    - `metadata`: lines of METADATA; those that agree with the file name unless given. None leaves the file out.
    - `record`: what RECORD says of an entry, by name; the truth unless given.
    - `entry_points`: what entry_points.txt says; the file is left out where that is empty.
    - `folder`: where it is put.
    """

    def write(
        entries: Mapping[Entry, bytes] | None = None,
        *,
        name: str = "demo",
        version: str = "1.0",
        tag: str = "py3-none-any",
        metadata: tuple[str, ...] | None = (),
        record: Mapping[str, str] | None = None,
        entry_points: str = PLUGIN,
        folder: Path | None = None,
    ) -> Path:
        inside = f"{name}-{version}.dist-info"
        content: dict[Entry, bytes] = dict(entries if entries is not None else {"demo/__init__.py": b"value = 1\n"})
        content[f"{inside}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        if entry_points:
            content[f"{inside}/entry_points.txt"] = entry_points.encode("utf-8", "surrogateescape")
        if metadata is not None:
            lines = metadata if any(line.startswith("Name:") for line in metadata) else (f"Name: {name}", *metadata)
            lines = lines if any(line.startswith("Version:") for line in lines) else (f"Version: {version}", *lines)
            content[f"{inside}/METADATA"] = "\n".join(("Metadata-Version: 2.1", *lines, "")).encode()
        rows = [f"{inside}/RECORD,,"]
        for entry, data in content.items():
            written = entry if isinstance(entry, str) else entry.filename
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append((record or {}).get(written, f"{written},sha256={digest},{len(data)}"))
        content[f"{inside}/RECORD"] = "\n".join(rows).encode()
        target = (folder or tmp_path) / f"{name}-{version}-{tag}.whl"
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, data in content.items():
                archive.writestr(entry, data)
        return target

    return write


@pytest.fixture
def pinned() -> Callable[..., Requirement]:
    """A function that makes the requirement whose hash a wheel has."""

    def pin(path: Path, requirement: str = "demo==1.0") -> Requirement:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Requirement(requirement=requirement, hashes=(f"sha256:{digest}",))

    return pin


@pytest.fixture
def router(pinned: Callable[..., Requirement]) -> Callable[..., Router]:
    """A function that makes the router of a submission from its wheels, the router's own first."""

    def make(*paths: Path, name: str = "demo") -> Router:
        own, *others = [pinned(path, "==".join(path.name.split("-")[:2])) for path in paths]
        return Router(requirement=own.requirement, hashes=own.hashes, name=name, dependencies=tuple(others))

    return make
