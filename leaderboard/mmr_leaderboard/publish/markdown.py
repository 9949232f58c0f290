"""The leaderboard as one Markdown page, `LEADERBOARD.md`, in the pipe syntax of GitHub.

All text that somebody else wrote is escaped, so that none of it can break a table, make a link or pass for markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmr_core.render.writers import markdown_escaped
from mmr_core.results import Estimate, Metrics
from mmr_leaderboard.schema import Entry, Leaderboard, PublishedFinding
from mmr_leaderboard.wording import (
    METRIC_MEANINGS,
    METRIC_TITLES,
    METRICS,
    NOT_PINNED,
    READING,
    SYNTHETIC,
    TIER_MEANINGS,
    TIERS,
    TRACKS,
    code_meaning,
    cost_unit,
    figure,
    figure_interval,
    flag_words,
    rank_range,
    reference_meaning,
    scenario_title,
    scenarios,
    shown,
    table_facts,
)

_NOTHING = "–"

_LONGEST_WORD, _LONGEST_NAME = 40, 120


def markdown(board: Leaderboard) -> str:
    """The whole page."""
    table = board.table
    ranked = [entry for entry in board.entries if entry.rank is not None]
    unranked = [entry for entry in board.entries if entry.rank is None]
    parts = [f"# {_text(board.title)}{': synthetic outcomes' if table.synthetic else ''}"]
    parts += [f"> **{SYNTHETIC}**"] * table.synthetic + [f"> **{NOT_PINNED}**"] * (not board.settings.pinned)
    parts.append(
        f"{len(ranked):,} ranked, {len(unranked):,} unranked and {len(board.refused):,} refused submissions, "
        f"on {_text(table.title)}: {table.test:,} test instances, {len(table.models):,} models."
    )
    parts += ["## Ranking", _ranking(board, ranked) if ranked else "No entry is ranked yet."]
    if unranked:
        parts += ["## Not ranked", _unranked(board, unranked)]
    parts += ["## Reference rows", "They are always there and never ranked.", _references(board)]
    if len(table.datasets) > 1:
        parts += ["## nAUC by scenario and dataset", _slices(board)]
    if board.refused:
        parts += ["## Refused", _refused(board)]
    parts += ["## How to read this", _bullets(_reading())]
    parts += [
        "## What it was measured on",
        _bullets(f"{term}: {_text(said)}" for term, said in table_facts(board).items()),
    ]
    return "\n\n".join(parts) + "\n"


def _ranking(board: Leaderboard, entries: Sequence[Entry]) -> str:
    unit = cost_unit(board)
    header = [
        "Rank", "Router", "nAUC", "Skill", "nAUC log", "Peak", "QNC", "Utility", f"Cost ({unit.title})",
        "ms per query (99 %)", "Track", "Tier", "Audit",
    ]  # fmt: skip
    rows = []
    for entry in entries:
        tied = "=" if entry.ties else ""
        rows.append(
            [
                f"{entry.rank}{tied} ({rank_range(entry) or _NOTHING})",
                _router(entry),
                *_figures(entry.metrics),
                _NOTHING if entry.chosen is None else figure(entry.chosen["utility"]),
                _NOTHING if entry.chosen is None else unit.show(entry.chosen["cost"].value),
                _latency(entry),
                TRACKS[entry.track],
                TIERS[entry.tier],
                _text(flag_words(entry)) or _NOTHING,
            ]
        )
    return _table(header, rows, left=(1, 10, 11, 12))


def _unranked(board: Leaderboard, entries: Sequence[Entry]) -> str:
    header = ["Router", "Why", "Tier", "nAUC", "Skill", "nAUC log", "Peak", "QNC", "Track", "Audit"]
    rows = [
        [
            _router(entry),
            _text(entry.unranked_because) or _NOTHING,
            TIERS[entry.tier],
            *_figures(entry.metrics),
            TRACKS[entry.track],
            _text(flag_words(entry)) or _NOTHING,
        ]
        for entry in entries
    ]
    return _table(header, rows, left=(0, 1, 2, 8, 9))


def _references(board: Leaderboard) -> str:
    header = ["Reference", "What it is", *METRIC_TITLES.values()]
    rows = [
        [_text(reference.title), _text(reference_meaning(reference.name)), *_figures(reference.metrics)]
        for reference in board.references
    ]
    return _table(header, rows, left=(0, 1))


def _slices(board: Leaderboard) -> str:
    tags, datasets = scenarios(board), board.table.datasets
    header = ["Router", *map(_text, map(scenario_title, tags)), *(_text(dataset.title) for dataset in datasets)]
    rows = []
    for entry in board.entries:
        parts = [entry.scenarios.get(tag) for tag in tags]
        parts += [entry.datasets.get(dataset.name) for dataset in datasets]
        rows.append(
            [_text(_cut(entry.display_name)), *(_NOTHING if part is None else figure(part["nauc"]) for part in parts)]
        )
    return _table(header, rows, left=(0,))


def _refused(board: Leaderboard) -> str:
    rows = [
        [f"{_text(submission.display_name)} ({_text(submission.slug)})", _finding(found)]
        for submission in board.refused
        for found in submission.findings
    ]
    return _table(["Submission", "Why"], rows, left=(0, 1))


def _finding(found: PublishedFinding) -> str:
    examples = f" (e.g. {', '.join(map(_text, found.examples))})" if found.examples else ""
    said = f"{_text(found.where)}: {_text(found.message)}{examples}"
    return f"**{_text(found.code)}** {code_meaning(found.code)} {said}".replace("  ", " ")


def _router(entry: Entry) -> str:
    return f"**{_text(_cut(entry.display_name))}** ({_text(entry.slug)})<br>{_text(_cut(', '.join(entry.authors)))}"


def _cut(text: str) -> str:
    """Without words that no table cell can hold, and no longer than a few lines; the entry's own page says it all."""
    words = [word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…" for word in shown(text).split(" ")]
    line = " ".join(words)
    return line if len(line) <= _LONGEST_NAME else f"{line[:_LONGEST_NAME]}…"


def _figures(metrics: Metrics) -> list[str]:
    """nAUC with its interval below it, then the other metrics."""
    return [_cell(metrics["nauc"], "nauc"), *(figure(metrics[name], name) for name in METRICS[1:])]


def _cell(estimate: Estimate, name: str) -> str:
    ends = figure_interval(estimate, name)
    return f"{figure(estimate, name)}<br>{ends}" if ends else figure(estimate, name)


def _latency(entry: Entry) -> str:
    if entry.latency is None:
        return _NOTHING
    return f"{figure(entry.latency.median_ms, 'qnc')} ({figure(entry.latency.p99_ms, 'qnc')})"


def _reading() -> list[str]:
    metrics = [f"{METRIC_TITLES[name]}: {METRIC_MEANINGS[name]}" for name in METRICS]
    return [*READING, *metrics, *(f"{TIERS[tier]}: {meaning}." for tier, meaning in TIER_MEANINGS.items())]


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int]) -> str:
    """A pipe table whose cells are escaped already; the columns in `left` hold words, the others figures."""
    rule = [":---" if j in left else "---:" for j in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _text(text: str) -> str:
    return markdown_escaped(shown(text))
