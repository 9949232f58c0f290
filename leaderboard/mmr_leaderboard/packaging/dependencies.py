"""What the runner brings for every submission: the libraries that the benchmark needs, as a folder of links.

Submitted code does not see the runner's site-packages, only the files of distributions that mmr-bench requires,
including its extras for routers and encoders, and of what those require in turn. Other installed plugins, installers
and files that act when Python starts are left out.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache as once
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mmr_core.errors import MMRError
from mmr_core.hookspecs import ENTRY_POINT_PREFIX
from mmr_core.plugins import HOME
from mmr_leaderboard.packaging.environments import finished_folder

EXTRAS = ("torch", "clip")
"""The extras of the benchmark that routers and encoders may need, as far as they are installed."""
MODULES = {
    "dask": ("dask", "distributed"),
    "hatchling": ("hatchling",),
    "inspect-ai": ("inspect_ai",),
    "mkdocstrings": ("mkdocstrings",),
    "open-clip-torch": ("open_clip", "ftfy"),
    "pillow": ("PIL",),
    "pyyaml": ("yaml",),
    "scikit-learn": ("sklearn", "scipy"),
    "sentence-transformers": ("sentence_transformers", "transformers", "tokenizers", "safetensors"),
    "timm": ("timm", "huggingface_hub", "safetensors"),
    "torch": ("torch", "torchgen", "functorch", "triton"),
}
"""The modules of distributions that are named otherwise, or bring others that the benchmark imports with them."""
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
_COMPILED = "__pycache__"


@dataclass(frozen=True, kw_only=True, eq=False)
class Dependencies:
    """The libraries that submitted code can import.

    :param versions: distribution, in the normal form of names, to version.
    :param entries: path below the folder of links to the real file or folder that it stands for.
    """

    versions: Mapping[str, str]
    entries: Mapping[str, Path]

    @property
    def modules(self) -> frozenset[str]:
        """The top-level names that can be imported."""
        return frozenset(
            name.partition(".")[0] for name in self.entries if not name.endswith(".dist-info") and "/" not in name
        )

    @property
    def digest(self) -> str:
        """Changes with every version."""
        lines = "\n".join(f"{name}=={version}" for name, version in sorted(self.versions.items()))
        return hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()


@once
def dependencies() -> Dependencies:
    """The libraries that are installed now.

    :raises MMRError: if one of them is installed in a way that cannot be shown to a submission.
    """
    found = {name: distribution for name, distribution in _closure() if not _is_plugin(distribution)}
    entries: dict[str, Path] = {}
    for name, distribution in sorted(found.items()):
        for entry, target in _entries(name, distribution):
            if entries.setdefault(entry, target) != target:
                raise MMRError(
                    f"{entry} is in two places, and submissions could see only one of them",
                    where=f"package {name}",
                    fix="install all requirements into one virtual environment",
                )
    return Dependencies(versions={name: each.version for name, each in sorted(found.items())}, entries=entries)


@once
def extra_modules() -> frozenset[str]:
    """The module names of everything that the benchmark requires, with every extra, installed or not.

    A built-in encoder imports its extra by name: a wheel with that name would run as a part of the benchmark.
    """
    names = {canonicalize_name(Requirement(line).name) for line in metadata.requires(HOME) or ()} - {HOME}
    return frozenset(module for name in names for module in MODULES.get(name, (name.replace("-", "_"),)))


def links(brought: Dependencies, cache: Path) -> Path:
    """A folder with one link per entry, to be put on `sys.path`; made if it does not exist yet.

    :param cache: a folder for such folders; it is made.
    """
    lines = "\n".join(f"{name}\0{target}" for name, target in sorted(brought.entries.items()))
    key = hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()

    def fill(folder: Path) -> None:
        (folder / _COMPILED).mkdir()
        for name, target in brought.entries.items():
            (folder / name).symlink_to(target)

    return finished_folder(cache.resolve() / key, fill)


def _closure() -> Iterator[tuple[str, metadata.Distribution]]:
    """Every installed distribution that the benchmark requires, directly or not, without itself."""
    waiting = [(HOME, extra) for extra in ("", *EXTRAS)]
    asked = set(waiting)
    wishes: dict[str, tuple[Requirement, ...]] = {}
    while waiting:
        name, extra = waiting.pop()
        if name not in wishes:
            try:
                distribution = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                continue
            wishes[name] = tuple(Requirement(line) for line in distribution.requires or ())
            if name != HOME and name not in INSTALLERS:
                yield name, distribution
        for wish in wishes[name]:
            if wish.marker is None or wish.marker.evaluate({"extra": extra}):
                wanted = {(canonicalize_name(wish.name), each) for each in ("", *wish.extras)}
                waiting += sorted(wanted - asked)
                asked |= wanted


def _is_plugin(distribution: metadata.Distribution) -> bool:
    return any(point.group.startswith(ENTRY_POINT_PREFIX) for point in distribution.entry_points)


def _entries(name: str, distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """The top-level files and folders of a distribution, and the compiled forms of its single modules."""
    root = Path(str(distribution.locate_file(""))).resolve()
    recorded = _recorded(name, distribution)
    tops = {top for file in recorded if (top := _top(file))}
    importable = any("." not in top or top.endswith((".py", ".so")) for top in tops)
    # A distribution may consist of requirements alone; one with a pointer to sources elsewhere cannot be shown.
    if not importable and any(file.endswith(".pth") for file in recorded):
        raise MMRError(
            "it is installed in editable form, which cannot be shown to submissions",
            where=f"package {name}",
            fix=f"install it as a wheel: pip install --force-reinstall {name}",
        )
    for top in sorted(tops):
        if (root / top).exists():
            yield top, (root / top).resolve()


def _top(path: str) -> str:
    """The entry that a recorded file belongs to; empty for files outside, or that act when Python starts."""
    first, _, rest = path.partition("/")
    if first in ("", "..") or first.endswith(".pth"):
        return ""
    return f"{first}/{rest}" if first == _COMPILED else first


def _recorded(name: str, distribution: metadata.Distribution) -> tuple[str, ...]:
    """What the installer wrote down, as paths relative to site-packages."""
    record = distribution.read_text("RECORD")
    if record is not None:
        return tuple(row[0] for row in csv.reader(record.splitlines()) if row)
    files = distribution.files
    if files is None:
        raise MMRError(
            "no record says which files belong to it",
            where=f"package {name}",
            fix="install the benchmark into a virtual environment with pip",
        )
    return tuple(str(file) for file in files)
