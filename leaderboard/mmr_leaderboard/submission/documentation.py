"""Writes the tables of docs/submissions.md that are made from the code: files, fields, codes.

    python -m mmr_leaderboard.submission.documentation docs/submissions.md

A test demands that the page is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel

from mmr_core.errors import DataError
from mmr_core.store.atomic import write_atomically
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.submission.decision_file import UNPACKED
from mmr_leaderboard.submission.decisions import POINTS, ROWS_NEVER
from mmr_leaderboard.submission.folder import LIMITS, WHEEL_COUNT
from mmr_leaderboard.submission.manifest import Manifest, Pins, Requirement, Router, Source

PARTS: dict[str, type[BaseModel]] = {
    "": Manifest,
    "[source]": Source,
    "[router]": Router,
    "[[router.dependencies]]": Requirement,
    "[pins]": Pins,
}


def page(text: str) -> str:
    """The page with its generated parts up to date.

    :raises DataError: if a pair of markers is missing.
    """
    for name, table in (("files", _files()), ("fields", _fields()), ("codes", _codes())):
        begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise DataError(f"the markers {begin} and {end} are missing", fix="put them back")
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def _files() -> str:
    rows = [[f"`{name}`", _size(limit)] for name, limit in LIMITS.items()]
    rows[-1][1] += f" in all, in at most {WHEEL_COUNT} files"
    rows += [["what a decisions file unpacks to", f"{_size(UNPACKED)}, {ROWS_NEVER:,} rows, {POINTS} operating points"]]
    return _table(("file", "at most"), rows)


def _fields() -> str:
    rows = []
    for part, model in PARTS.items():
        for name, field in model.model_fields.items():
            if name not in ("source", "router", "pins", "dependencies"):
                place = f"`{part} {name}`" if part else f"`{name}`"
                rows.append([place, "yes" if field.is_required() else "", field.description or ""])
    return _table(("field", "needed", "what it says"), rows)


def _codes() -> str:
    rows = [[f"`{c.name}`", c.stage, c.weight, c.meaning, c.remedy] for c in CODES.values()]
    return _table(("code", "found in", "then", "meaning", "what to do"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield _line(head)
        yield _line(["---"] * len(head))
        yield from (_line(row) for row in rows)

    return "\n".join(lines())


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _size(limit: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if limit >= size:
            return f"{limit // size} {unit}"
    return f"{limit} bytes"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_atomically(target, page(target.read_text("utf-8")))
