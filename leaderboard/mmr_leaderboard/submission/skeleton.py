"""Writes the beginning of a submission: a folder whose submission.toml is valid, with the pins of the day.

Each field has a comment that says what it is for. What a submitter must replace is valid text, so that `mmr leaderboard
validate` reports only what is really missing.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from mmr_core.errors import DataError, UsageError
from mmr_core.plugins import HOME, did_you_mean
from mmr_core.registry import Registry
from mmr_leaderboard.findings import printable
from mmr_leaderboard.submission.decision_rows import INSTANCE, MODEL, POINT
from mmr_leaderboard.submission.folder import CSV_GZ, LIMITS, NAME, WHEEL_COUNT, WHEELS
from mmr_leaderboard.submission.manifest import MANIFEST, REQUIREMENT, SCHEMA_VERSION, SLUG, Kind, Pins, Requirement
from mmr_leaderboard.submission.pins import Expected


@dataclass(frozen=True, kw_only=True)
class PackedWheel:
    """A wheel to put into the submission."""

    name: str
    content: bytes

    @property
    def requirement(self) -> str:
        """`name==version`, as the file name says."""
        distribution, version = self.name.split("-")[:2]
        return f"{distribution.replace('_', '-')}=={version}"

    @property
    def hash(self) -> str:
        return f"sha256:{sha256(self.content).hexdigest()}"


def write_skeleton(
    slug: str,
    submissions: Path,
    expected: Expected,
    kind: Kind,
    *,
    router: str | None = None,
    requirement: str | None = None,
    wheels: Sequence[Path] = (),
    template: bool = False,
) -> list[Path]:
    """Makes `submissions/<slug>/`, whole or not at all.

    :param router: the router's name in the registry; the slug where None. For kind "plugin"; where neither router nor
        requirement nor wheels are given, a built-in router stands there as an example.
    :param requirement: `name==version` of the distribution that has it; taken from the first wheel where None.
    :param wheels: files that are copied to wheels/, with their hashes in the manifest.
    :param template: for kind "decisions": decisions.csv.gz with every test instance and no model yet.
    :return: the files that were written.
    :raises UsageError: if the slug is invalid or taken, or options exclude each other.
    :raises DataError: if a wheel cannot be read, or is not named like a wheel.
    """
    if not SLUG.fullmatch(slug):
        raise UsageError(f"{slug!r} is not a slug", fix="use 2 to 63 lower-case letters, digits and '-'")
    if kind == "decisions" and (router or requirement or wheels):
        raise UsageError("a submission of decisions has no router", fix="leave out --router, --requirement and --wheel")
    if kind == "plugin" and template:
        raise UsageError("a plugin's decisions are made by the runner", fix="leave out --template")
    if requirement is not None and not REQUIREMENT.fullmatch(requirement):
        raise UsageError(f"{requirement!r} is not pinned", where="--requirement", fix="write name==version")
    packed = packed_wheels(wheels)
    files: dict[str, bytes] = {f"{WHEELS}/{wheel.name}": wheel.content for wheel in packed}
    part = _decisions_part() if kind == "decisions" else _router_part(slug, router, requirement, packed)
    files[MANIFEST] = (_common_part(slug, kind) + part + _pins_part(expected.pins)).encode()
    if template:
        files[CSV_GZ] = _template(expected)
    return _written(submissions, slug, files)


def requirement_of(router: str, requirement: str | None, registry: Registry) -> str | None:
    """The requirement of a router that no wheel was given for: the benchmark itself where it is built in.

    :raises UsageError: if it is neither built in nor said to be in another distribution.
    """
    if requirement is not None and requirement.partition("==")[0] != HOME:
        return requirement
    names = [item.name for item in registry.routers.specs() if item.provider.distribution == HOME]
    if router.removeprefix(f"{HOME}/") not in names:
        raise UsageError(
            f"no built-in router is called {router!r}{did_you_mean(router, names)}",
            where="--router",
            fix="name its distribution with --requirement name==version, or give its --wheel",
        )
    return requirement or f"{HOME}=={version(HOME)}"


def _written(submissions: Path, slug: str, files: Mapping[str, bytes]) -> list[Path]:
    """Puts the files into a new folder beside the target, and moves it there when it is complete."""
    target = submissions / slug
    taken = UsageError("it already exists", where=str(target), fix="choose another slug, or change its files")
    if os.path.lexists(target):
        raise taken
    submissions.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{slug}-", dir=submissions))
    try:
        made.chmod(0o755)
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        try:
            made.rename(target)
        except OSError:
            raise taken from None
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return [target / name for name in sorted(files)]


def packed_wheels(paths: Sequence[Path]) -> list[PackedWheel]:
    """The wheels at these paths.

    :raises UsageError: if they are too many or too large.
    :raises DataError: if one cannot be read, or is not named like a wheel.
    """
    if len(paths) > WHEEL_COUNT:
        raise UsageError(f"{len(paths)} wheels, and {WHEEL_COUNT} are allowed", where="--wheel")
    wheels = []
    for path in paths:
        if not (NAME.fullmatch(path.name) and path.suffix == ".whl" and path.name.count("-") in (4, 5)):
            raise DataError("is not named like a wheel", where=printable(str(path)), fix="give a .whl file")
        try:
            wheel = PackedWheel(name=path.name, content=path.read_bytes())
        except OSError as error:
            where = f"--wheel {printable(str(path))}"
            raise DataError(f"cannot be read: {error.strerror or error}", where=where, fix="name a wheel") from error
        if not REQUIREMENT.fullmatch(wheel.requirement):
            raise DataError("does not state a name and version", where=printable(str(path)), fix="build it again")
        wheels.append(wheel)
    total, limit = sum(len(wheel.content) for wheel in wheels), LIMITS[f"{WHEELS}/*.whl"]
    if total > limit:
        raise UsageError(f"the wheels have {total:,} bytes, and {limit:,} are allowed", where="--wheel")
    return wheels


def _common_part(slug: str, kind: Kind) -> str:
    title = slug.replace("-", " ").capitalize()
    return f"""# A submission to the MMR-Bench leaderboard. Every field is explained in docs/submissions.md.
schema_version = {SCHEMA_VERSION}

# The folder's name.
slug = {quoted(slug)}

# What the leaderboard calls the entry, at most 80 characters, and who made it.
display_name = {quoted(title)}
authors = ["Your Name"]

# Where maintainers can reach you; it stands here, and on no page.
contact = "you@example.org"

# "plugin": the runner fits and asks your router; ranked. "decisions": you give decisions; shown, not ranked.
kind = {quoted(kind)}

# What the router looks at: "multimodal", "text" or "image".
track = "multimodal"

# All that the router was fitted on, and all that parameters were chosen on. Never the test split.
data_used = ["mmr-v1 training split"]
selection_data = ["mmr-v1 validation part of the training split"]

# Services that decisions were made with, such as the API of a model. A plugin has no network.
external_calls = []

# When you change an entry that was scored: the digest that the leaderboard shows for it.
# supersedes = "0123456789abcdef0123456789abcdef"

# What readers should know, at most 2000 characters.
notes = ""

# Where the code is. open_source = true claims the badge and needs a repository, the whole commit and an SPDX license.
# [source]
# url = "https://example.org/you/your-router"
# commit = "0123456789abcdef0123456789abcdef01234567"
# license = "Apache-2.0"
# open_source = true
"""


def _router_part(slug: str, name: str | None, requirement: str | None, wheels: Sequence[PackedWheel]) -> str:
    if not (name or requirement or wheels):
        return _example_part()
    pinned = requirement or (wheels[0].requirement if wheels else f"mmr-router-{slug.strip('-')}==0.1.0")
    own = Requirement(requirement=pinned)
    at_home = own.distribution == HOME
    hashes: dict[str, list[str]] = {pinned: []}
    for wheel in wheels:
        other = Requirement(requirement=wheel.requirement)
        same = (other.distribution, other.version) == (own.distribution, own.version)
        hashes.setdefault(pinned if same else wheel.requirement, []).append(wheel.hash)
    hint = "none for mmr-bench itself" if at_home else "'pip hash FILE.whl' prints them"
    lines = f"""
[router]
# The distribution on the package index, or in wheels/, pinned by version and by the sha256 of its wheels ({hint}).
requirement = {quoted(pinned)}
hashes = {listed(hashes.pop(pinned))}

# The router's name in the registry: what 'mmr run --router' would say.
name = {quoted(name or slug)}

# What it is made with.
seed = 0
# params = {{ neighbours = 20 }}
# fusion = "concat"
"""
    for other_requirement, known in hashes.items():
        lines += f"""
# What the runner does not bring.
[[router.dependencies]]
requirement = {quoted(other_requirement)}
hashes = {listed(known)}
"""
    return lines


def _example_part() -> str:
    """A router of the benchmark itself, so that what `init` writes can be validated and run before it is changed."""
    return f"""
# To begin with, a built-in router, which runs as it stands. Put your own in its place: its distribution, pinned by
# version and by the sha256 of its wheels ('pip hash FILE.whl' prints them; 'mmr leaderboard init --wheel' writes them).
[router]
requirement = {quoted(f"{HOME}=={version(HOME)}")}
hashes = []

# The router's name in the registry: what 'mmr run --router' would say.
name = "knn"

# What it is made with.
seed = 0
params = {{ neighbours = 30 }}
# fusion = "concat"
"""


def _decisions_part() -> str:
    return f"""
# Beside this file: decisions.parquet, or {CSV_GZ}, with the columns {INSTANCE}, {POINT} and {MODEL}, or with
# one column of probabilities per model of the pool in place of {MODEL}. One row for each test instance at each point.
"""


def _pins_part(pins: Pins) -> str:
    return f"""
# What this was made for; 'mmr leaderboard init' writes them.
[pins]
table = {quoted(pins.table)}
split = {quoted(pins.split)}
pool = {quoted(pins.pool)}
"""


def _template(expected: Expected) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([INSTANCE, POINT, MODEL])
    writer.writerows([name, "0", ""] for name in expected.test_ids)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def quoted(text: str) -> str:
    """A TOML string: JSON's, except for one character that JSON does not escape."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def listed(words: Sequence[str]) -> str:
    return "[" + "".join(f"\n  {quoted(word)}," for word in words) + "\n]" if words else "[]"
