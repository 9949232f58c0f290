"""Everything that can be found wrong with a submission: one list of stable codes, and what a finding says.

`CODES` is the single source. The documentation's table is made from it, and a test demands an example of each. A code
never changes its meaning; a new meaning gets a new code.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EXAMPLES = 10
"""How many examples a finding shows."""

Stage = Literal["folder", "manifest", "decisions", "change", "environment", "run", "behaviour", "audit"]
Weight = Literal["refused", "flagged"]


@dataclass(frozen=True, kw_only=True)
class Code:
    """One thing that can be wrong.

    :param name: stable; what people search for.
    :param stage: where it is found.
    :param weight: "refused" keeps the entry from being ranked; "flagged" is shown to maintainers and rejects nothing.
    :param meaning: what is wrong, one sentence.
    :param remedy: what the submitter does about it, one sentence.
    """

    name: str
    stage: Stage
    weight: Weight
    meaning: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One code met at one place.

    :param code: the name of a `Code`.
    :param where: file, and column, row or field where that is known; relative to the submission.
    :param message: what was found, one line.
    :param examples: the first ten of `count`.
    :param count: how many there are.
    """

    code: str
    where: str
    message: str
    examples: tuple[str, ...] = ()
    count: int = 1

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is not a code of mmr_leaderboard.findings")

    def __str__(self) -> str:
        shown = f" (e.g. {', '.join(self.examples)})" if self.examples else ""
        return f"{self.code}: {self.where}: {self.message}{shown}; {CODES[self.code].remedy}"


def finding(code: str, where: str, message: str, examples: Sequence[object] = ()) -> Finding:
    """A finding with the first ten of its examples, each made printable."""
    shown = tuple(printable(str(example)) for example in examples[:EXAMPLES])
    return Finding(
        code=code, where=printable(where), message=printable(message), examples=shown, count=max(1, len(examples))
    )


def unjudged(error: Exception) -> Finding:
    """The finding for an entry on which the runner itself raised: what, and where in the runner."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"the runner ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else "the runner"
    return finding("unjudged", where, reason_of(error))


def reason_of(error: Exception) -> str:
    """The type and message of an exception."""
    return f"{type(error).__name__}: {error}"


def refused(findings: Iterable[Finding]) -> bool:
    """Whether one of the findings keeps the entry from being ranked."""
    return any(CODES[found.code].weight == "refused" for found in findings)


def printable(text: str, limit: int = 300) -> str:
    """Makes untrusted text one short line without anything that a terminal would act on."""
    line = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _code(name: str, stage: Stage, weight: Weight, meaning: str, remedy: str) -> Code:
    return Code(name=name, stage=stage, weight=weight, meaning=meaning, remedy=remedy)


_ALL = (
    # The folder, before anything in it is read.
    _code("bad-slug", "folder", "refused", "The folder's name is not a slug, or differs from the manifest's.",
          "name it with lower-case letters, digits and '-', and write the same in submission.toml"),
    _code("unexpected-file", "folder", "refused", "The folder holds a file or folder that no submission has.",
          "leave only submission.toml, the decisions file, README.md and wheels/*.whl"),
    _code("strange-name", "folder", "refused", "A file name has spaces, control characters or a path in it.",
          "use letters, digits, '.', '_', '+' and '-'"),
    _code("not-a-plain-file", "folder", "refused", "Something is a symbolic link, a device, a pipe or a hard link.",
          "replace it with a plain file"),
    _code("too-large", "folder", "refused", "A file is larger than its kind may be; it was not read.",
          "make it smaller; the limits are in the table of files"),
    _code("pickle", "folder", "refused", "A file is a pickle, or would need one to be read.",
          "give decisions as Parquet or as gzipped CSV"),
    _code("archive-bomb", "folder", "refused", "A compressed file unpacks to more than it may.",
          "give the plain data; nothing needs such a ratio"),
    # The manifest.
    _code("bad-manifest", "manifest", "refused", "submission.toml is missing, is not TOML, or has a wrong field.",
          "correct the field that is named"),
    _code("stale-pins", "manifest", "refused", "The pins belong to another table, split or model pool.",
          "run 'mmr leaderboard init' again and copy the new pins"),
    _code("test-split-used", "manifest", "refused", "data_used or selection_data names the test split.",
          "fit and select on the training split, which includes the validation part"),
    _code("badge-without-source", "manifest", "refused", "It is called open source, and its source is not stated.",
          "give a repository's url, the 40 digits of a commit and an SPDX license, or leave open_source out"),
    _code("misleading-name", "manifest", "refused", "A name cannot be read, or passes for somebody else's.",
          "choose a name in letters of one script that is unlike those on the board"),
    _code("placeholder", "manifest", "refused", "A field still holds the template's example.",
          "say who made it and where maintainers can ask"),
    _code("reference-row", "manifest", "refused", "The router is a reference row, which everybody has already.",
          "submit a router"),
    _code("transductive", "manifest", "refused", "The router or its fusion looks at all test queries at once.",
          "fit statistics on the training split"),
    _code("missing-decisions", "manifest", "refused", "The manifest announces decisions, but there is no such file.",
          "add decisions.parquet or decisions.csv.gz"),
    _code("duplicate-entry", "manifest", "refused", "The decisions are those of another entry.",
          "withdraw one of the two"),
    _code("changed-without-supersedes", "manifest", "refused", "An entry that was scored has changed.",
          "name the digest of the scored version in supersedes"),
    # The decisions.
    _code("unreadable-decisions", "decisions", "refused", "The decisions file cannot be read as what it is called.",
          "write it again, as Parquet or as gzipped CSV in UTF-8"),
    _code("extra-column", "decisions", "refused", "There is a column that decisions do not have.",
          "leave it out; costs, tokens, utilities and metrics are the benchmark's own"),
    _code("missing-column", "decisions", "refused", "A column that decisions need is missing.",
          "give instance_id, operating_point, and model or one probability column per model"),
    _code("missing-instance", "decisions", "refused", "A test instance has no decision at an operating point.",
          "decide every test instance at every operating point"),
    _code("unknown-instance", "decisions", "refused", "A decision is about an instance that is not in the test split.",
          "decide the test instances of the pinned table"),
    _code("two-decisions", "decisions", "refused", "An instance has two decisions at one operating point.",
          "make exactly one call per instance"),
    _code("null-decision", "decisions", "refused", "A decision is empty.", "name a model for every instance"),
    _code("model-not-in-pool", "decisions", "refused", "A decision names a model that is not in the pool.",
          "use the names of the model pool"),
    _code("bad-probability", "decisions", "refused", "Probabilities are negative, not finite, or do not sum to 1.",
          "give rows that are not negative and sum to 1 within 1e-6"),
    _code("too-many-points", "decisions", "refused", "There are more operating points than a curve may have.",
          "keep to 256 operating points"),
    # The change that brings it.
    _code("change-outside", "change", "refused", "The change touches files outside one submission folder.",
          "change files under submissions/<slug>/ only"),
    # The environment.
    _code("bad-requirement", "environment", "refused", "A requirement is not pinned by version and hash.",
          "write name==version and the sha256 hashes of its wheels"),
    _code("no-wheel", "environment", "refused", "No wheel fits the requirement and its hashes on this platform.",
          "publish a wheel, or put it into wheels/ of the submission"),
    _code("hash-mismatch", "environment", "refused", "A wheel is not the file whose hash is pinned.",
          "pin the hash of the file that is there"),
    _code("hostile-wheel", "environment", "refused", "A wheel holds .pth files, paths that escape, links or a bomb.",
          "build a plain wheel"),
    _code("no-such-router", "environment", "refused", "The installed distribution registers no such router.",
          "name the router that the plugin registers"),
    # The run.
    _code("isolation-impossible", "run", "refused", "No way of isolation works on this machine.",
          "install bubblewrap, or a kernel with Landlock; --unsafe runs it without rank"),
    _code("raised", "run", "refused", "The router raised an exception, or ended its process.",
          "fix the router; the message is its own"),
    _code("timeout", "run", "refused", "The router did not end within the wall-clock limit.",
          "make it quicker"),
    _code("cpu-limit", "run", "refused", "The router used up its processor time.", "make it quicker"),
    _code("memory-limit", "run", "refused", "The router asked for more memory than it may have.",
          "make it smaller"),
    _code("killed", "run", "refused", "The router's process was killed by the kernel.",
          "look for forbidden system calls and for file sizes beyond the limit"),
    _code("output-too-large", "run", "refused", "The answer is larger than it may be.",
          "answer with one row per query"),
    _code("no-answer", "run", "refused", "The process ended without an answer.", "let the driver finish"),
    _code("not-an-array-file", "run", "refused", "The answer is not a file of plain arrays; it was not read further.",
          "leave the answer to the driver"),
    _code("wrong-shape", "run", "refused", "Predictions have a wrong shape or type.",
          "give [n, K] for n queries and K models"),
    _code("not-finite", "run", "refused", "Predictions are NaN or infinite.", "predict finite numbers"),
    _code("bad-decision", "run", "refused", "A policy router's decisions break the contract.",
          "give one model index, or one row of probabilities, per query"),
    _code("unjudged", "run", "refused", "The runner raised an exception while it judged this entry.",
          "report the message to the maintainers; it names what the runner could not handle"),
    # Behaviour.
    _code("not-deterministic", "behaviour", "refused", "The same seed gave other decisions the second time.",
          "seed everything, and depend on no clock, address or thread"),
    _code("order-matters", "behaviour", "refused", "Decisions change with the order of the queries.",
          "answer each query by itself"),
    _code("batch-matters", "behaviour", "refused", "A query alone is decided differently than among others.",
          "answer each query by itself"),
    _code("subset-matters", "behaviour", "refused", "Decisions change when other queries are left out.",
          "answer each query by itself"),
    _code("ids-matter", "behaviour", "refused", "Decisions change with the opaque ids of the queries.",
          "do not read ids"),
    _code("cost-not-in-usd", "behaviour", "refused",
          "A model's mean predicted cost is more than a factor of 1,000 off its mean in training.",
          "predict the cost of each query in USD"),
    _code("whitespace-flips", "behaviour", "flagged", "Decisions flip when white space in the question changes.",
          "be indifferent to white space; a table of prompt hashes shows here"),
    _code("image-flips", "behaviour", "flagged", "Decisions flip when images are encoded anew.",
          "be indifferent to how a picture is stored; a table of image hashes shows here"),
    # Audit.
    _code("excess-residual", "audit", "flagged", "It chose models that were right against the odds too often.",
          "a maintainer looks at where the knowledge came from"),
    _code("excess-permutation", "audit", "flagged", "Its choices fit the outcomes better than any shuffled ones.",
          "a maintainer looks at where the knowledge came from"),
    _code("placebo-skill", "audit", "refused", "Skill remained when the training outcomes were permuted.",
          "the plugin carries outcomes in; a maintainer can sign it off in audit.jsonl"),
    _code("suspicious-revision", "audit", "flagged", "Changed decisions turned right too often to be chance.",
          "a maintainer compares the two versions"),
)  # fmt: skip

CODES: dict[str, Code] = {code.name: code for code in _ALL}
