"""The tables of a run for the terminal, as wide as the terminal is.

Rich would shorten numbers to fit. Here a table that is too wide is broken into several below each other, each with
the names, so that 80 columns lose nothing. Names are shown as they are, never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mmr_core.render.grids import Grid, run_grids
from mmr_core.results import RunResult

_GAP = 2
"""Cells of space between two columns."""

_NARROWEST_NAMES = 12
"""Names are folded, if they must, down to this width."""


def run_tables(run: RunResult) -> list[RenderableType]:
    """Every table of a run, to be printed one after the other."""
    return [Padding(GridTable(grid), (0, 0, 1, 0)) for grid in run_grids(run)]


class GridTable:
    """A grid that renders itself within the width that it is given."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, in as many pieces as the width asks for, then its notes."""
        yield Text(self.grid.title, style="bold", overflow="fold")
        names, pieces = _broken(self.grid, options.max_width)
        for i, columns in enumerate(pieces):
            if i:
                yield Text()
            yield _piece(self.grid, names, columns)
        if self.grid.notes:
            yield Text(" ".join(self.grid.notes), style="dim")


def _broken(grid: Grid, width: int) -> tuple[int, list[list[int]]]:
    """The width of the names, and which columns stand in which piece."""
    rows = [row for section in grid.sections for row in section.rows]
    widths = [max(cell_len(row[j]) for row in [grid.header, *rows]) for j in range(len(grid.header))]
    titles = [cell_len(section.title) for section in grid.sections]
    names = max(widths[0], *titles)
    names = min(names, max(_NARROWEST_NAMES, width - _GAP - max(widths[1:])))
    pieces: list[list[int]] = [[]]
    used = names
    for j in range(1, len(widths)):
        if pieces[-1] and used + _GAP + widths[j] > width:
            pieces.append([])
            used = names
        pieces[-1].append(j)
        used += _GAP + widths[j]
    return names, pieces


def _piece(grid: Grid, names: int, columns: Sequence[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0), collapse_padding=True)
    table.add_column(Text(grid.header[0]), width=names, overflow="fold")
    for j in columns:
        table.add_column(Text(grid.header[j]), justify="right", no_wrap=True, overflow="fold")
    for section in grid.sections:
        if section.title:
            table.add_row(Text(section.title, style="dim italic"))
        for row in section.rows:
            table.add_row(*(Text(row[j]) for j in (0, *columns)))
        table.add_section()
    return table
