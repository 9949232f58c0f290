"""The importer of MixInstruct: JSON lines of examples, each with the answers of several models and their scores.

Fields: `id, instruction, input, output, candidates`; a candidate has `model, decoding_method, text` and `scores`
(`bertscore`, `bleurt`, `bartscore`, `rouge1`, `bleu`, ...). None of these is a utility, so the person says which one
counts and how it is brought to [0, 1]. There are neither tokens nor costs.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from mmr_core.errors import DataError, UsageError
from mmr_core.logs import LogImporter, LogSource, Question, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import json_lines
from mmr_plugins.importers.log_fields import fields_of, matching, sniffs

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_core.logs import LogSource


@dataclass(kw_only=True)
class Span:
    """How often a score is stated, and its least and greatest value."""

    count: int = 0
    low: float = math.inf
    high: float = -math.inf

    def add(self, value: float) -> None:
        """Takes one more value in."""
        self.count += 1
        self.low, self.high = min(self.low, value), max(self.high, value)

    def __str__(self) -> str:
        return f"{self.count} candidate{'s' * (self.count != 1)}, {self.low:.4g} to {self.high:.4g}"


def finite(value: object) -> float | None:
    """A score as a number; None where it is not a number, or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def spans_of(files: Iterable[Path], source: LogSource) -> dict[str, Span]:
    """Every score of every candidate, by name in alphabetical order; what cannot be read is passed over."""
    spans: dict[str, Span] = {}
    for file in files:
        try:
            for _, example in json_lines(file, source):
                candidates = example.get("candidates")
                for candidate in candidates if isinstance(candidates, list) else ():
                    scores = candidate.get("scores") if isinstance(candidate, dict) else None
                    for name, stated in scores.items() if isinstance(scores, dict) else ():
                        value = finite(stated)
                        if value is not None:
                            spans.setdefault(name, Span()).add(value)
        except DataError:
            continue  # Reading the records of this file says what is wrong with it.
    return dict(sorted(spans.items()))


RULES = {
    "none": "as it stands, for scores in [0, 1]",
    "percent": "divided by 100",
    "exp": "e to its power, for log-likelihoods",
    "min-max": "the least of this log is 0, the greatest 1",
    "LOW..HIGH": "with two numbers of yours: LOW is 0, HIGH is 1",
}
_NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")
_BOUNDS = {"none": (0.0, 1.0), "percent": (0.0, 100.0)}


@dataclass(frozen=True, kw_only=True)
class Rescaling:
    """u = (s - low) / (high - low), or u = e^s.

    :param label: the rule in words, kept with the origin of each cell.
    :param low, high: None where they are those of the log, until `over` settles them.
    """

    label: str
    low: float | None = None
    high: float | None = None
    exponential: bool = False

    def over(self, span: Span) -> Rescaling:
        """The rule for a log whose scores have this span.

        :raises DataError: if all of them are equal, and the rule maps the least to 0 and the greatest to 1.
        """
        if self.exponential or self.low is not None:
            return self
        if span.low == span.high:
            raise DataError(f"every score is {span.low:g}, so none is the least or the greatest")
        return replace(self, low=span.low, high=span.high, label=f"{self.label} of {span.low!r}..{span.high!r}")

    def __call__(self, score: float) -> float:
        """The utility, which is outside [0, 1] where the rule does not fit the score."""
        if self.exponential:
            return math.exp(score) if score <= 0 else math.inf
        assert self.low is not None
        assert self.high is not None
        return (score - self.low) / (self.high - self.low)


def parse_rescaling(rule: str) -> Rescaling:
    """The rule of a name, or of two numbers `LOW..HIGH`.

    :raises UsageError: if there is no such rule.
    """
    if rule == "exp":
        return Rescaling(label=rule, exponential=True)
    if rule == "min-max":
        return Rescaling(label=rule)
    if rule in _BOUNDS:
        return Rescaling(label=rule, low=_BOUNDS[rule][0], high=_BOUNDS[rule][1])
    numbers = _RANGE.fullmatch(rule)
    if numbers and float(numbers[1]) < float(numbers[2]) < math.inf:
        return Rescaling(label=rule, low=float(numbers[1]), high=float(numbers[2]))
    raise UsageError(
        f"{rule!r} is not a rule",
        where="--select rescale",
        fix=f"rules are {', '.join(RULES)}, with numbers such as -5..0 for the last",
    )


_WANTED = frozenset({"id", "candidates"})
_DATASET = "mixinstruct"
SCORE, RESCALE = "score", "rescale"


class MixInstructImporter(LogImporter):
    """Reads a folder with such files, or one of them.

    The category of an example is the source that its id begins with (`unified_chip2/69962`). Where an example has
    several answers of one model, they are told apart as runs by `decoding_method`. The metric of an origin is the
    score, its scorer the rule. The files of the three splits are read alike: splits here are our own.
    """

    kit = "MixInstruct"
    settings: ClassVar[Mapping[str, str]] = {
        SCORE: "which score counts",
        RESCALE: f"how it is brought to [0, 1]: {', '.join(RULES)}",
    }

    def __init__(self) -> None:
        self._spans: dict[Path, dict[str, Span]] = {}

    def sniff(self, path: Path) -> bool:
        """Whether the first line of a file of JSON lines has an `id` and `candidates`."""
        return sniffs(path, "*.jsonl", fields_of, _WANTED)

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files whose first line has an `id` and `candidates`."""
        return matching(source, "*.jsonl", fields_of, _WANTED)

    def questions(self, source: LogSource) -> Iterable[Question]:
        """Which score counts, and by what rule it becomes a utility.

        :raises UsageError: if the score that was named is not there, or there is no such rule.
        """
        self._spans[source.path] = spans = self._look(source)
        chosen, rule = source.settings.get(SCORE), source.settings.get(RESCALE)
        if rule is not None:
            parse_rescaling(rule)
        if not spans:
            return  # Reading the records says what is wrong with the files.
        if chosen is None:
            candidates = {name: str(span) for name, span in spans.items()}
            yield Question(key=SCORE, candidates=candidates, why="several scores, and one is to be the utility")
        elif chosen not in spans:
            raise UsageError(
                f"no candidate has a score {chosen!r}",
                where=f"--select {SCORE}={chosen}",
                fix=f"there are: {', '.join(spans)}",
            )
        if rule is None:
            yield Question(key=RESCALE, candidates=RULES, why="a score is not a utility until it is brought to [0, 1]")

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per candidate.

        :raises DataError: if score and rule are not settled.
        """
        score, rule = source.settings.get(SCORE), source.settings.get(RESCALE)
        if score is None or rule is None:
            raise DataError("has no candidate with a score")
        spans = self._spans.get(source.path) or self._look(source)
        rescaling = parse_rescaling(rule).over(spans[score])
        return gather(file, _records(file, score, rescaling, source))

    def _look(self, source: LogSource) -> dict[str, Span]:
        quiet = replace(source, on_fault=lambda fault: None, on_position=lambda done: None)
        return spans_of(self.files(quiet), quiet)


def _records(file: Path, score: str, rescaling: Rescaling, source: LogSource) -> Iterator[Record]:
    for row, example in json_lines(file, source):
        try:
            instance = canonical_id(example.get("id"))
            candidates = _candidates(example)
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        times = Counter(candidate["model"] for candidate in candidates)
        parts = (example.get("instruction"), example.get("input"))
        question = "\n".join(part for part in parts if isinstance(part, str) and part)
        for candidate in candidates:
            model, text = candidate["model"], candidate.get("text")
            scores = candidate.get("scores")
            value = finite(scores.get(score)) if isinstance(scores, dict) else None
            yield Record(
                dataset=_DATASET,
                model=model,
                instance=instance,
                utility=None if value is None else rescaling(value),
                metric=score,
                scorer=rescaling.label,
                run=str(candidate.get("decoding_method") or "") if times[model] > 1 else "",
                status="empty" if value is not None and isinstance(text, str) and not text.strip() else "ok",
                question=question,
                answer=example["output"] if isinstance(example.get("output"), str) else "",
                category=instance.rpartition("/")[0],
                response=text if source.responses and isinstance(text, str) else None,
                row=row,
            )


def _candidates(example: Mapping[str, Any]) -> list[dict[str, Any]]:
    candidates = example.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        raise DataError("has no candidates")
    for candidate in candidates:
        if not isinstance(candidate, dict) or not isinstance(candidate.get("model"), str) or not candidate["model"]:
            raise DataError("has a candidate without a model")
    return candidates
