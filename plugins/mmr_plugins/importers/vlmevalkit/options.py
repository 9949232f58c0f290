"""Which option an answer names, by the kit's rule for multiple choice: a letter near its end, or an option's text."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from string import ascii_uppercase

NONE_OF_THEM = "Z"
_NO_ANSWER = "Failed to obtain answer via API"
_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_PUNCTUATION = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_NEAR_THE_END = 4


def lettered(choices: object) -> dict[str, str]:
    """Options by their letters, from a list or from a cell that has one written out; none if it has something else."""
    if isinstance(choices, str):
        try:
            choices = ast.literal_eval(choices.strip() or "[]")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return {}
    if not isinstance(choices, (list, tuple)):
        return {}
    return dict(zip(ascii_uppercase, map(str, choices), strict=False))


def option_named(answer: str, options: Mapping[str, str]) -> str | None:
    """The letter of the option that an answer names, "Z" if it names none of them, None if that cannot be told."""
    letter = None if _NO_ANSWER in answer else _letter_in(answer, options)
    return letter or _option_quoted(answer.lower(), options)


def _letter_in(answer: str, options: Mapping[str, str]) -> str | None:
    if any(refusal in answer for refusal in _REFUSALS):
        return NONE_OF_THEM
    words = answer.translate(_PUNCTUATION).split()
    named = [letter for letter in options if letter in words]
    if len(named) == 1:
        return named[0] if words.index(named[0]) >= len(words) - _NEAR_THE_END else None
    return NONE_OF_THEM if not named and NONE_OF_THEM in words else None


def _option_quoted(answer: str, options: Mapping[str, str]) -> str | None:
    if len(answer) > 2 * sum(map(len, options.values())):
        return None
    quoted = [letter for letter, text in options.items() if text.lower() in answer]
    return quoted[0] if len(quoted) == 1 else None
