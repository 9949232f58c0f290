"""What figures depend on besides data: the code of packages, by a digest of their files, and versions of libraries."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from mmr_core.errors import PluginError

ENGINE = __name__.partition(".")[0]
APART = ("authors", "cli", "logs", "render", "savings", "studies", "testing", "trained")
"""Rooms of the engine that measuring a cell never enters, so that cells stay finished when these change."""

LIBRARIES = ("mmr-bench", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "pillow", "torch", "open_clip_torch")
"""Distributions whose versions a result states where they are installed."""


@cache
def code_digest(package: str, apart: tuple[str, ...] = ()) -> str:
    """A digest of every file of a package or module, compiled ones left out.

    :param apart: modules and packages directly within it that do not count.
    :raises PluginError: if there is no such package.
    """
    state = blake2b(digest_size=16)
    for name, file in _files(package):
        if name.partition("/")[0].removesuffix(".py") in apart:
            continue
        state.update(f"{name}\0".encode())
        state.update(blake2b(file.read_bytes(), digest_size=16).digest())
    return state.hexdigest()


def _files(package: str) -> Sequence[tuple[str, Path]]:
    """The files of a package with their names within it, sorted."""
    spec = find_spec(package)
    if spec is None:
        raise PluginError(f"package {package!r} is not there", fix="install it again")
    if spec.submodule_search_locations is None:
        return [(package, Path(spec.origin))] if spec.origin and Path(spec.origin).is_file() else []
    return sorted(
        (path.relative_to(folder).as_posix(), path)
        for folder in map(Path, spec.submodule_search_locations)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on, where they are installed."""
    return {"python": platform.python_version(), **dict(_installed())}


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    found = []
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return tuple(found)
