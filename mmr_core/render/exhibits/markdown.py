"""An exhibit in Markdown, as GitHub shows it: a pipe table with its marks, and its drawing where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from mmr_core.render.exhibits.entries import BROAD, SYNTHETIC, figure_text, interval_text, notes_of, sections, title_of
from mmr_core.render.markdown import escaped, pipe_table
from mmr_core.render.numbers import NOTHING, one_line
from mmr_core.studies.exhibits import Entry, Exhibit, Line, Sheet


def exhibit_markdown(exhibit: Exhibit, *, synthetic: bool, image: str | None = None) -> str:
    """The title, the caption, the drawing, the table and its notes.

    The best figure of a column is bold, the second best underlined, published lines are in italics.

    :param image: the name of the drawing's file.
    """
    title = escaped(title_of(exhibit, synthetic=synthetic))
    parts = [f"# {title}"]
    if synthetic:
        parts.append(SYNTHETIC)
    if exhibit.caption:
        parts.append(escaped(one_line(exhibit.caption)))
    if image is not None:
        parts.append(f"![{title}]({image})")
    parts.append(sheet_markdown(exhibit.sheet))
    notes = escaped(" ".join(notes_of(exhibit)))
    return "\n\n".join([*parts, *([notes] if notes else [])]) + "\n"


def sheet_markdown(sheet: Sheet) -> str:
    """The table alone."""
    rows: list[Sequence[str]] = []
    between = "<br>" if len(sheet.header) > BROAD else " "
    for heading, lines in sections(sheet):
        if heading:
            rows.append([f"**{escaped(heading)}**", *[""] * (len(sheet.header) - 1)])
        rows += [_row(line, between) for line in lines]
    return pipe_table([escaped(one_line(title)) for title in sheet.header], rows, figures="---:")


def _row(line: Line, between: str) -> list[str]:
    cells = [escaped(one_line(line.label)), *(_cell(entry, between) for entry in line.entries)]
    if not line.published:
        return cells
    return [f"*{cell}*" if cell.strip() not in ("", NOTHING) else cell for cell in cells]


def _cell(entry: Entry, between: str) -> str:
    text = escaped(figure_text(entry))
    if entry.mark == "best":
        text = f"**{text}**"
    elif entry.mark == "second":
        text = f"<u>{text}</u>"
    bounds = escaped(interval_text(entry))
    return f"{text}{between}{bounds}" if bounds else text
