"""The headline table of a run in LaTeX, for a paper: booktabs, names escaped.

Written as `table.tex`; it wants `\\usepackage{booktabs}`.
"""

from __future__ import annotations

import re

from mmr_core.evaluate.results import RunResult
from mmr_core.report.grids import Grid, headline_grid
from mmr_core.report.numbers import INFINITY, NOTHING, name

_SPECIAL = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        INFINITY: r"$\infty$",
        NOTHING: "--",
    }
)

_MINUS = re.compile(r"(?<![\w.])-(?=\d)")


def latex(run: RunResult) -> str:
    """A `table` environment with the headline column's rows, their metrics and intervals."""
    return _grid(headline_grid(run.headline, synthetic=run.data.synthetic))


def escaped(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return name(text).translate(_SPECIAL)


def _grid(grid: Grid) -> str:
    width = len(grid.header)
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escaped(grid.title)}. {escaped(' '.join(grid.notes))}}}",
        f"  \\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"    \toprule",
        f"    {_row(grid.header)}",
    ]
    for section in grid.sections:
        lines += [r"    \midrule", f"    \\multicolumn{{{width}}}{{l}}{{\\textit{{{escaped(section.title)}}}}} \\\\"]
        lines += [f"    {_row(row)}" for row in section.rows]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    # LaTeX takes a bracket at the beginning of a row for an option of the line break before it.
    label = escaped(cells[0]).replace("[", "{[}", 1)
    figures = [_MINUS.sub("$-$", escaped(cell)) for cell in cells[1:]]
    return " & ".join([label, *figures]) + r" \\"
