"""Text and figures as LaTeX sets them: what it would take for commands is escaped, what its fonts lack is spelt out."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from mmr_core.render.numbers import INFINITY, NOTHING, name

_GREEK = {
    letter: f"$\\{command}$"
    for letters, commands in (
        ("αβγδεηθκλ", "alpha beta gamma delta epsilon eta theta kappa lambda"),
        ("μπρστφχω", "mu pi rho sigma tau phi chi omega"),
        ("ΓΔΘΛΣΦΩ", "Gamma Delta Theta Lambda Sigma Phi Omega"),
    )
    for letter, command in zip(letters, commands.split(), strict=True)
}

_SIGNS = {
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≠": r"$\ne$",
    "≈": r"$\approx$",
    "→": r"$\to$",
    "←": r"$\leftarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "−": "$-$",
    INFINITY: r"$\infty$",
    NOTHING: "--",
    "—": "---",
    "‑": "-",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
}

_SPECIAL = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': "''",
    **_GREEK,
    **_SIGNS,
}

_LETTERS = frozenset("ßæÆœŒøØłŁ§¶©£")
_ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")
_MINUS = re.compile(r"(?<![\w.])-(?=[\d$])")


def escaped(text: str) -> str:
    """Text that LaTeX sets as it is; of a letter that its usual fonts lack, the code point."""
    shown = name(text)
    return "".join(_set(letter, before) for before, letter in pairwise(f" {shown}"))


def figure(text: str) -> str:
    """Escaped text whose hyphens before digits are minus signs."""
    return _MINUS.sub("$-$", escaped(text))


def _set(letter: str, before: str) -> str:
    if letter in "-'" and before == letter:  # two hyphens would become a dash
        return f"{{}}{letter}"
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    return letter if letter.isascii() or _has_glyph(letter) else f"\\texttt{{U+{ord(letter):04X}}}"


def _has_glyph(letter: str) -> bool:
    parts = unicodedata.normalize("NFD", letter)
    accented = len(parts) > 1 and parts[0].isascii() and _ACCENTS.issuperset(parts[1:])
    return letter in _LETTERS or (ord(letter) < 0x180 and accented)
