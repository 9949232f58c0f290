"""The headline table of a run in LaTeX, for a paper: booktabs, names escaped.

Written as `table.tex`; it wants `\\usepackage{booktabs}`.
"""

from __future__ import annotations

from mmr_core.render.grids import Grid, headline_grid
from mmr_core.render.tex import escaped, figure
from mmr_core.results import RunResult


def latex(run: RunResult) -> str:
    """A `table` environment with the headline column's rows, their metrics and intervals."""
    return _grid(headline_grid(run.headline, synthetic=run.data.synthetic))


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
    figures = [figure(cell) for cell in cells[1:]]
    return " & ".join([label, *figures]) + r" \\"
