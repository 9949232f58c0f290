"""A table as data: typed cells in rows and sections, independent of how they are written.

Runs, comparisons, savings, studies, the authors' protocol and the leaderboard each build a `Table`; `terminal`, `latex`
and `writers` (Markdown, HTML, CSV) write it. Titles, formats and directions of metrics come from `METRICS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.numbers import interval, metric_format, name, number, one_line
from mmr_core.results import Estimate

Mark = Literal["best", "second", "strong"]
RowKind = Literal["", "reference", "published"]


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """One entry: a figure, with its interval where there is one, or words.

    :param text: the figure as people read it, or the words.
    :param interval: the 95 % interval as people read it; it may be set smaller, or below the figure.
    :param aside: words after the text that are less important; never marked.
    :param below: words on a line of their own.
    :param mark: "best" and "second" of a column, or "strong" for words.
    :param value: the exact figure, for programs; `low` and `high` are the exact ends of the interval.
    :param figure: whether it is a figure. Figures are never escaped: only this package writes them.
    """

    text: str = ""
    interval: str = ""
    aside: str = ""
    below: str = ""
    mark: Mark | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    figure: bool = False

    @property
    def whole(self) -> str:
        """All of it on one line."""
        return " ".join(part for part in (self.text, self.interval, self.aside, self.below) if part)


def words(text: str, *, aside: str = "", below: str = "", mark: Mark | None = None) -> TableCell:
    """A cell of words on one line, without what would steer a terminal."""
    return TableCell(text=one_line(text), aside=one_line(aside), below=one_line(below), mark=mark)


def label(text: str) -> TableCell:
    """A name as it is typed, with marks in place of what cannot be printed."""
    return TableCell(text=name(text))


def figure(value: float | None, show: Callable[[float | None], str] = number) -> TableCell:
    """A figure without an interval."""
    return TableCell(text=show(value), value=value, figure=True)


def estimate(
    found: Estimate,
    show: Callable[[float | None], str] = number,
    *,
    bounds: Callable[[Estimate], str] | None = None,
    mark: Mark | None = None,
) -> TableCell:
    """A figure with its interval.

    :param show: how the figure and its ends look.
    :param bounds: how the interval looks, where it is more than its ends as `show` has them.
    """
    return TableCell(
        text=show(found.value),
        interval=interval(found, show) if bounds is None else bounds(found),
        mark=mark,
        value=found.value,
        low=found.low,
        high=found.high,
        figure=True,
    )


def metric(which: str, found: Estimate, *, bounds: bool = True) -> TableCell:
    """The figure of a metric of `METRICS`, in its format.

    :param bounds: whether its interval is shown; CSV has it in any case.
    """
    return estimate(found, metric_format(which), bounds=None if bounds else lambda _: "")


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """What one column is.

    :param align: left for words, right for figures.
    :param key: its name in CSV; "" takes the title.
    :param ends: the names in CSV of the ends of its intervals; None if it has none.
    :param shown: False for a column that only CSV has.
    """

    title: str = ""
    align: Literal["left", "right"] = "right"
    key: str = ""
    ends: tuple[str, str] | None = None
    shown: bool = True


def name_column(title: str = "", key: str = "row") -> TableColumn:
    """The first column of most tables: names, on the left."""
    return TableColumn(title=title, align="left", key=key)


def metric_columns(which: Iterable[str] = tuple(METRICS)) -> tuple[TableColumn, ...]:
    """A column for each of some metrics, named and titled by `METRICS`."""
    return tuple(TableColumn(title=METRICS[m].title, key=m, ends=(f"{m}_low", f"{m}_high")) for m in which)


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One line of a table.

    :param kind: "published" lines are somebody else's figures, "reference" lines are bounds and yardsticks.
    """

    cells: tuple[TableCell, ...]
    kind: RowKind = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """Every cell on one line of text."""
        return tuple(cell.whole for cell in self.cells)


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that belong together, under a heading; "" for none."""

    rows: tuple[TableRow, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    :param title: one line; "" if the surrounding text says what the table is.
    :param sections: at least one row in each.
    :param notes: sentences that explain it, printed below.
    :param section_key: the CSV column that holds the section titles; "" for none.
    :param stacked: whether intervals go below their figures, as in tables with many columns; where the format can.
    """

    title: str = ""
    columns: tuple[TableColumn, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    section_key: str = ""
    stacked: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"expected {len(self.columns)} cells, got {len(row.cells)}: {row.texts}")

    @property
    def rows(self) -> list[TableRow]:
        """The rows of all sections."""
        return [row for section in self.sections for row in section.rows]

    @property
    def header(self) -> tuple[str, ...]:
        """The titles of the visible columns."""
        return tuple(column.title for column in self.visible.columns)

    @property
    def visible(self) -> Table:
        """The table without the columns that only CSV has."""
        if all(column.shown for column in self.columns):
            return self
        kept = [j for j, column in enumerate(self.columns) if column.shown]
        sections = tuple(
            Section(
                title=section.title,
                rows=tuple(TableRow(cells=tuple(row.cells[j] for j in kept), kind=row.kind) for row in section.rows),
            )
            for section in self.sections
        )
        return Table(
            title=self.title,
            columns=tuple(self.columns[j] for j in kept),
            sections=sections,
            notes=self.notes,
            stacked=self.stacked,
        )


def plain_table(columns: Sequence[TableColumn], rows: Iterable[Sequence[TableCell]], **facts: object) -> Table:
    """A table of one section without a heading; of no section if there are no rows."""
    made = tuple(TableRow(cells=tuple(cells)) for cells in rows)
    return Table(columns=tuple(columns), sections=(Section(rows=made),) if made else (), **facts)  # type: ignore[arg-type]


def titled(title: str, *, synthetic: bool) -> str:
    """The title, marked if the outcomes were generated."""
    return f"{title} (synthetic)" if synthetic else title


SYNTHETIC = "The outcomes are synthetic: generated, not observed. They say nothing about real models."
