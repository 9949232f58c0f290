"""Writes a `Table` in LaTeX, for a paper: booktabs, with caption and label; and a figure beside it.

It needs `booktabs`, `graphicx` for drawings and for wide tables, and `longtable` for tables longer than a page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from mmr_core.render.numbers import INFINITY, NOTHING, name, one_line
from mmr_core.render.table import Table, TableCell, TableRow

PACKAGES = ("booktabs", "graphicx", "longtable")
LONG = 40
"""More rows than this do not fit on a page."""
ONE_COLUMN = 44
"""Letters across beyond which a table spans both columns of a page."""
WIDE = 68
"""Letters across beyond which a table is scaled to the text width."""
BROAD = 150
"""Letters across beyond which intervals go below their figures; `WIDE` for a table longer than a page."""
_TITLE = 12
"""The longest title that is kept on one line where intervals are below their figures."""


def latex_table(table: Table, *, caption: str, label: str = "") -> str:
    """The table as a float, or over several pages if it is long, with its notes below.

    The best figure of a column is bold, the second best underlined, published rows are in italics.

    :param caption: in sentences; escaped here.
    :param label: by which the paper refers to it.
    """
    shown = table.visible
    width = len(shown.columns)
    long = len(shown.rows) > LONG
    stacked = _width(shown) > (WIDE if long else BROAD)
    aligned = "".join("l" if column.align == "left" else "r" for column in shown.columns)
    described = f"\\caption{{{escaped(caption)}}}" + (f"\\label{{tab:{label}}}" if label else "")
    titles = [
        _title(one_line(column.title), stacked=stacked and place > 0) for place, column in enumerate(shown.columns)
    ]
    head = [r"    \toprule", f"    {_cells(titles)}", r"    \midrule"]
    body = [*_body(shown, width, stacked=stacked), r"    \bottomrule"]
    notes = f"{{\\footnotesize {escaped(one_line(' '.join(shown.notes)))}\\par}}"
    if long:
        size, apart = ("tiny", 1) if _stacked_width(shown) > WIDE else ("scriptsize", 2)
        return "\n".join(
            [
                f"{{\\{size}\\setlength{{\\tabcolsep}}{{{apart}pt}}\\setlength{{\\LTcapwidth}}{{\\linewidth}}",
                f"\\begin{{longtable}}{{{aligned}}}",
                f"  {described}\\\\",
                *head,
                r"    \endfirsthead",
                *head,
                r"    \endhead",
                *body,
                r"\end{longtable}",
                f"{notes}}}",
            ]
        )
    kind = "table*" if _width(shown) > ONE_COLUMN else "table"
    before, after = ([r"  \resizebox{\textwidth}{!}{%"], "}") if _width(shown) > WIDE else ([], "")
    return "\n".join(
        [
            f"\\begin{{{kind}}}",
            r"  \centering",
            f"  {described}",
            *before,
            f"  \\begin{{tabular}}{{{aligned}}}",
            *head,
            *body,
            f"  \\end{{tabular}}{after}",
            f"  \\par\\smallskip{notes}",
            f"\\end{{{kind}}}",
        ]
    )


def latex_figure(image: str, *, caption: str, label: str, wide: bool) -> str:
    """A drawing as a float.

    :param image: the name of its file.
    :param wide: whether it spans both columns of a page.
    """
    kind, width = ("figure*", r"\textwidth") if wide else ("figure", r"\columnwidth")
    return "\n".join(
        [
            f"\\begin{{{kind}}}",
            r"  \centering",
            f"  \\includegraphics[width={width},height=0.8\\textheight,keepaspectratio]{{{image}}}",
            f"  \\caption{{{escaped(caption)}}}",
            f"  \\label{{fig:{label}}}",
            f"\\end{{{kind}}}",
        ]
    )


def latex_file(parts: Iterable[str]) -> str:
    """Floats as one file to `\\input`, which says which packages it needs."""
    return "\n\n".join([f"% \\usepackage{{{','.join(PACKAGES)}}}", *parts]) + "\n"


def _body(table: Table, width: int, *, stacked: bool) -> Iterator[str]:
    for i, section in enumerate(table.sections):
        if i:
            yield r"    \midrule"
        if section.title:
            yield f"    \\multicolumn{{{width}}}{{l}}{{\\textit{{{escaped(one_line(section.title))}}}}} \\\\"
        for row in section.rows:
            yield f"    {_row(row, stacked=stacked)}"


def _row(row: TableRow, *, stacked: bool) -> str:
    cells = [_cell(cell, escaped if j == 0 else with_minus, stacked=stacked) for j, cell in enumerate(row.cells)]
    return _cells([f"\\textit{{{cell}}}" if row.kind == "published" and cell else cell for cell in cells])


def _cells(cells: list[str]) -> str:
    # LaTeX takes a bracket or a star at the beginning of a row for an argument of the line break before it.
    first = f"{{}}{cells[0]}" if cells[0].startswith(("[", "*")) else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def _cell(cell: TableCell, set_as: Callable[[str], str], *, stacked: bool) -> str:
    text = set_as(cell.text)
    if cell.mark == "second":
        text = f"\\underline{{{text}}}"
    elif cell.mark is not None:
        text = f"\\textbf{{{text}}}"
    bounds = set_as(cell.interval)
    if bounds and stacked:
        text = f"\\shortstack[r]{{\\strut {text}\\\\{{\\tiny {bounds}}}}}"
    elif bounds:
        text = f"{text} {{\\scriptsize {bounds}}}"
    return " ".join([text, *(escaped(part) for part in (cell.aside, cell.below) if part)])


def _title(title: str, *, stacked: bool) -> str:
    """The title of a column, in two lines of nearly one length where it is long and columns are narrow."""
    words = title.split()
    if not stacked or len(title) <= _TITLE or len(words) < 2:
        return escaped(title)
    breaks = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    upper, lower = min(breaks, key=lambda lines: max(map(len, lines)))
    return f"\\shortstack[r]{{{escaped(upper)}\\\\{escaped(lower)}}}"


def _width(table: Table) -> int:
    """Letters across, as the longest of each column; those of intervals are small."""
    widths = [max((len(row.cells[0].whole) for row in table.rows), default=0)]
    for j in range(1, len(table.columns)):
        cells = [row.cells[j] for row in table.rows]
        widths.append(round(max((len(cell.text) + 0.7 * len(cell.interval) for cell in cells), default=0)))
    titles = [len(one_line(column.title)) for column in table.columns]
    return sum(max(width, title) + 2 for width, title in zip(widths, titles, strict=True))


def _stacked_width(table: Table) -> int:
    """Letters across where intervals are below their figures and titles on two lines."""
    first = [one_line(table.columns[0].title), *(row.cells[0].whole for row in table.rows)]
    widths = [max(map(len, first))]
    for j, column in enumerate(table.columns[1:], start=1):
        cells = [row.cells[j] for row in table.rows]
        figures = [max(len(cell.text), 0.7 * len(cell.interval)) for cell in cells]
        title = len(one_line(column.title))
        widths.append(round(max([*figures, title if title <= _TITLE else 0.6 * title])))
    return sum(width + 1 for width in widths)


# Not pylatexenc 2.11: it leaves "|", "`" and "--" unchanged, which the usual fonts set as a dash, a quotation mark and
# an en dash; and 242 of the 1,109 letters beyond ASCII that it knows give errors without further packages and fonts.
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
    """Text without anything that LaTeX treats specially; letters missing from its fonts as code points."""
    shown = name(text)
    return "".join(_set(letter, before) for before, letter in pairwise(f" {shown}"))


def with_minus(text: str) -> str:
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
