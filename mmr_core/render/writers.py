"""Writes a `Table` as Markdown, as HTML and as CSV.

Words are escaped, so that none of them can break a table or pass for markup; figures are written by this package.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from markupsafe import Markup, escape

from mmr_core.render.numbers import NOTHING, exact, name, one_line
from mmr_core.render.table import Table, TableCell, TableColumn, TableRow

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]#|~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def markdown_escaped(text: str) -> str:
    """Text escaped for Markdown, table cells included: no markup, no link, no mention."""
    shown = name(text).translate(_MARKS)
    # GitHub turns bare addresses into links, and @names into mentions.
    return shown.replace("://", ":&#47;/").replace("www.", "www&#46;").replace("@", "&#64;")


def bullets(lines: Iterable[str]) -> str:
    """A list in Markdown; the lines are escaped."""
    return "\n".join(f"- {markdown_escaped(line)}" for line in lines)


def markdown_table(table: Table) -> str:
    """The table in the pipe syntax of GitHub, without its title and notes.

    Not tabulate or pytablewriter: neither knows sections or marks, and tabulate does not escape pipes.
    """
    shown = table.visible
    blank = [""] * (len(shown.columns) - 1)
    lines = [[markdown_escaped(one_line(column.title)) for column in shown.columns]]
    lines.append([":---" if column.align == "left" else "---:" for column in shown.columns])
    for section in shown.sections:
        if section.title:
            lines.append([f"**{markdown_escaped(one_line(section.title))}**", *blank])
        lines += [[_markdown_cell(cell, row, shown) for cell in row.cells] for row in section.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def markdown_part(table: Table, *, level: int = 2) -> str:
    """The table with its title as a heading, and its notes below."""
    title = [f"{'#' * level} {markdown_escaped(one_line(table.title))}"] if table.title else []
    notes = [markdown_escaped(one_line(" ".join(table.notes)))] if table.notes else []
    return "\n\n".join([*title, markdown_table(table), *notes])


def _markdown_cell(cell: TableCell, row: TableRow, table: Table) -> str:
    text, bounds = cell.text, cell.interval
    if not cell.figure:
        text, bounds = markdown_escaped(text), markdown_escaped(bounds)
    if cell.mark == "second":
        text = f"<u>{text}</u>"
    elif cell.mark is not None and text.strip():
        text = f"**{text}**"
    parts = [f"{text}{'<br>' if table.stacked else ' '}{bounds}" if bounds else text]
    if cell.aside:
        parts.append(f" {markdown_escaped(cell.aside)}")
    if cell.below:
        parts.append(f"<br>{markdown_escaped(cell.below)}")
    whole = "".join(parts)
    return f"*{whole}*" if row.kind == "published" and whole.strip() not in ("", NOTHING) else whole


def html_table(table: Table, *, style: str = "") -> Markup:
    """The table as an HTML element, without its title and notes.

    Classes: of rows "reference" and "published"; of cells "best"; "interval", "aside" and "group" as they say; of the
    table "broad" if intervals go below their figures.

    :param style: further classes of the table.
    """
    shown = table.visible
    classes = " ".join(part for part in (style, "broad" if shown.stacked else "") if part)
    heads = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_aligned(column), one_line(column.title)) for column in shown.columns
    )
    parts = [
        Markup("<table{}>\n<thead><tr>{}</tr></thead>").format(
            Markup(' class="{}"').format(classes) if classes else "", heads
        )
    ]
    for section in shown.sections:
        parts.append(Markup("<tbody>"))
        if section.title:
            parts.append(
                Markup('<tr class="group"><th colspan="{}" scope="rowgroup">{}</th></tr>').format(
                    len(shown.columns), one_line(section.title)
                )
            )
        parts += [_html_row(row, shown) for row in section.rows]
        parts.append(Markup("</tbody>"))
    return Markup("\n").join([*parts, Markup("</table>")])


def _html_row(row: TableRow, table: Table) -> Markup:
    cells = []
    for j, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True)):
        content = escape(cell.text)
        if cell.mark is not None:
            content = Markup("<u>{}</u>" if cell.mark == "second" else "<b>{}</b>").format(content)
        if cell.interval:
            content += Markup(' <span class="interval">{}</span>').format(cell.interval)
        if cell.aside:
            content += Markup(' <span class="aside">{}</span>').format(cell.aside)
        if cell.below:
            content += Markup("<br>{}").format(cell.below)
        if j == 0:
            cells.append(Markup('<th scope="row">{}</th>').format(content))
        else:
            look = Markup(' class="best"') if cell.mark == "best" else _aligned(column)
            cells.append(Markup("<td{}>{}</td>").format(look, content))
    kind = Markup(' class="{}"').format(row.kind) if row.kind else ""
    return Markup("<tr{}>{}</tr>").format(kind, Markup("").join(cells))


def _aligned(column: TableColumn) -> Markup:
    return Markup("") if column.align == "right" else Markup(' class="words"')


def csv_text(table: Table, *, quoted: bool = False) -> str:
    """The table for programs (RFC 4180: commas, lines that end in CRLF): words, and figures with all their digits.

    Infinity is "inf"; a figure that is not there is empty. A column with `ends` has its intervals beside it.

    :param quoted: whether words are in quotes always, not only where they must.
    """
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(_distinct(_csv_header(table)))
    for section in table.sections:
        for row in section.rows:
            group = [section.title] if table.section_key else []
            writer.writerow([*group, *_csv_cells(row, table, numeric=quoted)])
    return sheet.getvalue()


def _csv_header(table: Table) -> Iterator[str]:
    if table.section_key:
        yield table.section_key
    for column in table.columns:
        yield column.key or column.title
        yield from column.ends or ()


def _csv_cells(row: TableRow, table: Table, *, numeric: bool) -> Iterator[str | float]:
    for cell, column in zip(row.cells, table.columns, strict=True):
        ends = [cell.low, cell.high] if column.ends else []
        if not cell.figure:
            yield cell.text
            yield from ("" for _ in ends)
        else:
            for value in (cell.value, *ends):
                text = exact(value)
                # The csv module quotes strings, not numbers.
                yield value if numeric and text and value is not None else text


def _distinct(titles: Iterable[str]) -> list[str]:
    """The titles; those that came before get a number."""
    found: list[str] = []
    for title in titles:
        count, free = 1, title
        while free in found:
            count += 1
            free = f"{title} ({count})"
        found.append(free)
    return found
