"""Whether a submitter's words name the test split.

The rule works on words, not on letters: text is brought to NFKC without invisible characters and without case, and
words end at anything that is no letter and no digit. An entry of `data_used` or `selection_data` names the test split

1. if it has one of the words *test, tests, testset, testsplit, testdata, heldout, holdout, evalset, evalsplit* (a
   number may be attached), unless a hyphen joins *test* to a word that makes it something else: "MMLU-test-taking" is
   a name, "mmr-v1-test" and "test-split" are the split; or *held-out*, *hold-out*;
2. if *evaluation, eval, evaluating, testing, scored, scoring* stands before *split, set, data, part, ...*;
3. if it has no word for training, and says that it means everything: *all, full, whole, entire, complete* before
   *data, table, dataset, split, rows, ...* with at most two words of the benchmark's name between, or *everything*,
   or *testmini*.

"latest", "contest" and "attestation" are other words. A denial names it too ("not the test split"): data_used lists
what was used, and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

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


def names_test_split(said: str) -> bool:
    """Whether one entry of `data_used` or `selection_data` names the test split."""
    plain = unicodedata.normalize("NFKC", said).casefold()
    text = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
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
