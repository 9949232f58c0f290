"""`submission.toml`: what a submitter states, as a pydantic model, and how its bytes are read.

`folder` finds the file; `statements` judges what it says.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from mmr_core.plugins import HOME
from mmr_leaderboard.findings import Finding, finding

MANIFEST = "submission.toml"
SCHEMA_VERSION = 1
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")
HASH = re.compile(r"sha256:[0-9a-f]{64}")

SHOWN = 20
"""How many wrong fields are reported at once."""

DEEPEST = 32
"""How deep tables and arrays may be nested."""

_CHAIN = re.compile(r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')){200}""")
"""A key of hundreds of parts: it has no use, and reading it takes time quadratic in their number."""

Kind = Literal["plugin", "decisions"]
Track = Literal["multimodal", "text", "image"]


def _seen_as_written(text: str) -> str:
    """Refuses text with control characters, or with characters that change the writing direction.

    :raises ValueError: if there is such a character.
    """
    for letter in text:
        unseen = unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
        if (unseen and letter not in "\n\t") or unicodedata.bidirectional(letter) in _REORDERING:
            raise ValueError(f"the character U+{ord(letter):04X} is not allowed here")
    return text


def _on_one_line(text: str) -> str:
    """The same, for text on one line."""
    if "\n" in text or "\t" in text:
        raise ValueError("it should be one line, without tabs")
    return _seen_as_written(text)


_REORDERING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
OneLine = Annotated[str, AfterValidator(_on_one_line)]
Line = Annotated[OneLine, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Requirement(_Part):
    """A distribution pinned by version and by the hashes of its wheels."""

    requirement: str = Field(description="name==version", pattern=f"^{REQUIREMENT.pattern}$", max_length=200)
    hashes: tuple[Annotated[str, Field(pattern=f"^{HASH.pattern}$")], ...] = Field(
        (), max_length=64, description="sha256 of each wheel that may be installed; none for mmr-bench itself"
    )

    @property
    def distribution(self) -> str:
        """The name in the normal form of package names."""
        return re.sub(r"[-_.]+", "-", self.requirement.partition("==")[0]).lower()

    @property
    def version(self) -> str:
        return self.requirement.partition("==")[2]

    @property
    def is_home(self) -> bool:
        """Whether it is the benchmark's own distribution, which the runner brings."""
        return self.distribution == HOME


class Source(_Part):
    """Where the code is."""

    url: OneLine = Field(pattern=r"^https://[^\s]+$", max_length=500, description="where it is; https only")
    commit: str = Field("", pattern=r"^([0-9a-f]{7,64})?$", description="the commit that was submitted")
    license: OneLine = Field("", max_length=100, description="SPDX identifier")
    open_source: bool = Field(False, description="claims the badge; needs a repository, commit and license")


class Router(Requirement):
    """The router of a plugin submission, with everything that it is made with."""

    name: Line = Field(description="the router's name in the registry")
    params: dict[str, JsonValue] = Field(default_factory=dict, description="what it is made with")
    seed: int = Field(0, ge=0, lt=2**32, description="0 to 2^32 - 1")
    fusion: Line | None = Field(None, description="a fusion instead of the router's own default")
    fusion_params: dict[str, JsonValue] = Field(default_factory=dict, description="what that fusion is made with")
    encoder: Line | None = Field(None, description="an encoder instead of the board's, run inside the isolation")
    encoder_params: dict[str, JsonValue] = Field(default_factory=dict, description="what that encoder is made with")
    dependencies: tuple[Requirement, ...] = Field((), max_length=50, description="what the runner does not bring")


class Pins(_Part):
    """Digests of what the submission was made for."""

    table: str = Field(pattern=r"^[0-9a-f]{32}$", description="the outcome table")
    split: str = Field(pattern=r"^[0-9a-f]{32}$", description="the split")
    pool: str = Field(pattern=r"^[0-9a-f]{32}$", description="the model pool")


class Manifest(_Part):
    """The whole of `submission.toml`."""

    schema_version: Literal[1] = Field(description="1")
    slug: str = Field(pattern=f"^{SLUG.pattern}$", description="the name of the folder")
    display_name: Annotated[OneLine, Field(min_length=1, max_length=80, description="what the entry is called")]
    authors: tuple[Line, ...] = Field(min_length=1, max_length=50, description="who made it")
    contact: Line = Field(description="where maintainers can ask; it stands in the submission and on no page")
    kind: Kind = Field(description="'plugin' or 'decisions'")
    track: Track = Field(description="what the router looks at: 'multimodal', 'text' or 'image'")
    data_used: tuple[Line, ...] = Field((), max_length=50, description="what the router was fitted on")
    selection_data: tuple[Line, ...] = Field((), max_length=50, description="what parameters were chosen on")
    external_calls: tuple[Line, ...] = Field((), max_length=50, description="services that decisions were made with")
    supersedes: str | None = Field(None, pattern=r"^[0-9a-f]{32}$", description="digest of the version it replaces")
    notes: Annotated[str, AfterValidator(_seen_as_written)] = Field(
        "", max_length=2000, description="what readers should know"
    )
    source: Source | None = None
    router: Router | None = None
    pins: Pins

    @field_validator("schema_version", mode="before")
    @classmethod
    def _is_a_number(cls, given: object) -> object:
        """Refuses `true` and `1.0`, which Python takes for 1."""
        if type(given) is not int:
            raise ValueError(f"it should be {SCHEMA_VERSION}")
        return given

    @model_validator(mode="after")
    def _router_goes_with_kind(self) -> Self:
        if self.kind == "plugin" and self.router is None:
            raise ValueError("a plugin submission needs [router]")
        if self.kind == "decisions" and self.router is not None:
            raise ValueError("a submission of decisions has no [router]")
        return self

    def parameters(self) -> dict[str, Any]:
        """The router's parameters, without its seed."""
        return {} if self.router is None else dict(self.router.params)


def read_manifest(content: bytes) -> tuple[Manifest | None, list[Finding]]:
    """The manifest, or what is wrong with it; one of the two is empty.

    Types are strict: `"5"` is not a number, and `"yes"` is not a truth value.
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
        return None, [_bad("", f"it is not TOML: {error}")]
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
    """Values that TOML has and a published JSON document has not."""
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
            yield path, f"it is {value}, and numbers must be finite"
        elif not isinstance(value, str | int | float):
            yield path, f"it is a {type(value).__name__}; write it as a string"
