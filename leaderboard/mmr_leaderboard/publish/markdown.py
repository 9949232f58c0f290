"""The leaderboard as one Markdown page, `LEADERBOARD.md`.

All text that somebody else wrote is escaped, so that none of it can break a table, make a link or pass for markup.
"""

from __future__ import annotations

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.writers import bullets, markdown_escaped, markdown_table
from mmr_leaderboard.board_tables import (
    RANKED_BY,
    ranking_table,
    reference_table,
    refused_table,
    scope_table,
    unranked_table,
)
from mmr_leaderboard.schema import Leaderboard
from mmr_leaderboard.wording import NOT_PINNED, READING, SYNTHETIC, TIER_MEANINGS, TIERS, shown, table_facts


def markdown(board: Leaderboard) -> str:
    """The whole page."""
    table = board.table
    ranking, unranked, refused = ranking_table(board), unranked_table(board), refused_table(board)
    parts = [f"# {_text(board.title)}{': synthetic outcomes' if table.synthetic else ''}"]
    parts += [f"> **{SYNTHETIC}**"] * table.synthetic + [f"> **{NOT_PINNED}**"] * (not board.settings.pinned)
    parts.append(
        f"{len(ranking.rows):,} ranked, {len(unranked.rows):,} unranked and {len(board.refused):,} refused "
        f"submissions, on {_text(table.title)}: {table.test:,} test instances, {len(table.models):,} models."
    )
    parts += ["## Ranking", markdown_table(ranking) if ranking.rows else "No entry is ranked yet."]
    parts += ["## Not ranked", markdown_table(unranked)] if unranked.rows else []
    parts += ["## Reference rows", "They are always there and never ranked.", markdown_table(reference_table(board))]
    if len(table.datasets) > 1:
        parts += [f"## {METRICS[RANKED_BY].title} by scenario and dataset", markdown_table(scope_table(board))]
    parts += ["## Refused", markdown_table(refused)] if refused.rows else []
    parts += ["## How to read this", bullets(_reading())]
    facts = (f"{term}: {said}" for term, said in table_facts(board).items())
    parts += ["## What it was measured on", bullets(facts)]
    return "\n\n".join(parts) + "\n"


def _reading() -> list[str]:
    metrics = [f"{metric.heading}: {metric.meaning}" for metric in METRICS.values()]
    return [*READING, *metrics, *(f"{TIERS[tier]}: {meaning}." for tier, meaning in TIER_MEANINGS.items())]


def _text(text: str) -> str:
    return markdown_escaped(shown(text))
