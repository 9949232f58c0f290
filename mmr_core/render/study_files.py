"""Writes everything that studies show into one folder: a few files per exhibit, the findings, and the page, last."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmr_core.render.plots.chart import KINDS, chart_figure, demand_matplotlib, figure_bytes, is_wide
from mmr_core.render.plots.gallery import gallery_figure
from mmr_core.render.plots.palette import Palette
from mmr_core.render.study_page import RunFacts, Shown, data_address, page
from mmr_core.render.study_tables import exhibit_csv, exhibit_latex, exhibit_markdown, points_table
from mmr_core.render.together import write_together
from mmr_core.render.writers import csv_text
from mmr_core.results import Results, results_bytes
from mmr_core.runner.measurement import reason_of
from mmr_core.studies.exhibits import Exhibit
from mmr_core.studies.figures import Chart, Drawing, Gallery
from mmr_core.studies.terms import Finding, StudyReport

if TYPE_CHECKING:
    from pathlib import Path

PAGE, FINDINGS, TABLE = "report.html", "findings.json", "results.parquet"
POINTS = "points.csv"
FINDINGS_VERSION = "1"


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
    :param warn: called with one line for each reason why drawings could not be made.
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
                    wide=exhibit.drawing is not None and not files.undrawn and is_wide(exhibit.drawing),
                    undrawn=files.undrawn,
                )
            )
    contents[FINDINGS] = findings_json(studies, facts)
    contents[TABLE] = results_bytes(results)
    contents[PAGE] = page(studies, shown, facts, results, (FINDINGS, TABLE))
    for reason, undrawn in _undrawn(shown).items():
        warn(f"not drawn: {', '.join(undrawn)}: {reason}")
    return write_together(out, contents, last=PAGE, stale=stale)


def drawn(drawing: Drawing, palette: Palette, *, synthetic: bool) -> dict[str, bytes]:
    """The contents of a figure's files, by kind: the same bytes for the same drawing.

    :param palette: of the whole report.
    :raises MissingExtraError: if matplotlib is not installed.
    :raises DrawingError: if the drawing cannot be made of its numbers.
    """
    demand_matplotlib("figures")
    if isinstance(drawing, Chart):
        figure = chart_figure(drawing, palette, synthetic=synthetic)
    else:
        figure = gallery_figure(drawing, synthetic=synthetic)
    return {kind: figure_bytes(figure, kind) for kind in KINDS}


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
            points = (
                csv_text(points_table(exhibit.drawing, synthetic=synthetic))
                if isinstance(exhibit.drawing, Chart)
                else ""
            )
            figures = drawn(exhibit.drawing, palette, synthetic=synthetic)
        except Exception as error:
            undrawn = reason_of(error)
    name = exhibit.name
    contents: dict[str, bytes | str] = {
        ".md": exhibit_markdown(exhibit, synthetic=synthetic, image=f"{name}.png" if figures else None),
        ".csv": exhibit_csv(exhibit, synthetic=synthetic),
        ".tex": exhibit_latex(
            exhibit,
            synthetic=synthetic,
            image=f"{name}.pdf" if figures else None,
            wide=bool(figures) and exhibit.drawing is not None and is_wide(exhibit.drawing),
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


def findings_json(studies: Sequence[tuple[str, StudyReport]], facts: RunFacts) -> str:
    """An object with `schema`, `synthetic`, `data`, `findings`, `gaps`, `unavailable` and `failed`.

    A finding has `study`, `name`, `rule`, `holds` (null where it could not be tested), `value`, `low`, `high`, `words`
    and `published`. A number may be null, and infinity is the string "inf" or "-inf", which JSON has no number for.
    """
    document = {
        "schema": FINDINGS_VERSION,
        "synthetic": facts.data.synthetic,
        "data": {"source": facts.data.source, "digest": facts.data.digest},
        "findings": [_finding(study, finding) for study, report in studies for finding in report.findings],
        "gaps": [
            {"study": study, "what": gap.what, "reason": gap.reason} for study, report in studies for gap in report.gaps
        ],
        "unavailable": dict(facts.unavailable),
        "failed": dict(facts.failed),
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finding(study: str, finding: Finding) -> dict[str, Any]:
    estimate = finding.estimate
    return {
        "study": study,
        "name": finding.name,
        "rule": finding.rule,
        "holds": finding.holds,
        "value": _number(None if estimate is None else estimate.value),
        "low": _number(None if estimate is None else estimate.low),
        "high": _number(None if estimate is None else estimate.high),
        "words": finding.words,
        "published": finding.published,
    }


def _number(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else repr(float(value))
