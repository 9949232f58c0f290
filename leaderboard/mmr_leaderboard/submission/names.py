"""Names that readers of the board can tell apart: what a display name or an author may not look like.

Names are compared by their skeleton: letters that look alike, in whatever script, are one, and case, marks, blanks and
punctuation do not count (after Unicode's UTS 39, for the scripts that are confused with Latin).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols that show nothing."""

MOST_MARKS = 2
"""Combining marks on one letter; more cover the lines around them."""

REFERENCES = ("Oracle", "Best single model", "Constant: training means", "Random: a model drawn")
"""How the titles of reference rows begin."""

OWN_AUTHORS = "MMR-Bench"
"""Authors with this in their name are the benchmark's."""

OWN_SLUGS = frozenset({"soft-neighbours"})
"""Entries of the benchmark's authors that are not built in: the example plugin."""

_LATIN = {
    # Cyrillic
    **dict(zip("авеёзіїјкмнорсѕтухһԁԛԝьгп", "abee3iijkmhopcstyxhdqwbrn", strict=True)),
    # Greek
    **dict(zip("αβγεζηικμνορςστυχω", "abyeznikuvopcotuxw", strict=True)),
    # Armenian, and Latin letters that pass for others
    **dict(zip("օսոհցզքեıɑɡɩʟſł", "ounhgqpeiagilsl", strict=True)),
}
_ALIKE = str.maketrans("01i53", "ollse")
"""Digits and letters that are alike within Latin."""
_UPPER = dict(zip("АВЕЅІЈКМНОРСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abesijkmhopctyxabezhikmnoptyx", strict=True))
"""Capitals that pass for Latin ones although their small letters do not."""

_WORD = re.compile(r"[^\W\d_]+")
_TOGETHER = ({"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"},)
"""Scripts that are written in one word."""
_READABLE = {
    *("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HEBREW", "ARABIC", "THAANA", "ETHIOPIC"),
    *("DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA"),
    *("THAI", "LAO", "TIBETAN", "MYANMAR", "KHMER", "HANGUL", "HIRAGANA", "KATAKANA", "BOPOMOFO", "CJK"),
}
"""Scripts of everyday use (UAX 31); the others are no way of writing a router's name, and hold many look-alikes."""


def latin(text: str) -> str:
    """The text without case and marks, with letters of other scripts that pass for Latin ones replaced by those."""
    made = []
    for letter in unicodedata.normalize("NFKD", text):
        if unicodedata.category(letter) not in ("Mn", "Me", "Cf"):
            small = _UPPER.get(letter) or letter.casefold()
            made.append("".join(_LATIN.get(each, each) for each in small))
    return "".join(made)


def skeleton(text: str) -> str:
    """What a reader sees of a text: equal for texts that look alike."""
    letters = "".join(letter for letter in latin(text) if letter.isalnum() and letter not in BLANK)
    return letters.translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def unreadable(text: str) -> str:
    """Why a name cannot be read; empty if it can."""
    plain = unicodedata.normalize("NFC", text)
    if any(letter in BLANK or unicodedata.category(letter) == "Cf" for letter in plain):
        return "it has characters that show nothing"
    if not any(letter.isalnum() for letter in plain):
        return "it has no letter or digit"
    marks = 0
    for letter in plain:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks > MOST_MARKS:
            return f"more than {MOST_MARKS} marks stand on one letter"
    for word in _WORD.findall(plain):
        scripts = set(_scripts(word))
        strange = sorted(scripts - _READABLE)
        if strange:
            return f"the script {strange[0].title()} is not in everyday use"
        if len(scripts) > 1 and not any(scripts <= group for group in _TOGETHER):
            return f"one word mixes {' and '.join(script.title() for script in sorted(scripts))} letters"
    return ""


def passes_for(text: str, exactly: Iterable[str], beginnings: Iterable[str] = ()) -> str:
    """The reserved name that a name looks like, or looks as if it began with; empty if none."""
    own = skeleton(text)
    same = (name for name in exactly if skeleton(name) == own)
    return next(same, "") or next((name for name in beginnings if own.startswith(skeleton(name))), "")


def claims_to_be_the_benchmark(author: str) -> bool:
    """Whether an author's name passes for the benchmark's authors."""
    return skeleton(OWN_AUTHORS) in skeleton(author)


def _scripts(word: str) -> Iterator[str]:
    for letter in unicodedata.normalize("NFKC", word):
        if unicodedata.category(letter).startswith("L") and letter not in "ªº":
            yield unicodedata.name(letter, "UNKNOWN").split()[0].partition("-")[0]
