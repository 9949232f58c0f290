"""Tables as data, before anybody decides how they look: entries with intervals, lines, marks for the best.

Markdown, CSV, LaTeX and HTML are made of the same sheet, so that they cannot say different things.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mmr_core.results import Estimate

if TYPE_CHECKING:
    from mmr_core.studies.figures import Drawing

Mark = Literal["best", "second"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell of a sheet: a text, or a figure with its interval.

    :param value: None prints as a dash, infinity as its sign.
    :param low, high: the 95 % interval, where there is one.
    :param text: shown instead of a figure.
    :param digits: decimals.
    :param signed: whether a plus sign is printed, as for differences.
    :param mark: set by `marked`.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    text: str = ""
    digits: int = 3
    signed: bool = False
    mark: Mark | None = None

    @classmethod
    def of(cls, estimate: Estimate, *, digits: int = 3, signed: bool = False) -> Entry:
        """The entry of an estimate."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high, digits=digits, signed=signed)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a sheet.

    :param label: the first column.
    :param entries: one per further column.
    :param group: the heading under which it stands; "" for none.
    :param published: whether its figures are the paper's, not ours; shown apart, never marked.
    :param reference: whether it is a bound or a yardstick (oracle, best single), never marked.
    """

    label: str
    entries: tuple[Entry, ...]
    group: str = ""
    published: bool = False
    reference: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table.

    :param header: the title of the labels, then one per column.
    :param notes: sentences printed below it.
    """

    header: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in self.lines:
            if len(line.entries) + 1 != len(self.header):
                raise ValueError(
                    f"line {line.label!r} has {len(line.entries)} entries for {len(self.header) - 1} columns"
                )


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """One table or figure of a report.

    :param name: the name of its files, such as "table2".
    :param title: one line.
    :param caption: what is shown and how it was made, in sentences.
    :param sheet: its table; a figure has one too, of the figures that it draws.
    :param drawing: what is drawn, for a figure.
    """

    name: str
    title: str
    caption: str
    sheet: Sheet
    drawing: Drawing | None = None


def marked(sheet: Sheet, better: Sequence[Better | None]) -> Sheet:
    """Marks the best and the second-best figure of each column; published and reference lines do not compete.

    Equal figures (as printed) share a mark, and no second-best is marked where two are best.

    :param better: per column, which way is better; None leaves the column unmarked.
    """
    lines = list(sheet.lines)
    for column, way in enumerate(better):
        if way is None:
            continue
        sign = 1 if way == "higher" else -1
        ranked = {
            row: sign * round(entry.value, entry.digits)
            for row, line in enumerate(lines)
            if not (line.published or line.reference)
            and (entry := line.entries[column]).value is not None
            and math.isfinite(entry.value)
        }
        values = sorted(set(ranked.values()), reverse=True)
        best = [row for row, value in ranked.items() if value == values[0]]
        second = [row for row, value in ranked.items() if len(best) == 1 and len(values) > 1 and value == values[1]]
        marks: tuple[tuple[list[int], Mark], ...] = ((best, "best"), (second, "second"))
        for rows, mark in marks:
            for row in rows:
                entries = list(lines[row].entries)
                entries[column] = replace(entries[column], mark=mark)
                lines[row] = replace(lines[row], entries=tuple(entries))
    return replace(sheet, lines=tuple(lines))
