"""The data for a page's script, as JSON that may stand inside a `<script>` element."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.plots.palette import Palette, Style, own_style
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX, ORACLE_UNAWARE
from mmr_core.specs import ORACLE, UNIFORM
from mmr_leaderboard.schema import Entry, Leaderboard, Point
from mmr_leaderboard.site.plot import Axes, Series, axes, dash_lengths, marker_path
from mmr_leaderboard.site.scopes import Bars, Row, Scope, bars, cells, frontier_on, packed, scopes
from mmr_leaderboard.wording import cost_unit, shown

_LINES = (ORACLE, CONSTANT)
"""References drawn as lines; single models are points."""

_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&'\u2028\u2029"}


def embedded(value: Any) -> Markup:
    """JSON that can neither end the element that contains it nor begin another one."""
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_ESCAPES))


def row_key(row: Row) -> str:
    """The name of a row in the page and in the data."""
    return f"entry/{row.slug}" if isinstance(row, Entry) else f"reference/{row.name}"


def rows(board: Leaderboard) -> tuple[Row, ...]:
    """All rows, in the order of the table."""
    return (*board.entries, *references(board))


def references(board: Leaderboard) -> tuple[Row, ...]:
    """Reference rows: bounds first, then single models from the best down."""
    order = (ORACLE, ORACLE_UNAWARE, BEST_SINGLE, CONSTANT, UNIFORM)

    def place(row: Row) -> tuple[int, float]:
        name = getattr(row, "name", "")
        known = order.index(name) if name in order else len(order) + name.startswith(MODEL_PREFIX)
        nauc = row.metrics["nauc"].value
        return known, 0.0 if nauc is None or known <= len(order) else -nauc

    return tuple(sorted(board.references, key=place))


def entry_styles(board: Leaderboard) -> dict[str, Style]:
    """How each entry is drawn, by slug: as the plots of `mmr run` draw the router of its name.

    Where several entries run one router, all but the first go by their slugs.
    """
    names: dict[str, str] = {}
    for entry in board.entries:
        name = entry.slug if entry.router is None else entry.router.name
        names[entry.slug] = entry.slug if name in names.values() else name
    styles = Palette.of(names.values()).styles
    return {slug: styles.get(name) or own_style(name) for slug, name in names.items()}


def plotted(board: Leaderboard, scope: Scope, entries: Sequence[Entry]) -> list[Series]:
    """The lines of a scope's plot: some entries, then oracle and constant policy."""
    styles = entry_styles(board)
    lines = [
        Series(
            key=row_key(entry),
            title=shown(entry.display_name),
            figure=cells(entry, scope)["nauc"].text,
            style=styles[entry.slug],
            frontier=frontier_on(entry, scope),
            chosen=_chosen(entry) if scope.kind == "board" else None,
        )
        for entry in entries
    ]
    return lines + [
        Series(
            key=row_key(row),
            title=shown(row.title),
            figure=cells(row, scope)["nauc"].text,
            style=None,
            frontier=frontier_on(row, scope),
        )
        for name in _LINES
        for row in board.references
        if row.name == name
    ]


def scope_axes(board: Leaderboard, scope: Scope, lines: Sequence[Series]) -> Axes | None:
    """The axes of a scope's plot."""
    oracle: tuple[Point, ...] = next((line.frontier for line in lines if line.key == f"reference/{ORACLE}"), ())
    routers = [line.frontier for line in lines if line.key != f"reference/{ORACLE}"]
    return axes(routers, oracle, scope.models, cost_unit(board))


def page_data(board: Leaderboard, entries: Sequence[Entry], *, table: bool) -> dict[str, Any]:
    """Everything that the script of a page needs.

    :param entries: whose frontiers are drawn.
    :param table: whether the page has the large table, whose cells change with the scope.
    """
    unit = cost_unit(board)
    data: dict[str, Any] = {
        "unit": {"queries": unit.queries, "title": unit.title},
        "metrics": list(METRICS),
        "scopes": [],
        "figures": {},
    }
    for scope in scopes(board):
        lines = plotted(board, scope, entries)
        found = scope_axes(board, scope, lines)
        data["scopes"].append(
            {
                "key": scope.key,
                "title": scope.title,
                "kind": scope.kind,
                "test": scope.test,
                "members": list(scope.members),
                "bars": _bars(bars(board, scope)),
                "plot": None if found is None else _plot(found, lines, scope),
            }
        )
        if table:
            for row in rows(board):
                figures = [packed(found) for found in cells(row, scope).values()]
                data["figures"].setdefault(row_key(row), {})[scope.key] = figures
    return data


def _plot(found: Axes, lines: Sequence[Series], scope: Scope) -> dict[str, Any]:
    return {
        "low": found.low,
        "high": found.high,
        "smallest": found.smallest,
        "bottom": found.bottom,
        "top": found.top,
        "logarithmic": found.logarithmic,
        "linear": found.linear_ticks,
        "log": found.log_ticks,
        "utility": found.utility_ticks,
        "models": [[shown(model.title), _brief(model.cost), _brief(model.utility)] for model in scope.models],
        "series": [
            {
                "key": line.key,
                "title": line.title,
                "figure": line.figure,
                "style": None
                if line.style is None
                else {
                    "colour": line.style.colour,
                    "dash": dash_lengths(line.style.dash),
                    "shape": marker_path(line.style),
                },
                "line": [[_brief(cost), _brief(utility)] for cost, utility in line.frontier],
                "chosen": line.chosen,
            }
            for line in lines
        ],
    }


def _bars(scale: Bars) -> dict[str, float | None]:
    return {"low": scale.low, "high": scale.high, "mark": scale.mark}


def _chosen(entry: Entry) -> Point | None:
    if entry.chosen is None or entry.chosen["cost"].value is None or entry.chosen["utility"].value is None:
        return None
    return entry.chosen["cost"].value, entry.chosen["utility"].value


def _brief(value: float) -> float:
    """Rounds to seven significant digits, more than a screen can show."""
    return float(f"{value:.7g}")
