"""From the bytes of submission.toml to a `Manifest`, or to findings that say where it is wrong and what is due."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.submission.folder import MANIFEST
from mmr_leaderboard.submission.manifest import Manifest

SHOWN = 20
"""How many wrong fields are told at once."""

DEEPEST = 32
"""How deep tables and arrays may be nested."""

_CHAIN = re.compile(r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')){200}""")
"""A key of hundreds of parts: it can mean nothing, and reading it takes the square of their number."""


def read_manifest(content: bytes) -> tuple[Manifest | None, list[Finding]]:
    """The manifest, or what is wrong with it; one of the two is empty.

    Types are taken strictly: `"5"` is no number and `"yes"` no truth value.
    """
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
        if _CHAIN.search(text):
            return None, [_bad("", "it is nested too deeply")]
        stated = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [_bad(f"line {line}", "it is not UTF-8")]
    except RecursionError:
        return None, [_bad("", "it is nested too deeply")]
    except ValueError as error:  # tomllib's own error, and an integer of thousands of digits
        return None, [_bad("", f"it is no TOML: {error}")]
    beyond = list(_beyond_json(stated))
    if beyond:
        return None, _some([_bad(_path(path), fault) for path, fault in beyond])
    try:
        return Manifest.model_validate_json(json.dumps(stated, allow_nan=False), strict=True), []
    except ValidationError as error:
        return None, _some([_wrong(dict(one)) for one in error.errors(include_url=False)])


def _bad(place: str, fault: str) -> Finding:
    return finding("bad-manifest", f"{MANIFEST}, {place}" if place else MANIFEST, fault)


def _wrong(error: Mapping[str, Any]) -> Finding:
    given = error.get("input")
    told = isinstance(given, str | int | float) and error.get("type") not in ("missing", "extra_forbidden")
    shown = f", not {json.dumps(given)[:80]}" if told else ""
    return _bad(_path(error["loc"]), f"{str(error['msg']).removeprefix('Value error, ')}{shown}")


def _some(findings: Sequence[Finding]) -> list[Finding]:
    more = len(findings) - SHOWN
    return [*findings[:SHOWN], *([_bad("", f"{more} more fields are wrong")] if more > 0 else [])]


def _path(parts: Sequence[str | int]) -> str:
    """`router.dependencies[1].hashes` for what is nested."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _beyond_json(stated: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Values that TOML knows and a published JSON document does not."""
    left: list[tuple[tuple[str | int, ...], Any]] = [((), stated)]
    while left:
        path, value = left.pop()
        if len(path) > DEEPEST:
            yield path[:3], "it is nested too deeply"
            return
        if isinstance(value, Mapping):
            left += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            left += [((*path, i), inner) for i, inner in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            yield path, f"it is {value}, and numbers should be finite"
        elif not isinstance(value, str | int | float):
            yield path, f"it is a {type(value).__name__}; write it as a string"
