"""Judges what a manifest states: its slug, files, pins, data used, badge, and settings that no entry may have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from mmr_core.errors import MMRError
from mmr_core.plugins import HOME
from mmr_core.registry import Registry
from mmr_core.runner.references import is_reference
from mmr_core.specs import UNIFORM
from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.submission.folder import CSV_GZ, PARQUET, WHEELS, FolderContents
from mmr_leaderboard.submission.manifest import MANIFEST, Manifest, Router, Source
from mmr_leaderboard.submission.names import (
    OWN_SLUGS,
    REFERENCES,
    claims_to_be_the_benchmark,
    latin,
    passes_for,
    unreadable,
)
from mmr_leaderboard.submission.pins import Expected

_TEST = re.compile(r"(tests?|test(set|split|data|part)s?|heldout|holdout|eval(set|split)s?)\d*")
_TRAIN = re.compile(r"train|training|trainset|trainsplit|validation|val|valid")
_EVALUATION = frozenset({"evaluation", "eval", "evaluating", "testing", "scored", "scoring"})
_PART = frozenset(
    {"split", "splits", "set", "sets", "data", "part", "parts", "portion", "partition", "subset", "half", "instance"}
    | {"instances", "row", "rows", "query", "queries", "question", "questions", "example", "examples", "items"}
    | {"labels", "outcomes", "dataset", "datasets", "ids"}
)
_ALL = frozenset({"all", "full", "whole", "entire", "complete"})
_WHOLE = _PART | {"table", "tables", "benchmark", "bench"}
_BETWEEN = frozenset({"the", "of", "mmr", "v1", "outcome", "public", "published", "benchmark", "bench", "its"})
_AFTER_HYPHEN = _PART | {"only", "train", "training", "val", "validation", "and", "plus", "v1", "mmr", "mini"}
_ANYTHING = frozenset({"everything", "testmini", "minitest"})
_WORD = re.compile(r"[^\W_]+")

_REPOSITORY = re.compile(r"https://[^/\s@?#]+\.[^/\s@?#]+(/[^/\s?#]+){2,}/?")
_EXAMPLE = re.compile(r"(?i)(^|[@/.])example\.(com|org|net|edu)\b|\.(example|invalid|test)\b")

SCOPE, BATCH = "scope", "batch"


def statement_findings(
    manifest: Manifest, contents: FolderContents, expected: Expected, *, pinned: bool
) -> Iterator[Finding]:
    """What is wrong with what the manifest states."""
    if manifest.slug != contents.slug:
        yield finding("bad-slug", f"{MANIFEST}, slug", f"it is {manifest.slug!r} and the folder is {contents.slug!r}")
    yield from _files(manifest, contents)
    if pinned or manifest.kind == "decisions":
        yield from _pins(manifest, expected)
    yield from _data(manifest)
    yield from _names(manifest, expected)
    if manifest.source is not None and manifest.source.open_source:
        yield from _badge(manifest.source)
    if manifest.router is not None:
        name = manifest.router.name
        if is_reference_row(name, expected):
            yield finding("reference-row", f"{MANIFEST}, router.name", f"{name!r} is a reference row")
        for place, told in transductive_settings(manifest.router):
            yield finding("transductive", f"{MANIFEST}, {place}", told)


def is_reference_row(name: str, expected: Expected) -> bool:
    """Whether a router of this name is one of the reference rows."""
    short = name.strip().casefold().removeprefix(f"{HOME}/")
    return is_reference(short) or short == UNIFORM or short in {known.casefold() for known in expected.references}


def _files(manifest: Manifest, contents: FolderContents) -> Iterator[Finding]:
    """Files that are there and should not be, or the other way round."""
    places = {found.where for found in contents.findings}
    if manifest.kind == "plugin" and contents.decisions is not None:
        yield finding("unexpected-file", contents.decisions[0], "a plugin's decisions are made by the runner")
    if manifest.kind == "decisions":
        if contents.wheels:
            yield finding("unexpected-file", WHEELS, "a submission of decisions installs nothing", [*contents.wheels])
        if contents.decisions is None and not places.intersection((PARQUET, CSV_GZ)):
            yield finding("missing-decisions", PARQUET, f"there is neither {PARQUET} nor {CSV_GZ}")


def _pins(manifest: Manifest, expected: Expected) -> Iterator[Finding]:
    for pin in ("table", "split", "pool"):
        stated, due = getattr(manifest.pins, pin), getattr(expected.pins, pin)
        if stated != due:
            yield finding("stale-pins", f"{MANIFEST}, pins.{pin}", f"expected {due}, got {stated}")


def _badge(source: Source) -> Iterator[Finding]:
    """What the open-source badge lacks: readers must find this very code, and what they may do with it."""
    known = ""
    with suppress(InvalidLicenseExpression):
        known = canonicalize_license_expression(source.license) if source.license else ""
    wrong = {
        "license": not known or "LicenseRef-" in known,
        "commit": re.fullmatch(r"[0-9a-f]{40}", source.commit) is None,
        "url": _REPOSITORY.fullmatch(source.url) is None,
    }
    due = {
        "license": "an SPDX identifier",
        "commit": "the 40 hexadecimal digits of a commit",
        "url": "the address of a repository, https://host/owner/name",
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            given = getattr(source, name)
            told = (
                f"open_source is true; expected {due[name]}, got {given!r}"
                if given
                else (f"open_source is true and {name} not given")
            )
            yield finding("badge-without-source", f"{MANIFEST}, source.{name}", told)


def _names(manifest: Manifest, expected: Expected) -> Iterator[Finding]:
    """Names that cannot be read, or pass for somebody else's."""
    given = {"display_name": manifest.display_name} | {f"authors[{i}]": said for i, said in enumerate(manifest.authors)}
    for place, said in given.items():
        if reason := unreadable(said):
            yield finding("misleading-name", f"{MANIFEST}, {place}", reason)
    name = manifest.display_name
    if reserved := passes_for(name, (*expected.references, *expected.pool), REFERENCES):
        yield finding("misleading-name", f"{MANIFEST}, display_name", f"{name!r} passes for {reserved!r}")
    router = manifest.router
    own = manifest.slug in OWN_SLUGS or (router is not None and router.is_home and not router.dependencies)
    for place, said in given.items():
        if claims_to_be_the_benchmark(said) and not own:
            yield finding("misleading-name", f"{MANIFEST}, {place}", f"{said!r} passes for the benchmark's authors")


def placeholder_findings(manifest: Manifest) -> Iterator[Finding]:
    """Fields that still hold what the template says: nobody could be asked about such an entry."""
    given = {f"authors[{i}]": said for i, said in enumerate(manifest.authors)} | {"contact": manifest.contact}
    if manifest.source is not None:
        given["source.url"] = manifest.source.url
    for place, said in given.items():
        if said.casefold() == "your name" or _EXAMPLE.search(said):
            yield finding("placeholder", f"{MANIFEST}, {place}", f"{said!r} is an example")


def _data(manifest: Manifest) -> Iterator[Finding]:
    for place in ("data_used", "selection_data"):
        for i, said in enumerate(getattr(manifest, place)):
            if names_test_split(said):
                yield finding("test-split-used", f"{MANIFEST}, {place}[{i}]", f"{said!r} names the test split")


def names_test_split(said: str) -> bool:
    """Whether one entry of `data_used` or `selection_data` names the test split.

    The rule looks at words, not letters: text is brought to NFKC without invisible characters, marks and case, letters
    of other scripts that look like Latin ones are read as those, words torn apart by white space are put together, and
    words end at anything that is neither letter nor digit. An entry names the test split

    1. if it has one of the words *test, tests, testset, testsplit, testdata, heldout, holdout, evalset, evalsplit*
       (possibly with a number attached), unless a hyphen joins *test* to a word that makes it something else:
       "MMLU-test-taking" is a name, "mmr-v1-test" and "test-split" are the split; or *held-out*, *hold-out*;
    2. if *evaluation, eval, evaluating, testing, scored, scoring* stands before *split, set, data, part, ...*;
    3. if it has no word for training and says that it means everything: *all, full, whole, entire, complete* before
       *data, table, dataset, split, rows, ...* with at most two words of the benchmark's name between, or
       *everything*, or *testmini*.

    "latest", "contest" and "attestation" are other words. A denial names it too ("not the test split"): data_used
    lists what was used, and nothing else.
    """
    return any(_names_test_split(text) for text in {_without_marks(said), _joined(_without_marks(latin(said)))})


def _without_marks(said: str) -> str:
    plain = unicodedata.normalize("NFKC", said).casefold()
    return "".join(letter for letter in plain if unicodedata.category(letter) not in ("Cf", "Mn", "Me"))


def _joined(text: str) -> str:
    """The text with words put together that only white space, or what looks like it, has torn apart.

    "t e s t" and "te st" become one word where the pieces are one of the words that name the split.
    """
    words = re.split(r"[\s\u115f\u1160\u2800\u3164\uffa0]+", text)
    for i in range(len(words)):
        for j in range(i + 2, min(len(words), i + 10) + 1):
            if all(words[i:j]) and _TEST.fullmatch("".join(words[i:j])):
                return " ".join([*words[:i], "".join(words[i:j]), *words[j:]])
    return " ".join(words)


def _names_test_split(text: str) -> bool:
    found = list(_WORD.finditer(text))
    words = [match.group() for match in found]
    gaps = [text[a.end() : b.start()] for a, b in pairwise(found)] + [""]
    for i, word in enumerate(words):
        after = words[i + 1] if i + 1 < len(words) else ""
        compound = gaps[i] == "-" and after not in _AFTER_HYPHEN
        if _TEST.fullmatch(word) and not compound:
            return True
        if word in ("held", "hold") and after == "out":
            return True
        if word in _EVALUATION and after in _PART:
            return True
    return not any(_TRAIN.fullmatch(word) for word in words) and _means_everything(words)


def _means_everything(words: Sequence[str]) -> bool:
    if _ANYTHING.intersection(words):
        return True
    for i, word in enumerate(words):
        if word in _ALL:
            rest = [other for other in words[i + 1 : i + 5] if other not in _BETWEEN or other in _WHOLE]
            if rest and rest[0] in _WHOLE:
                return True
    return False


def transductive_settings(router: Router) -> Iterator[tuple[str, str]]:
    """Settings under which a router looks at all test queries at once, each as (field, what is wrong).

    Only the manifest is looked at, and the benchmark's own fusions are asked. What a third party's classes do is seen
    by the behaviour checks when they run. No router of the benchmark looks at more than one query at a time.
    """
    given = {"params": router.params, "fusion_params": router.fusion_params, "encoder_params": router.encoder_params}
    for place, parameters in given.items():
        if _has_batch_scope(parameters):
            yield f"router.{place}.{SCOPE}", f"{SCOPE} = {BATCH!r} takes statistics of the queries that are decided"
    if router.fusion is not None and _says_so(router.fusion):
        yield "router.fusion", f"fusion {router.fusion!r} looks at all queries of a batch"


def _has_batch_scope(parameters: Mapping[str, Any]) -> bool:
    value = {name.strip().casefold(): value for name, value in parameters.items()}.get(SCOPE)
    return isinstance(value, str) and value.strip().casefold() == BATCH


def _says_so(name: str) -> bool:
    """Whether it is a fusion of the benchmark that says of itself that it is transductive."""
    try:
        return bool(getattr(_registry().fusions.create(name), "transductive", False))
    except MMRError:
        return False


@cache
def _registry() -> Registry:
    return Registry.discover(trusts=lambda distribution: distribution == HOME)
