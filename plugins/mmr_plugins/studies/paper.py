"""What the paper reports, looked up by router and dataset, and whether this table's figures may be set against it.

The studies show published figures beside their own. Whether they can be compared is decided by facts alone: real
outcomes, the paper's datasets with as many instances as its table S1 says, and its ten models.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

from mmr_core.studies import Entry, Line, Setting
from mmr_plugins.published import rows

PUBLISHED = "published"
"""The heading under which published lines stand."""
APART = "The published lines come from other outcomes than this table's and are not comparable with them."
NAMED = 3
"""How many differences of one sort the remark names before it counts the others."""
ALL = "full"
"""The mixture for which table S4 says "All"."""


def published_routers(table: str) -> tuple[str, ...]:
    """The routers and references of "table2" or "table_s4", in the order of the paper."""
    return tuple(dict.fromkeys(row["router"] for row in rows(table)))


def published_figure(router: str, dataset: str, metric: str) -> float | None:
    """A figure of table 2 ("nauc", "peak") or table S4 ("qnc"); None where the paper has none.

    :param router: a name as in `published_routers`.
    :param dataset: a canonical name; "full" is the paper's full dataset.
    """
    return _figures().get((router, dataset, metric))


def published_lines(table: str, metric: str, columns: tuple[str, ...]) -> tuple[Line, ...]:
    """One line for each router of a published table that has a figure in one of the columns.

    :param columns: canonical names of datasets.
    """
    lines = []
    for router in published_routers(table):
        values = [published_figure(router, dataset, metric) for dataset in columns]
        if any(value is not None for value in values):
            least, kept = (3, 3) if metric == "qnc" else (4, 4)
            entries = tuple(Entry(value=value, digits=decimals(value, least=least, kept=kept)) for value in values)
            lines.append(Line(label=router, entries=entries, group=PUBLISHED, published=True))
    return tuple(lines)


def decimals(value: float | None, *, least: int, kept: int = 2) -> int:
    """Decimals that show so many significant digits of a small figure, and no fewer than `least`."""
    if value is None or not 0 < abs(value) < 1:
        return least
    exponent = int(f"{value:e}".partition("e")[2])
    return max(least, kept - 1 - exponent)


def differences_from_paper(setting: Setting) -> tuple[str, ...]:
    """In which respects this table is not the paper's, a clause each; none means that figures are comparable."""
    table = setting.table
    clauses = ["the outcomes are synthetic"] if table.synthetic else []
    counts = Counter(table.dataset)
    titles = {row["dataset"]: row["title"] for row in rows("table_s1")}
    due = {row["dataset"]: int(row["instances"]) for row in rows("table_s1")}
    absent = [titles[name] for name in due if not counts[name]]
    if absent:
        clauses.append(f"it has no instance of {_listed(absent)}")
    other = [
        f"{counts[name]:,} instances of {titles[name]} for the paper's {number:,}"
        for name, number in due.items()
        if counts[name] not in (0, number)
    ]
    if other:
        clauses.append(f"it has {_listed(other)}")
    own, theirs = {model.name for model in table.models}, {row["model"] for row in rows("table_s2")}
    if theirs - own:
        clauses.append(f"its pool lacks {len(theirs - own)} of the paper's {len(theirs)} models")
    if own - theirs:
        clauses.append(f"its pool has {len(own - theirs)} that the paper does not have")
    return tuple(clauses)


def is_comparable(setting: Setting) -> bool:
    """Whether published figures can be compared with this table's."""
    return not differences_from_paper(setting)


def remarks(setting: Setting) -> tuple[str, ...]:
    """The sentence that a report on another table than the paper's begins with."""
    clauses = differences_from_paper(setting)
    if not clauses:
        return ()
    return (f"This table is not the paper's, so the published figures are not comparable: {'; '.join(clauses)}.",)


def notes(setting: Setting) -> tuple[str, ...]:
    """The note below a sheet with published lines."""
    return () if is_comparable(setting) else (APART,)


@cache
def _figures() -> dict[tuple[str, str, str], float]:
    found = {
        (row["router"], row["dataset"], metric): float(row[metric])
        for row in rows("table2")
        for metric in ("nauc", "peak")
        if row[metric]
    }
    for row in rows("table_s4"):
        for column, value in row.items():
            if column != "router" and value:
                found[row["router"], ALL if column == "all" else column, "qnc"] = float(value)
    return found


def _listed(things: list[str]) -> str:
    if len(things) <= NAMED:
        return ", ".join(things)
    return f"{', '.join(things[:NAMED])} and {len(things) - NAMED} more"
