"""The texts of a sheet, the same in every format: figures, their intervals, headings, and what is synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from mmr_core.render.grids import titled
from mmr_core.render.numbers import decimal, interval, one_line
from mmr_core.results import Estimate
from mmr_core.studies.exhibits import Entry, Exhibit, Line, Sheet

BROAD = 7
"""Columns beyond which intervals stand below their figures, on the page and in Markdown."""
INTERVALS = "Brackets: 95 % intervals."
MARKED = "Best of a column bold, second best underlined; references and published figures do not compete."
PUBLISHED = "Italics: figures that the paper reports."
SYNTHETIC = "The outcomes are synthetic: generated, not observed. They say nothing about real models."


def figure_text(entry: Entry) -> str:
    """The text of an entry, or its figure; without the interval."""
    return one_line(entry.text) if entry.text else decimal(entry.value, entry.digits, signed=entry.signed)


def interval_text(entry: Entry) -> str:
    """The interval, such as "[0.690, 0.712]"; empty where there is none."""
    if entry.text or entry.value is None:
        return ""
    estimate = Estimate(value=entry.value, low=entry.low, high=entry.high)
    return interval(estimate, lambda end: decimal(end, entry.digits, signed=entry.signed))


def sections(sheet: Sheet) -> Iterator[tuple[str, list[Line]]]:
    """The lines under each heading, in their order; a heading that comes back is printed again."""
    for heading, lines in groupby(sheet.lines, key=lambda line: line.group):
        yield one_line(heading), list(lines)


def title_of(exhibit: Exhibit, *, synthetic: bool) -> str:
    """The title, which says so where the outcomes were generated."""
    return titled(one_line(exhibit.title), synthetic=synthetic)


def notes_of(exhibit: Exhibit) -> list[str]:
    """The notes of the sheet, then those that explain what stands in it, unless the study says as much."""
    lines = exhibit.sheet.lines
    entries = [entry for line in lines for entry in line.entries]
    notes = [one_line(note) for note in exhibit.sheet.notes]
    said = " ".join([exhibit.caption, *notes])
    if "95 %" not in said and any(interval_text(entry) for entry in entries):
        notes.append(INTERVALS)
    if "underlined" not in said and any(entry.mark for entry in entries):
        notes.append(MARKED)
    if any(line.published for line in lines):
        notes.append(PUBLISHED)
    return notes
