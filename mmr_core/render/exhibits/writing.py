"""Writes everything that studies show into one folder: a few files per exhibit, the findings, and the page, last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmr_core.render.exhibits.drawing import KINDS, drawn, wide
from mmr_core.render.exhibits.facts import RunFacts
from mmr_core.render.exhibits.findings import findings_json
from mmr_core.render.exhibits.latex import exhibit_latex
from mmr_core.render.exhibits.markdown import exhibit_markdown
from mmr_core.render.exhibits.page import Shown, data_address, page
from mmr_core.render.exhibits.palette import Palette
from mmr_core.render.exhibits.spreadsheet import points_csv, sheet_csv
from mmr_core.render.together import write_together
from mmr_core.results import Results, results_bytes
from mmr_core.runner.measurement import reason_of
from mmr_core.studies.exhibits import Exhibit
from mmr_core.studies.figures import Chart, Gallery
from mmr_core.studies.terms import StudyReport

if TYPE_CHECKING:
    from pathlib import Path

PAGE, FINDINGS, TABLE = "report.html", "findings.json", "results.parquet"
POINTS = "points.csv"


@dataclass(frozen=True, kw_only=True)
class _Files:
    """What one exhibit leaves: contents by the name's end, such as ".md"; and why it has no drawing."""

    contents: Mapping[str, bytes | str] = field(default_factory=dict)
    undrawn: str = ""


def write_exhibits(
    out: Path,
    studies: Sequence[tuple[str, StudyReport]],
    facts: RunFacts,
    results: Results,
    *,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Writes the exhibits of studies, and returns the paths of all files, `report.html` last.

    Per exhibit `<name>.md`, `.csv` and `.tex`; where it has a drawing `.png`, `.svg` and `.pdf`, and for a chart
    `<name>-points.csv`; and once `findings.json`, `results.parquet` with every record, and `report.html`, which shows
    it all. Files of an earlier run are replaced; if anything fails before all are written, they are as they were. A
    drawing that cannot be made is named on the page, with the reason, and its exhibit has a table all the same.

    :param out: a folder, which is made.
    :param warn: told of drawings that could not be made, one line for each reason.
    :param studies: names and reports, in reading order; no two exhibits of one name.
    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    synthetic = facts.data.synthetic
    palette = _palette(studies, facts)
    contents: dict[str, bytes | str] = {}
    shown: list[Shown] = []
    stale: list[str] = []
    for study, report in studies:
        for exhibit in report.exhibits:
            files = _files(exhibit, palette, synthetic=synthetic)
            names = {f"{exhibit.name}{end}": content for end, content in files.contents.items()}
            contents |= names
            stale += [f"{exhibit.name}.{kind}" for kind in KINDS] + [f"{exhibit.name}-{POINTS}"]
            shown.append(
                Shown(
                    study=study,
                    exhibit=exhibit,
                    files=tuple(names),
                    image=_image(exhibit, files.contents),
                    undrawn=files.undrawn,
                )
            )
    contents[FINDINGS] = findings_json(studies, facts)
    contents[TABLE] = results_bytes(results)
    contents[PAGE] = page(studies, shown, facts, results, (FINDINGS, TABLE))
    for reason, undrawn in _undrawn(shown).items():
        warn(f"not drawn: {', '.join(undrawn)}: {reason}")
    return write_together(out, contents, last=PAGE, stale=stale)


def _undrawn(shown: Sequence[Shown]) -> dict[str, list[str]]:
    """The names of exhibits without their drawing, by reason."""
    reasons: dict[str, list[str]] = {}
    for item in shown:
        if item.undrawn:
            reasons.setdefault(item.undrawn, []).append(item.exhibit.name)
    return reasons


def _palette(studies: Sequence[tuple[str, StudyReport]], facts: RunFacts) -> Palette:
    """The colours of all charts whose names can be read; those of the others fail when they are drawn."""
    lineup = [entry.name for entry in facts.lineup]
    charts: list[Chart] = []
    for exhibit in (exhibit for _, report in studies for exhibit in report.exhibits):
        if isinstance(exhibit.drawing, Chart):
            with suppress(Exception):
                Palette.of(lineup, [*charts, exhibit.drawing])
                charts.append(exhibit.drawing)
    return Palette.of(lineup, charts)


def _files(exhibit: Exhibit, palette: Palette, *, synthetic: bool) -> _Files:
    """Every file of an exhibit."""
    figures: dict[str, bytes] = {}
    points, undrawn = "", ""
    if exhibit.drawing is not None:
        try:
            points = points_csv(exhibit.drawing, synthetic=synthetic) if isinstance(exhibit.drawing, Chart) else ""
            figures = drawn(exhibit.drawing, palette, synthetic=synthetic)
        except Exception as error:
            undrawn = reason_of(error)
    name = exhibit.name
    contents: dict[str, bytes | str] = {
        ".md": exhibit_markdown(exhibit, synthetic=synthetic, image=f"{name}.png" if figures else None),
        ".csv": sheet_csv(exhibit.sheet, synthetic=synthetic),
        ".tex": exhibit_latex(
            exhibit,
            synthetic=synthetic,
            image=f"{name}.pdf" if figures else None,
            wide=bool(figures) and exhibit.drawing is not None and wide(exhibit.drawing),
        ),
    }
    contents |= {f".{kind}": content for kind, content in figures.items()}
    if points and figures:
        contents[f"-{POINTS}"] = points
    return _Files(contents=contents, undrawn=undrawn)


def _image(exhibit: Exhibit, contents: Mapping[str, bytes | str]) -> str | None:
    """The drawing for the page: photographs as pixels, charts as curves."""
    kind = "png" if isinstance(exhibit.drawing, Gallery) else "svg"
    content = contents.get(f".{kind}")
    return data_address(content, kind) if isinstance(content, bytes) else None
