"""Shows a `Table` within the width of the terminal.

Rich would truncate numbers to fit. Here a table that is too wide is split into several below each other, each with the
names, so that nothing is lost in 80 columns. Words are never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from mmr_core.render.table import Table

_GAP = 2
"""Cells of space between two columns."""

_NARROWEST_NAMES = 12
"""Names are folded, if they must, down to this width."""


class TerminalTable:
    """A table that fits itself to the available width."""

    def __init__(self, table: Table) -> None:
        self.table = table.visible

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, in as many pieces as the width requires, then its notes."""
        if self.table.title:
            yield Text(self.table.title, style="bold", overflow="fold")
        names, pieces = _broken(self.table, options.max_width)
        for i, columns in enumerate(pieces):
            if i:
                yield Text()
            yield _piece(self.table, names, columns)
        if self.table.notes:
            yield Text(" ".join(self.table.notes), style="dim")


def show_tables(screen: Console, tables: Sequence[Table]) -> None:
    """Prints tables one after the other, each with an empty line below."""
    for table in tables:
        screen.print(TerminalTable(table))
        screen.print()


def _broken(table: Table, width: int) -> tuple[int, list[list[int]]]:
    """The width of the names, and the columns of each piece."""
    rows = [table.header, *(row.texts for row in table.rows)]
    widths = [max(cell_len(row[j]) for row in rows) for j in range(len(table.columns))]
    names = max([widths[0], *(cell_len(section.title) for section in table.sections)])
    names = min(names, max(_NARROWEST_NAMES, width - _GAP - max(widths[1:], default=0)))
    pieces: list[list[int]] = [[]]
    used = names
    for j in range(1, len(widths)):
        if pieces[-1] and used + _GAP + widths[j] > width:
            pieces.append([])
            used = names
        pieces[-1].append(j)
        used += _GAP + widths[j]
    return names, pieces


def _piece(table: Table, names: int, columns: Sequence[int]) -> RichTable:
    made = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0), collapse_padding=True
    )
    made.add_column(Text(table.header[0]), width=names, overflow="fold")
    for j in columns:
        made.add_column(Text(table.header[j]), justify=table.columns[j].align, no_wrap=True, overflow="fold")
    for section in table.sections:
        if section.title:
            made.add_row(Text(section.title, style="dim italic"))
        for row in section.rows:
            texts = row.texts
            made.add_row(*(Text(texts[j]) for j in (0, *columns)))
        made.add_section()
    return made
