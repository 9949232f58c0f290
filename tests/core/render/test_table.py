"""One table says the same on the terminal, in Markdown, LaTeX, HTML and CSV, and takes no word for markup."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.latex import latex_file, latex_table
from mmr_core.render.table import (
    Section,
    Table,
    TableCell,
    TableColumn,
    TableRow,
    estimate,
    figure,
    label,
    metric,
    metric_columns,
    name_column,
    plain_table,
    words,
)
from mmr_core.render.terminal import show_tables
from mmr_core.render.writers import csv_text, html_table, markdown_part, markdown_table
from mmr_core.results import Estimate

NAUC = Estimate(value=0.71234, low=0.7, high=0.72)
NEVER = Estimate(value=math.inf, low=0.5, high=math.inf)


def small(name: str = "knn") -> Table:
    rows = (
        TableRow(cells=(label(name), metric("nauc", NAUC), metric("qnc", NEVER), TableCell(text="a.py"))),
        TableRow(
            cells=(label("paper"), figure(0.5), figure(None), TableCell(text="b.py")),
            kind="published",
        ),
    )
    return Table(
        title="A table",
        columns=(name_column(), *metric_columns(["nauc", "qnc"]), TableColumn(key="file", shown=False)),
        sections=(Section(title="routers", rows=rows),),
        notes=("A note.",),
        section_key="section",
    )


def printed(table: Table, width: int = 100) -> str:
    screen = Console(width=width, file=io.StringIO(), color_system=None)
    show_tables(screen, [table])
    return screen.file.getvalue()  # type: ignore[attr-defined]


class Cells(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_format_has_the_titles_and_the_figures() -> None:
    table = small()
    html = Cells(html_table(table)).text
    formats = {
        "terminal": printed(table),
        "markdown": markdown_part(table),
        "latex": latex_table(table, caption="c").replace(r"$\infty$", "∞").replace(r"{\scriptsize [", "["),
        "html": html,
    }
    for name, text in formats.items():
        for said in ("nAUC", "QNC", "routers", "knn", "0.712", "[0.700, 0.720]", "∞", "[0.500, ∞]", "paper", "0.500"):
            assert said in text, (name, said)
        assert "a.py" not in text, "a column for programs"
    rows = list(csv.DictReader(io.StringIO(csv_text(table), newline="")))
    assert [row["row"] for row in rows] == ["knn", "paper"]
    assert (float(rows[0]["nauc"]), float(rows[0]["nauc_low"]), float(rows[0]["qnc_high"])) == (0.71234, 0.7, math.inf)
    assert (rows[1]["nauc"], rows[1]["qnc"], rows[1]["qnc_low"], rows[1]["file"]) == ("0.5", "", "", "b.py")
    assert {row["section"] for row in rows} == {"routers"}


@pytest.mark.parametrize("which", list(METRICS))
def test_a_metric_looks_as_its_entry_says(which: str) -> None:
    shown = metric(which, Estimate(value=0.000123456)).text
    assert shown == ("0.000123" if METRICS[which].shown == "significant" else "0.000")
    (column,) = metric_columns([which])
    assert (column.title, column.key) == (METRICS[which].title, which)


@given(st.text(max_size=30))
def test_no_word_becomes_markup_in_html(text: str) -> None:
    cells = (label(text), words(text, aside=text, below=text))
    table = plain_table((name_column(text), TableColumn(title=text)), [cells])
    tags = Cells(html_table(table)).tags
    assert set(tags) <= {"table", "thead", "tbody", "tr", "th", "td", "span", "br"}
    assert tags.count("td") == 1


@given(st.text(max_size=30))
def test_no_word_breaks_a_markdown_table_or_makes_a_link(text: str) -> None:
    cells = (label(text), words(text, below=f"https://x @{text}"))
    table = plain_table((name_column(), TableColumn(title="x")), [cells])
    lines = markdown_table(table).splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 3
    assert "://" not in lines[2]
    assert " @" not in lines[2]


def test_intervals_stand_below_figures_in_a_stacked_table() -> None:
    cells = (label("a"), estimate(Estimate(value=0.5, low=0.25, high=0.75)))
    for stacked, expected in ((True, "0.500<br>[0.250, 0.750]"), (False, "0.500 [0.250, 0.750]")):
        table = plain_table((name_column(), TableColumn(title="x")), [cells], stacked=stacked)
        assert markdown_table(table).splitlines()[2] == f"| a | {expected} |"
        assert ('class="broad"' in html_table(table)) == stacked


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        plain_table((name_column(), TableColumn(title="x")), [(label("a"),)])


def test_the_latex_of_any_table_compiles(compiled: Callable[[str], str]) -> None:
    compiled(latex_file([latex_table(small("[odd] \\input{x} & 中"), caption="50 % of $x$", label="odd")]))
