"""Writes what `mmr savings --out` leaves behind: page, sheet, plots, and `savings.json` last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mmr_core.errors import MissingExtraError
from mmr_core.render.plots import figure_bytes
from mmr_core.render.savings.pages import savings_page
from mmr_core.render.savings.plot import savings_figure
from mmr_core.render.together import write_together
from mmr_core.results.savings import Savings
from mmr_core.results.savings_document import savings_csv, savings_document

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = "savings.json"
PLOTS = ("savings.png", "savings.svg")
FILES = ("savings.md", "savings.csv", *PLOTS, DOCUMENT)


def write_savings(
    savings: Savings, out: Path, *, log_cost: bool | None = None, warn: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Writes all files into a folder, which is made; the plot is that of the first column.

    Without matplotlib everything but the plots is written, and `warn` is told.

    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    contents: dict[str, bytes | str] = {"savings.md": savings_page(savings), "savings.csv": savings_csv(savings)}
    try:
        figure = savings_figure(savings.columns[0], synthetic=savings.data.synthetic, log_cost=log_cost)
    except MissingExtraError as error:
        warn(f"no plot is written: {error}")
    else:
        contents.update({plot: figure_bytes(figure, plot.rpartition(".")[2]) for plot in PLOTS})
    contents[DOCUMENT] = savings_document(savings).model_dump_json(indent=2) + "\n"
    return write_together(out, contents, last=DOCUMENT, stale=FILES)
