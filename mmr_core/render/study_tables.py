"""Exhibits of studies as tables: a sheet as a `Table`, an exhibit as Markdown and LaTeX, a chart's points as CSV."""

from __future__ import annotations

import math
from itertools import groupby

from mmr_core.render.latex import latex_figure, latex_file, latex_table
from mmr_core.render.numbers import decimal, ends, one_line
from mmr_core.render.table import (
    SYNTHETIC,
    RowKind,
    Section,
    Table,
    TableCell,
    TableColumn,
    TableRow,
    figure,
    name_column,
    plain_table,
    titled,
    words,
)
from mmr_core.render.writers import csv_text, markdown_escaped, markdown_table
from mmr_core.studies.exhibits import Entry, Exhibit, Sheet
from mmr_core.studies.figures import Chart, Panel, Series

BROAD = 7
"""Columns beyond which intervals go below their figures, on the page and in Markdown."""
INTERVALS = "Brackets: 95 % intervals."
MARKED = "Best of a column bold, second best underlined; references and published figures do not compete."
PUBLISHED = "Italics: figures that the paper reports."
POINTS = ("panel", "series", "x", "y", "low", "high", "label", "synthetic")
"""The columns of a chart's points; `label` is the category where the axis has categories and the point no label."""


def sheet_table(sheet: Sheet, *, synthetic: bool, title: str = "", notes: tuple[str, ...] = ()) -> Table:
    """The sheet as a table; a heading that recurs is printed again.

    For programs it also says whether a line is published or a reference, and whether the outcomes are synthetic.
    """
    columns = [name_column(sheet.header[0], sheet.header[0] or "label")]
    for j, head in enumerate(sheet.header[1:]):
        bounded = any(line.entries[j].low is not None or line.entries[j].high is not None for line in sheet.lines)
        columns.append(TableColumn(title=head, key=head, ends=(f"{head} low", f"{head} high") if bounded else None))
    hidden = [TableColumn(key=key, shown=False) for key in ("published", "reference", "synthetic")]
    sections = []
    for heading, lines in groupby(sheet.lines, key=lambda line: line.group):
        rows = []
        for line in lines:
            facts = (TableCell(text=str(fact).lower()) for fact in (line.published, line.reference, synthetic))
            kind: RowKind = "published" if line.published else "reference" if line.reference else ""
            rows.append(TableRow(cells=(words(line.label), *map(entry_cell, line.entries), *facts), kind=kind))
        sections.append(Section(title=one_line(heading), rows=tuple(rows)))
    return Table(
        title=title,
        columns=(*columns, *hidden),
        sections=tuple(sections),
        notes=notes,
        section_key="group",
        stacked=len(sheet.header) > BROAD,
    )


def entry_cell(entry: Entry) -> TableCell:
    """A figure with its interval in the decimals that the study chose, or its words."""
    if entry.text:
        return words(entry.text, mark=entry.mark)

    def show(value: float | None) -> str:
        return decimal(value, entry.digits, signed=entry.signed)

    return TableCell(
        text=show(entry.value),
        interval="" if entry.value is None else ends(entry.low, entry.high, show),
        mark=entry.mark,
        value=entry.value,
        low=entry.low,
        high=entry.high,
        figure=True,
    )


def exhibit_table(exhibit: Exhibit, *, synthetic: bool) -> Table:
    """The table of an exhibit, with its title and notes."""
    return sheet_table(
        exhibit.sheet,
        synthetic=synthetic,
        title=titled(one_line(exhibit.title), synthetic=synthetic),
        notes=notes_of(exhibit),
    )


def notes_of(exhibit: Exhibit) -> tuple[str, ...]:
    """The notes of the sheet, then explanations of its marks that the study does not give itself."""
    lines = exhibit.sheet.lines
    entries = [entry for line in lines for entry in line.entries]
    notes = [one_line(note) for note in exhibit.sheet.notes]
    said = " ".join([exhibit.caption, *notes])
    if "95 %" not in said and any(entry_cell(entry).interval for entry in entries):
        notes.append(INTERVALS)
    if "underlined" not in said and any(entry.mark for entry in entries):
        notes.append(MARKED)
    if any(line.published for line in lines):
        notes.append(PUBLISHED)
    return tuple(notes)


def exhibit_markdown(exhibit: Exhibit, *, synthetic: bool, image: str | None = None) -> str:
    """The title, the caption, the drawing, the table and its notes.

    :param image: the name of the drawing's file.
    """
    table = exhibit_table(exhibit, synthetic=synthetic)
    title = markdown_escaped(table.title)
    parts = [f"# {title}"]
    parts += [SYNTHETIC] if synthetic else []
    parts += [markdown_escaped(one_line(exhibit.caption))] if exhibit.caption else []
    parts += [f"![{title}]({image})"] if image is not None else []
    parts.append(markdown_table(table))
    parts += [markdown_escaped(" ".join(table.notes))] if table.notes else []
    return "\n\n".join(parts) + "\n"


def exhibit_latex(exhibit: Exhibit, *, synthetic: bool, image: str | None = None, wide: bool = False) -> str:
    """The figure, if there is one, then the table.

    :param image: the name of the drawing's file.
    :param wide: whether the drawing goes over both columns of a page.
    """
    table = exhibit_table(exhibit, synthetic=synthetic)
    sentences = [f"{table.title}.", one_line(exhibit.caption), SYNTHETIC if synthetic else ""]
    caption = " ".join(sentence for sentence in sentences if sentence)
    name = exhibit.name
    figures = [] if image is None else [latex_figure(image, caption=caption, label=name, wide=wide)]
    return latex_file([*figures, latex_table(table, caption=caption, label=name)])


def exhibit_csv(exhibit: Exhibit, *, synthetic: bool) -> str:
    """The sheet for spreadsheets and data frames: group, label, figures with their ends, and what the line is."""
    return csv_text(sheet_table(exhibit.sheet, synthetic=synthetic))


def points_table(chart: Chart, *, synthetic: bool) -> Table:
    """Every point of a chart, one per row, in the columns of `POINTS`."""
    rows = []
    for panel in chart.panels:
        for series in panel.series:
            for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                ends = (figure(end[i] if end else None) for end in (series.low, series.high))
                names = (TableCell(text=panel.title), TableCell(text=series.name))
                facts = (TableCell(text=_label(panel, series, i)), TableCell(text=str(synthetic).lower()))
                rows.append((*names, figure(x), figure(y), *ends, *facts))
    return plain_table([TableColumn(title=title) for title in POINTS], rows)


def _label(panel: Panel, series: Series, i: int) -> str:
    if series.labels and series.labels[i]:
        return series.labels[i]
    place = series.x[i]
    names = panel.x.categories
    return names[int(place)] if math.isfinite(place) and place.is_integer() and 0 <= place < len(names) else ""
