"""The report of studies as one self-contained HTML page: no scripts, no requests, drawings embedded.

The findings come first, then what was run, what could not be made and why, and then every exhibit.
"""

from __future__ import annotations

import math
import shlex
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mmr_core.render.numbers import finer, one_line, with_interval
from mmr_core.render.study_tables import exhibit_table
from mmr_core.render.table import SYNTHETIC, Table, TableColumn, plain_table, titled, words
from mmr_core.render.writers import html_table
from mmr_core.results import Cell, DataFacts, LineupEntry, Results
from mmr_core.studies.exhibits import Exhibit
from mmr_core.studies.terms import Finding, StudyReport

_ENVIRONMENT = Environment(
    loader=PackageLoader("mmr_core.render", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["line"] = one_line
_ENVIRONMENT.globals["html_table"] = html_table


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a reader needs to know to trust a run of studies and to repeat it.

    Failures of single cells are in the results.

    :param data: the table; where it is synthetic, every title says so.
    :param split_digest: of the assignment of instances to training and test.
    :param versions: of Python and of the libraries, by name.
    :param seeds: of routers.
    :param draws, draw_seed: of the bootstrap.
    :param features: what the features were made of, one description per pair of encoders in use.
    :param lineup: the routers, in the order that gives them their colours.
    :param command: the words as typed, the program's name first.
    :param measured: cells that were run now; :param cached: cells whose results were there already.
    :param seconds: that the run took; :param started: its beginning, with a time zone.
    :param unavailable: studies that this table or this machine cannot give, with the reason.
    :param failed: studies that broke, with the reason.
    :param skipped_routers: routers that were left out, with the reason.
    :param warnings: further warnings of the run.
    """

    data: DataFacts
    split_digest: str
    versions: Mapping[str, str]
    seeds: tuple[int, ...]
    draws: int
    draw_seed: int
    features: tuple[Mapping[str, Any], ...]
    lineup: tuple[LineupEntry, ...]
    command: tuple[str, ...]
    measured: int
    cached: int
    seconds: float
    started: datetime
    unavailable: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped_routers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


VERDICTS = {True: ("holds", "holds"), False: ("fails", "does not hold"), None: ("open", "could not be tested")}
_NAMED = 3
"""Cells of one reason that are named before the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One exhibit on the page.

    :param files: names of its files, to which the page links.
    :param image: the drawing, as a `data:` address; None where there is none.
    :param wide: whether the drawing goes over both columns of a printed page.
    :param undrawn: why the drawing could not be made; "" where it could.
    """

    study: str
    exhibit: Exhibit
    files: tuple[str, ...]
    image: str | None = None
    wide: bool = False
    undrawn: str = ""


def data_address(content: bytes, kind: str) -> str:
    """An image ("svg" or "png") as an address that holds it."""
    media = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    return f"data:{media};base64,{b64encode(content).decode()}"


def page(
    studies: Sequence[tuple[str, StudyReport]],
    shown: Sequence[Shown],
    facts: RunFacts,
    results: Results,
    files: Sequence[str],
) -> str:
    """The page.

    :param shown: every exhibit, in reading order.
    :param files: names of files beside those of exhibits.
    """
    synthetic = facts.data.synthetic
    template = _ENVIRONMENT.get_template("report.html.jinja")
    return template.render(
        title=titled("The study", synthetic=synthetic),
        synthetic=SYNTHETIC if synthetic else "",
        remarks=list(dict.fromkeys(one_line(remark) for _, report in studies for remark in report.remarks)),
        findings=[_finding(finding) for _, report in studies for finding in report.findings],
        run=run_facts(facts, results),
        lineup=_lineup(facts),
        versions=sorted(facts.versions.items()),
        warnings=facts.warnings,
        missing=missing(studies, shown, facts, results),
        exhibits=[_exhibit(item, synthetic=synthetic) for item in shown],
        files=files,
    )


def run_facts(facts: RunFacts, results: Results) -> list[tuple[str, str]]:
    """What was run, as pairs of a word and a value."""
    data = facts.data
    broke = sum(not failure.unavailable for failure in results.failures)
    cells = f"{facts.measured:,} run, {facts.cached:,} taken from the cache, {broke:,} failed"
    cells += f", {len(results.failures) - broke:,} not to be had" if len(results.failures) > broke else ""
    pairs = [
        ("command", shlex.join(facts.command)),
        ("table", f"{data.source}; {data.instances:,} instances; digest {data.digest}"),
        ("datasets", ", ".join(data.datasets)),
        ("models", ", ".join(data.models)),
        ("prices", data.price_sheet or "as the table has them"),
        ("split", f"digest {facts.split_digest}"),
        *(("features", _described(description)) for description in facts.features),
        ("seeds", ", ".join(map(str, facts.seeds))),
        (
            "intervals",
            f"95 %, {facts.draws:,} bootstrap draws over instances, stratified by dataset, seed {facts.draw_seed}",
        ),
        ("cells", cells),
        ("time", f"{duration(facts.seconds)}, begun {facts.started.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
    ]
    return [(word, one_line(value)) for word, value in pairs]


def duration(seconds: float) -> str:
    """Such as "6 min 12 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def missing(
    studies: Sequence[tuple[str, StudyReport]], shown: Sequence[Shown], facts: RunFacts, results: Results
) -> list[tuple[str, str]]:
    """What could not be made, and why: whole studies, parts of exhibits, drawings, routers, single fits."""
    pairs = [(f"study {study}", reason) for study, reason in facts.unavailable.items()]
    pairs += [(f"study {study} (broke)", reason) for study, reason in facts.failed.items()]
    pairs += [(f"router {router}", reason) for router, reason in facts.skipped_routers.items()]
    pairs += [(f"the drawing of {item.exhibit.name}", item.undrawn) for item in shown if item.undrawn]
    pairs += [(f"{study}: {gap.what}", gap.reason) for study, report in studies for gap in report.gaps]
    pairs += _failed_cells(results)
    return list(dict.fromkeys((one_line(what), one_line(reason)) for what, reason in pairs))


def _failed_cells(results: Results) -> list[tuple[str, str]]:
    """Cells that failed, those of one reason together."""
    reasons: dict[tuple[str, bool], list[Cell]] = {}
    for failure in results.failures:
        reasons.setdefault((failure.reason, failure.unavailable), []).append(failure.cell)
    pairs = []
    for (reason, unavailable), cells in reasons.items():
        named = [f"{cell.router or 'references'} on {cell.test}, seed {cell.seed}" for cell in cells[:_NAMED]]
        more = [f"{len(cells) - _NAMED} more"] if len(cells) > _NAMED else []
        what = "fit" if len(cells) == 1 else "fits"
        broke = "" if unavailable else " (broke)"
        pairs.append((f"{what}{broke}: {'; '.join([*dict.fromkeys(named), *more])}", reason))
    return pairs


def _finding(finding: Finding) -> dict[str, Any]:
    kind, verdict = VERDICTS[finding.holds]
    estimate = finding.estimate
    known = estimate is not None and estimate.value is not None and math.isfinite(estimate.value)
    figure = with_interval(estimate, finer) if estimate is not None and known else ""
    return {"finding": finding, "kind": kind, "verdict": verdict, "figure": figure}


def _lineup(facts: RunFacts) -> Table:
    columns = [TableColumn(title=title, align="left") for title in ("router", "id", "version", "fusion", "parameters")]
    rows = []
    for entry in facts.lineup:
        fusion = "none" if entry.fusion is None else f"{entry.fusion.canonical_id} {entry.fusion.version}"
        texts = (entry.name, entry.canonical_id, entry.version, fusion, _described(entry.parameters))
        rows.append([words(text) for text in texts])
    return plain_table(columns, rows)


def _described(parameters: Mapping[str, Any]) -> str:
    return one_line(", ".join(f"{key} {_value(value)}" for key, value in parameters.items()))


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_described(value)})"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_value, value))})"
    return "none" if value is None else str(value)


def _exhibit(item: Shown, *, synthetic: bool) -> dict[str, Any]:
    table = exhibit_table(item.exhibit, synthetic=synthetic)
    return {
        "name": item.exhibit.name,
        "table": table,
        "caption": one_line(item.exhibit.caption),
        "image": item.image,
        "width": "wide" if item.wide else "narrow",
        "undrawn": one_line(item.undrawn),
        "files": item.files,
    }
