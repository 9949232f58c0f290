"""What the run of one submission came to, and the cache that keeps verdicts between runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, FiniteFloat, JsonValue, ValidationError

from mmr_core.errors import MMRError
from mmr_core.store.atomic import write_atomically
from mmr_leaderboard.ranking.scoring import Figures
from mmr_leaderboard.sandbox.contract import Method
from mmr_leaderboard.schema import Check, Latency, PublishedFinding, StrictModel

LONGEST = 10_000
"""The most bytes of a router's statement of its parameters."""


class RouterRun(StrictModel):
    """The router as it ran, as stated by the isolated process; nothing depends on it."""

    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    fusion: str | None = None

    @classmethod
    def stated(cls, words: Mapping[str, Any]) -> RouterRun | None:
        """The statement, if it is valid; None if it is not, or is too long.

        Values that JSON cannot hold make it invalid, so that what is kept and published reads back unchanged.
        """
        try:
            told = cls(parameters=words.get("parameters", {}), fusion=words.get("fusion"))
            text = json.dumps(told.model_dump(), allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return None
        return told if len(text) <= LONGEST else None


class Verdict(StrictModel):
    """Everything about one entry that takes time to compute.

    :ivar figures: None if the entry failed; `findings` then say why.
    :ivar statistics: those of the audit, by name.
    :ivar flags: codes that the audit raised.
    :ivar choices: the model chosen for each test instance at the audit's few operating points.
    :ivar revision_of: slug and digest of the version that the flag "suspicious-revision" is about, if another entry's.
    """

    figures: Figures | None
    findings: tuple[PublishedFinding, ...] = ()
    checks: tuple[Check, ...] = ()
    latency: Latency | None = None
    isolation: Method | None = None
    router: RouterRun | None = None
    statistics: dict[str, FiniteFloat | None] = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    choices: tuple[tuple[int, ...], ...] = ()
    revision_of: str = ""


Kept = TypeVar("Kept", bound=BaseModel)

SOURCES = (
    "mmr_core",
    "mmr_plugins",
    *(
        f"mmr_leaderboard.{room}"
        for room in ("audit", "child", "jobs", "packaging", "ranking", "sandbox", "submission")
    ),
)
"""Packages whose sources go into the key of every verdict; those that publish it do not."""


def key(parts: Mapping[str, Any]) -> str:
    """A digest of everything that goes into a verdict, independent of the order of its parts."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def sources_digest() -> str:
    """A digest of every source file that figures depend on, so that changed code computes anew."""
    state = blake2b(digest_size=16)
    for package in SOURCES:
        root = Path(str(files(package)))
        for file in sorted(root.rglob("*")):
            if file.suffix in (".py", ".toml", ".csv", ".json") and file.is_file():
                state.update(f"{package}/{file.relative_to(root).as_posix()}\0".encode())
                state.update(blake2b(file.read_bytes(), digest_size=16).digest())
    return state.hexdigest()


class VerdictCache:
    """A folder of verdicts, one file each.

    A file that is damaged, or of another version of this program, counts as absent. Nothing published depends on the
    cache: everything in it can be computed again.

    :param folder: made if it does not exist.
    :raises MMRError: if it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(folder, error) from error

    def get(self, kind: type[Kept], at: str) -> Kept | None:
        """The value kept under a key; None if there is none, or it cannot be read."""
        try:
            return kind.model_validate_json(self._file(at).read_bytes())
        except (OSError, ValidationError):
            return None

    def put(self, value: BaseModel, at: str) -> None:
        """Keeps a value under a key.

        :raises MMRError: if it cannot be written.
        """
        try:
            write_atomically(self._file(at), value.model_dump_json())
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def _file(self, at: str) -> Path:
        return self._folder / at[:2] / f"{at}.json"


def _unusable(folder: Path, error: OSError) -> MMRError:
    return MMRError(
        f"the cache cannot be written: {error.strerror or error}",
        where=str(folder),
        fix="make room there, or set MMR_CACHE_DIR to another folder",
    )
