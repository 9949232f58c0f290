"""What the `lite` encoder counts in a text: explicit statistics, and hashed n-grams of words and characters.

The statistics are centred and squashed, so each lies in (-1, 1) and is about 0 for a typical question. N-grams are
hashed with a sign, so they need no centring; counts enter by their square roots and the whole block has unit length,
so that neither a long text nor a block drowns the rest. Digits count as the same letter in n-grams: which number it
is matters less than that there is one. The word lists are English; in other languages the n-grams do the work.

The hash is CRC-32, not scikit-learn's `HashingVectorizer`: its MurmurHash3 would put every n-gram elsewhere, so
every published figure on `lite` features would change, and it knows neither the two weighted blocks nor their roots.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARED = 6
"""How many leading coordinates texts and images share: amount, density, variety, structure, strain, grain."""


def squash(value: Any, typical: Any, spread: Any) -> Any:
    """`value` between -1 and 1, 0 where it is `typical`, about 0.7 one `spread` above; number or array alike.

    Algebraic rather than a hyperbolic tangent, so that it is the same number on every machine.
    """
    x = (value - typical) / spread
    return x / (1.0 + x * x) ** 0.5


_STATISTICS_ENERGY, _NGRAM_ENERGY = 0.8, 0.45
_WORD_SHARE = 0.7

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_OPTION = re.compile(r"(?m)(?:^|\s)\(?[A-H][).:]\s")
_SENTENCE = re.compile(r"[.!?;]+(?:\s|$)")
_LATEX = re.compile(r"\\[a-zA-Z]+|\$")
_OPERATOR = re.compile(r"[-+*/=^<>×÷±√∑∫π°%≤≥]")


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STOP = _listed(
    "a an the of in on at to for from by with and or is are was were be been it its this that as you your i"
)
_SEQUENCE = _listed(
    "then after before next finally first second third last once until followed afterwards subsequently"
)
_EXCEPTION = _listed(
    "not no except unless without excluding ignore ignoring exclude never neither nor only however "
    "disregard disregarding"
)
_COMPARISON = _listed(
    "more less than most least greater fewer larger smaller highest lowest largest smallest longer shorter"
)
_ARITHMETIC = _listed(
    "add subtract multiply divide double triple halve half sum difference product quotient remainder total times "
    "minus plus average mean ratio percent percentage square root"
)
_GEOMETRY = _listed(
    "angle triangle circle square rectangle area perimeter radius diameter length parallel perpendicular "
    "degrees side sides polygon volume"
)
_ALGEBRA = _listed(
    "function equation graph slope intercept value variable solve derivative integral probability integer "
    "expression root roots coordinate"
)
_SPACE = _listed(
    "left right above below behind front top bottom between beside near far north south east west middle centre center"
)
_COLOUR = _listed("red green blue yellow orange purple white black grey gray brown pink cyan")
_READING = _listed(
    "text word words written read says printed sign letter letters title label receipt page heading transcribe"
)
_CHART = _listed("chart graph bar bars line pie legend axis table row column map plot data")
_QUANTIFIER = _listed("each every all any some both either none many few several")
_PERSON = _listed("he she they his her their him them")
_QUESTION_WORDS = ("what", "which", "how", "many", "where", "who", "when", "why")
_YES_NO = _listed("is are does do can will has have was were did")


def describe(text: str, width: int) -> tuple[NDArray[Any], NDArray[Any], float]:
    """The shared coordinates [SHARED], the text's own [width], and how much text there is, in (-1, 1).

    Statistics fill up to half of the own coordinates, hashed n-grams the rest.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    shared, statistics = _count(text, words)
    kept = statistics[: width // 2]
    buckets = width - len(kept)
    ngrams = _hash_ngrams(text, words, buckets)
    own = np.concatenate(
        [
            _STATISTICS_ENERGY * kept / np.sqrt(len(kept) / 4),
            _NGRAM_ENERGY * ngrams,
        ]
    )
    return shared, own, float(shared[0])


def _log(count: float) -> float:
    return float(np.log1p(count))


def _count(text: str, words: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    tally = Counter(words)

    def among(listed: frozenset[str]) -> int:
        return sum(count for word, count in tally.items() if word in listed)

    n = max(len(words), 1)
    letters = max(len(text), 1)
    digits = sum(character.isdigit() for character in text)
    capitals = sum(character.isupper() for character in text)
    numbers = _NUMBER.findall(text)
    widest = max((len(number) for number in numbers), default=0)
    options = len(_OPTION.findall(text))
    sentences = max(len(_SENTENCE.findall(text)), 1)
    operators = len(_OPERATOR.findall(text))
    sequence, exception = among(_SEQUENCE), among(_EXCEPTION)
    arithmetic = among(_ARITHMETIC)
    mean_length = sum(map(len, words)) / n
    long_words = sum(len(word) >= 9 for word in words)
    latex = len(_LATEX.findall(text))
    amount = squash(_log(len(words)), 3.3, 0.8)
    strain = squash(_log(sequence) + _log(exception) + 0.5 * _log(long_words), 1.5, 1.2)

    shared = [
        amount,
        squash(_log(digits), 1.5, 1.0),
        squash(_log(len(tally)), 3.1, 0.7),
        squash(_log(text.count("\n") + options), 1.0, 0.9),
        strain,
        squash(mean_length, 4.6, 0.8),
    ]
    statistics = [
        strain,
        squash(_log(sequence), 0.7, 0.7),
        squash(_log(exception), 0.5, 0.6),
        squash(_log(long_words), 1.0, 0.8),
        amount,
        squash(mean_length, 4.6, 0.7),
        squash(_log(arithmetic), 0.5, 0.7),
        squash(_log(len(numbers)), 1.0, 0.8),
        squash(_log(operators), 0.5, 0.8),
        squash(_log(options), 0.8, 0.8),
        squash(_log(sentences), 1.1, 0.5),
        squash(_log(among(_GEOMETRY)), 0.3, 0.6),
        squash(_log(among(_READING)), 0.3, 0.6),
        squash(_log(among(_SPACE)), 0.4, 0.6),
        squash(_log(among(_CHART)), 0.3, 0.6),
        squash(_log(letters), 5.0, 0.8),
        squash(_log(among(_ALGEBRA)), 0.3, 0.6),
        squash(_log(among(_COLOUR)), 0.2, 0.6),
        squash(_log(among(_COMPARISON)), 0.3, 0.6),
        squash(_log(among(_QUANTIFIER)), 0.4, 0.6),
        squash(_log(among(_PERSON)), 0.2, 0.6),
        squash(_log(latex), 0.3, 0.8),
        squash(widest, 2.0, 2.0),
        squash(digits / letters, 0.04, 0.05),
        squash(capitals / letters, 0.04, 0.04),
        squash(len(tally) / n, 0.8, 0.12),
        squash(n / sentences, 12.0, 8.0),
        squash(_log(text.count("\n")), 0.6, 0.8),
        squash(_log(text.count(",")), 0.7, 0.7),
        squash(_log(text.count('"') + text.count("'")), 0.4, 0.7),
        squash(_log(text.count("(") + text.count("[")), 0.4, 0.7),
        *(squash(min(tally[word], 2), 0.3, 0.8) for word in _QUESTION_WORDS),
        squash(float(bool(words) and words[0] in _YES_NO), 0.2, 0.8),
        squash(float(text.rstrip().endswith("?")), 0.5, 0.8),
        squash(sum(not character.isascii() for character in text) / letters, 0.01, 0.1),
    ]
    return np.array(shared), np.array(statistics)


@lru_cache(maxsize=65_536)
def _place(token: str) -> tuple[int, float]:
    """A well-mixed 32-bit number and a sign for a token; `hash` would change from process to process."""
    mixed = (crc32(token.encode("utf-8", "surrogatepass")) * 2654435761) & 0xFFFFFFFF
    mixed ^= mixed >> 15
    return mixed >> 1, 1.0 if mixed & 1 else -1.0


def _hash_ngrams(text: str, words: list[str], buckets: int) -> NDArray[Any]:
    """float64 [buckets] of unit length: words and pairs of words in the first part, character trigrams in the rest.

    All zero where the text has no character at all.
    """
    word_buckets = max(int(buckets * _WORD_SHARE), 1)
    vector = np.zeros(buckets)
    plain = [re.sub(r"\d", "0", word) for word in words]
    for word, count in Counter(plain).items():
        place, sign = _place(word)
        vector[place % word_buckets] += sign * (0.3 if word in _STOP else 1.0) * count**0.5
    for pair, count in Counter(pairwise(plain)).items():
        place, sign = _place(" ".join(pair))
        vector[place % word_buckets] += sign * 0.5 * count**0.5
    vector[word_buckets:] = 0.7 * _hash_trigrams(text, buckets - word_buckets)
    vector[:word_buckets] /= max(float(np.sqrt(np.square(vector[:word_buckets]).sum())), 1e-12)
    return vector


def _hash_trigrams(text: str, buckets: int) -> NDArray[Any]:
    squeezed = re.sub(r"\s+", " ", re.sub(r"\d", "0", text.lower()))
    code = np.frombuffer(squeezed.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.uint32)
    if len(code) < 3 or buckets < 1:
        return np.zeros(max(buckets, 0))
    mixed = (code[:-2] * np.uint32(65_599) + code[1:-1]) * np.uint32(65_599) + code[2:]
    mixed = mixed * np.uint32(2_654_435_761)
    mixed ^= mixed >> np.uint32(15)
    place = (mixed >> np.uint32(1)) % np.uint32(buckets)
    sign = np.where(mixed & np.uint32(1), 1.0, -1.0)
    total = np.bincount(place, weights=sign, minlength=buckets)
    total = np.sign(total) * np.sqrt(np.abs(total))
    return total / max(float(np.sqrt(np.square(total).sum())), 1e-12)
