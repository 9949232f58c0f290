"""Renders the pages of the site from their templates: `index.html`, and `entries/<slug>.html` for each entry.

Each page carries its style and script, allowed by their digests in its content security policy, so that nothing else
can run, whatever a submitter wrote, and the page works from a folder as well as from a server. The template engine
escapes every value; only this package makes what is marked as safe.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmr_core.errors import DataError
from mmr_core.numerics.metrics import METRICS
from mmr_core.render.numbers import ratio, with_interval
from mmr_core.render.plots.palette import COLOURS
from mmr_leaderboard import wording
from mmr_leaderboard.board_tables import RANKED_BY, SHOWN_FIGURES
from mmr_leaderboard.schema import Entry, Leaderboard
from mmr_leaderboard.site import payload
from mmr_leaderboard.site.facts import audit_tests, check_rows, comparisons, entry_facts
from mmr_leaderboard.site.plot import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Picture,
    dash_lengths,
    marker_path,
    picture,
)
from mmr_leaderboard.site.scopes import Scope, bars, cells, scopes, sortable
from mmr_leaderboard.submission.manifest import SLUG
from mmr_leaderboard.wording import shown

SCRIPTS = ("figures.js", "table.js", "plot.js", "page.js")
"""The parts of the script at the end of a page, in order."""

EARLY = "theme.js"
"""The script that must run before a page is painted."""


def site(board: Leaderboard) -> dict[str, bytes]:
    """Every page by its path within the site.

    :raises DataError: if an entry's slug cannot name a file, or two entries have the same.
    """
    for entry in board.entries:
        if SLUG.fullmatch(entry.slug) is None:
            raise DataError(f"{shown(entry.slug)!r} is not a slug, and pages are named by it", where="leaderboard")
    if len({entry.slug for entry in board.entries}) < len(board.entries):
        raise DataError("two entries have the same slug, and pages are named by it", where="leaderboard")
    pages = {"index.html": _index(board)}
    pages |= {f"entries/{entry.slug}.html": _entry_page(board, entry) for entry in board.entries}
    return {path: text.encode() for path, text in pages.items()}


def _index(board: Leaderboard) -> str:
    found = scopes(board)
    return _page(
        "index.html",
        board,
        found,
        data=payload.page_data(board, board.entries, table=True),
        ranked=[entry for entry in board.entries if entry.rank is not None],
        unranked=[entry for entry in board.entries if entry.rank is None],
        references=payload.references(board),
        bars=bars(board, found[0]),
        picture=_picture(board, found[0], board.entries),
    )


def _entry_page(board: Leaderboard, entry: Entry) -> str:
    found = scopes(board)
    leaders = [other for other in board.entries if other.rank == 1 and other.slug != entry.slug][:2]
    shown_entries = [entry, *leaders]
    return _page(
        "entry.html",
        board,
        found,
        data=payload.page_data(board, shown_entries, table=False),
        entry=entry,
        facts=entry_facts(entry),
        checks=check_rows(entry),
        audit=audit_tests(entry.audit.statistics),
        comparisons=comparisons(board, entry),
        ties=[other for other in board.entries if other.slug in entry.ties],
        bars={scope.key: bars(board, scope) for scope in found},
        picture=_picture(board, found[0], shown_entries),
    )


def _picture(board: Leaderboard, scope: Scope, entries: Any) -> Picture | None:
    lines = payload.plotted(board, scope, entries)
    axes = payload.scope_axes(board, scope, lines)
    return None if axes is None else picture(lines, scope.models, axes)


def _page(template: str, board: Leaderboard, found: list[Scope], *, data: Mapping[str, Any], **context: Any) -> str:
    environment = _environment()
    style = _style()
    early, script = _asset(EARLY), _script()
    return environment.get_template(template).render(
        board=board,
        scopes=found,
        unit=wording.cost_unit(board),
        data=payload.embedded(data),
        style=Markup(style),
        early=Markup(early),
        script=Markup(script),
        policy=_policy([early, script], style),
        **context,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mmr_leaderboard.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "shown": wording.shown,
        "paragraphs": wording.paragraphs,
        "safe_link": wording.safe_link,
        "flags": wording.open_flags,
        "meaning": wording.code_meaning,
        "reference_meaning": wording.reference_meaning,
        "rank_range": wording.rank_range,
        "joined": wording.joined,
        "row_key": payload.row_key,
        "sortable": sortable,
        "dashes": dash_lengths,
        "marker": marker_path,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
        "with_interval": with_interval,
        "per_second": lambda estimate: with_interval(estimate, _whole),
    }
    environment.globals |= {
        "words": wording,
        "metrics": METRICS,
        "ranked_by": RANKED_BY,
        "figure_columns": SHOWN_FIGURES,
        "figure_groups": [
            (group, len(list(columns))) for group, columns in groupby(SHOWN_FIGURES, key=lambda column: column.group)
        ],
        "cells": cells,
        "table_facts": wording.table_facts,
        "scenario_title": wording.scenario_title,
        "plot": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
    }
    return environment


def _whole(value: float | None) -> str:
    """Large rates without decimals, small ones as ratios."""
    return f"{value:,.0f}" if value is not None and 100 <= value < math.inf else ratio(value)


def _policy(scripts: list[str], style: str) -> str:
    allowed = " ".join(_digest(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    parts = "\n".join(_asset(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


@cache
def _style() -> str:
    light = "".join(f"--c{place}:{day};" for place, (day, _) in enumerate(COLOURS))
    both = "".join(f"--c{place}:light-dark({day},{night});" for place, (day, night) in enumerate(COLOURS))
    inks = "".join(f".c{place}{{--ink-of:var(--c{place})}}\n" for place in range(len(COLOURS)))
    supported = f"@supports (color:light-dark(#000,#fff)){{:root{{{both}}}}}"
    return f"{_asset('site.css')}:root{{{light}}}\n{supported}\n{inks}"
