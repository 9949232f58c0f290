"""Sheets say the same in Markdown, CSV and LaTeX: marks, intervals, infinities, published lines, harmless names."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.render.latex import LONG, escaped
from mmr_core.render.numbers import decimal
from mmr_core.render.study_tables import (
    BROAD,
    POINTS,
    entry_cell,
    exhibit_csv,
    exhibit_latex,
    exhibit_markdown,
    notes_of,
    points_table,
    sheet_table,
)
from mmr_core.render.writers import csv_text, markdown_table
from mmr_core.studies import Axis, Chart, Entry, Exhibit, Line, Panel, Series, Sheet
from mmr_core.studies.exhibits import marked

NASTY = r"a_b & 50% $x$ #1 {b} \c ~d ^e <f> | `g` *h* [i] 中 é “q” λ -- ' \input{x}"


def sheet(**changes: Any) -> Sheet:
    lines = (
        Line(
            label="first", entries=(Entry(value=0.9, low=0.8, high=0.95), Entry(value=math.inf, low=0.5, high=math.inf))
        ),
        Line(label="second", entries=(Entry(value=0.85, low=0.7, high=0.9), Entry(value=0.25))),
        Line(label="third", entries=(Entry(value=-0.5, digits=1, signed=True), Entry())),
        Line(label="bound", entries=(Entry(value=1.0), Entry(text="none")), reference=True, group="bounds"),
        Line(label="paper", entries=(Entry(value=0.99), Entry(value=0.01)), published=True, group="published"),
    )
    made = Sheet(header=("router", "nAUC", "QNC"), lines=lines, notes=("One note.",))
    return marked(Sheet(**{**vars(made), **changes}), ("higher", "lower"))


def exhibit(**changes: Any) -> Exhibit:
    return Exhibit(**{"name": "table9", "title": "A table", "caption": "What it shows.", "sheet": sheet(), **changes})


def text_of(entry: Entry) -> str:
    return entry_cell(entry).text


def interval_of(entry: Entry) -> str:
    return entry_cell(entry).interval


def markdown_of(made: Sheet) -> str:
    return markdown_table(sheet_table(made, synthetic=False))


def csv_of(made: Sheet, *, synthetic: bool) -> str:
    return exhibit_csv(exhibit(sheet=made), synthetic=synthetic)


def rows_of(text: str) -> list[list[str]]:
    """The cells of a pipe table, split where a pipe is not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_figures_are_printed_with_their_decimals_signs_and_infinities():
    assert text_of(Entry(value=0.12345, digits=2)) == "0.12"
    assert text_of(Entry(value=0.5, signed=True)) == "+0.500"
    assert text_of(Entry(value=-1e-9, signed=True)) == "0.000"
    assert text_of(Entry(value=1e-9, signed=True)) == "0.000"
    assert text_of(Entry(value=math.inf)) == "∞"
    assert text_of(Entry(value=math.nan)) == text_of(Entry()) == "–"
    assert text_of(Entry(text="a\nword", value=1.0)) == "a word"
    assert interval_of(Entry(value=1.0, low=0.5, high=math.inf)) == "[0.500, ∞]"
    assert interval_of(Entry(text="word", low=0.0, high=1.0)) == ""


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(0, 6), st.booleans())
def test_a_decimal_reads_back_within_its_rounding_and_is_never_negative_zero(value, digits, signed):
    text = decimal(value, digits, signed=signed)
    assert float(text.replace(",", "")) == pytest.approx(value, abs=0.5000001 * 10.0**-digits, rel=1e-12)
    assert not re.fullmatch(r"[-+]0(\.0*)?", text)
    assert text.startswith("+") == (signed and float(text.replace(",", "")) > 0)


def test_markdown_marks_the_best_bold_the_second_underlined_and_published_lines_in_italics():
    rows = rows_of(markdown_of(sheet()))
    assert rows[0] == ["router", "nAUC", "QNC"]
    assert rows[2][1:] == ["**0.900** [0.800, 0.950]", "∞ [0.500, ∞]"]
    assert rows[3][1:] == ["<u>0.850</u> [0.700, 0.900]", "**0.250**"]
    assert rows[4][1:] == ["-0.5", "–"]
    assert rows[5][0] == "**bounds**"
    assert rows[6] == ["bound", "1.000", "none"]
    assert rows[8] == ["*paper*", "*0.990*", "*0.010*"]
    assert {len(row) for row in rows} == {3}


def test_markdown_has_title_caption_drawing_and_notes_and_says_what_is_synthetic():
    text = exhibit_markdown(exhibit(), synthetic=True, image="table9.png")
    assert text.startswith("# A table (synthetic)\n\nThe outcomes are synthetic")
    assert "![A table (synthetic)](table9.png)" in text
    assert "What it shows." in text
    assert "One note. Brackets: 95 % intervals." in text
    plain = exhibit_markdown(exhibit(), synthetic=False)
    assert "synthetic" not in plain
    assert "![" not in plain


def test_notes_are_not_said_twice():
    once = notes_of(exhibit(caption="Brackets are 95 % intervals; the second is underlined."))
    assert once == ("One note.", "Italics: figures that the paper reports.")
    assert notes_of(exhibit(sheet=Sheet(header=("a", "b"), lines=()))) == ()


@given(st.text(max_size=40))
def test_no_name_breaks_a_pipe_table(label):
    table = Sheet(header=(label, label), lines=(Line(label=label, entries=(Entry(text=label),), group=label),))
    text = markdown_of(table)
    assert {len(row) for row in rows_of(text)} == {2}
    assert len(text.splitlines()) == len(rows_of(text))
    assert "<" not in text


def test_csv_has_full_numbers_columns_for_intervals_and_inf_spelt_out():
    rows = list(csv.DictReader(io.StringIO(csv_of(sheet(), synthetic=True), newline="")))
    assert [row["router"] for row in rows] == ["first", "second", "third", "bound", "paper"]
    assert (rows[0]["nAUC"], rows[0]["nAUC low"], rows[0]["nAUC high"]) == ("0.9", "0.8", "0.95")
    assert (rows[0]["QNC"], rows[0]["QNC high"]) == ("inf", "inf")
    assert float(rows[0]["QNC"]) == math.inf
    assert (rows[2]["QNC"], rows[2]["nAUC low"]) == ("", "")
    assert rows[3]["QNC"] == "none"
    assert [row["published"] for row in rows] == ["false"] * 4 + ["true"]
    assert [row["reference"] for row in rows] == ["false"] * 3 + ["true", "false"]
    assert {row["synthetic"] for row in rows} == {"true"}
    assert rows[3]["group"] == "bounds"


def test_csv_columns_of_one_name_are_told_apart_and_those_without_intervals_have_no_ends():
    table = Sheet(
        header=("", "x", "x", "published"), lines=(Line(label="a, b", entries=(Entry(value=1.5), Entry(), Entry())),)
    )
    rows = list(csv.reader(io.StringIO(csv_of(table, synthetic=False), newline="")))
    assert rows[0] == ["group", "label", "x", "x (2)", "published", "published (2)", "reference", "synthetic"]
    assert rows[1][:4] == ["", "a, b", "1.5", ""]


@given(st.floats())
def test_every_number_survives_a_csv(value):
    table = Sheet(header=("l", "v"), lines=(Line(label="a", entries=(Entry(value=value),)),))
    text = next(csv.DictReader(io.StringIO(csv_of(table, synthetic=False), newline="")))["v"]
    assert text == "" if math.isnan(value) else float(text) == value


def test_points_are_one_per_row_with_their_ends_and_labels():
    bars = Series(name="b", kind="bars", x=(0.0, 1.0), y=(3.0, math.nan))
    line = Series(name="l", x=(1.0,), y=(math.inf,), low=(0.5,), high=(math.inf,), labels=("here",))
    panels = (
        Panel(title="one", x=Axis(label="", categories=("p", "q")), y=Axis(label="y"), series=(bars,)),
        Panel(title="two", x=Axis(label="x"), y=Axis(label="y"), series=(line,)),
    )
    rows = list(csv.reader(io.StringIO(csv_text(points_table(Chart(panels=panels), synthetic=False)), newline="")))
    assert tuple(rows[0]) == POINTS
    assert rows[1:] == [
        ["one", "b", "0.0", "3.0", "", "", "p", "false"],
        ["one", "b", "1.0", "", "", "", "q", "false"],
        ["two", "l", "1.0", "inf", "0.5", "inf", "here", "false"],
    ]


def test_latex_is_booktabs_with_marks_caption_label_and_notes():
    text = exhibit_latex(exhibit(), synthetic=False)
    assert r"\textbf{0.900} {\scriptsize [0.800, 0.950]}" in text
    assert r"\underline{0.850}" in text
    assert r"$\infty$" in text
    assert r"\textit{paper} & \textit{0.990} & \textit{0.010} \\" in text
    assert r"third & $-$0.5 & -- \\" in text
    assert r"\caption{A table. What it shows.}\label{tab:table9}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\bottomrule")] == [1, 1]
    assert "One note. Brackets: 95 \\% intervals." in text
    assert r"\includegraphics" not in text


def test_latex_includes_the_drawing_and_says_what_is_synthetic_in_both_captions():
    text = exhibit_latex(exhibit(), synthetic=True, image="table9.pdf", wide=True)
    assert r"\begin{figure*}" in text
    assert r"{table9.pdf}" in text
    assert r"\label{fig:table9}" in text
    assert text.count("A table (synthetic).") == 2


def test_a_wide_table_has_its_intervals_below_their_figures_in_markdown():
    entry = Entry(value=0.5, low=0.25, high=0.75, mark="best")
    for columns, between in ((BROAD - 1, " "), (BROAD, "<br>")):
        lines = (
            Line(label="ours", entries=(entry,) * columns),
            Line(label="paper", entries=(Entry(value=0.5), *(Entry(),) * (columns - 1)), published=True),
        )
        rows = rows_of(markdown_of(Sheet(header=("router", *"abcdefgh"[:columns]), lines=lines)))
        assert rows[2] == ["ours", *[f"**0.500**{between}[0.250, 0.750]"] * columns]
        assert rows[3] == ["*paper*", "*0.500*", *["–"] * (columns - 1)]


def test_a_long_and_wide_latex_table_has_its_intervals_below_their_figures_and_titles_in_two_lines():
    entry = Entry(value=-0.5, low=-0.75, high=-0.25)
    titles = ("router", *["shifted minus best single"] * 4)
    for lines, stacked in ((LONG, False), (LONG + 1, True)):
        body = tuple(Line(label=f"router {i}", entries=(entry,) * 4) for i in range(lines))
        text = exhibit_latex(exhibit(sheet=Sheet(header=titles, lines=body)), synthetic=False)
        assert (r"\begin{longtable}" in text) == stacked
        assert (r"\shortstack[r]{shifted minus\\best single}" in text) == stacked
        assert (r"\shortstack[r]{\strut $-$0.500\\{\tiny [$-$0.750, $-$0.250]}}" in text) == stacked
        assert (r"\resizebox{\textwidth}" in text) != stacked


@given(st.text(max_size=30))
@settings(max_examples=200)
def test_escaped_text_has_no_command_of_its_own(text):
    known = re.compile(
        r"\\(text(backslash|asciitilde|asciicircum|less|greater|bar|asciigrave)\{\}|texttt\{U\+[0-9A-F]{4,6}\}"
        r"|ldots\{\}|[&%$#_{}])|\$(-|\\[A-Za-z]+)\$|\{\}(?=[-'])"
    )
    left = known.sub("", escaped(text))
    assert not set(left) & set("\\$&%#_{}^|<>")
    assert all(letter.isascii() or ord(letter) < 0x180 for letter in left)


def test_hyphens_stay_hyphens_and_letters_without_a_glyph_are_spelt_out():
    assert escaped("--set") == "-{}-set"
    assert escaped("é λ 中 ą") == r"é $\lambda$ \texttt{U+4E2D} \texttt{U+0105}"


@pytest.mark.parametrize("lines", [1, LONG + 5])
@pytest.mark.parametrize("columns", [1, 4, 12])
def test_latex_compiles_whatever_the_names_are(
    compiled: Callable[[str], str], tmp_path: Path, lines: int, columns: int
):
    entry = Entry(value=-0.5, low=-math.inf, high=math.inf, signed=True, mark="best")
    odd = Entry(text=NASTY) if columns == 1 else Entry(value=math.inf, mark="second")
    body = [
        Line(label=f"{text} {i}", entries=(entry,) * (columns - 1) + (odd,), group=NASTY if i else "", published=i == 1)
        for i, text in zip(range(lines), ["[a]", "*", *[NASTY] * lines], strict=False)
    ]
    table = Sheet(header=(NASTY, *["[h]"] * columns), lines=tuple(body), notes=(NASTY,))
    from matplotlib.figure import Figure

    Figure(figsize=(1, 1)).savefig(tmp_path / "drawing.pdf")
    shown = exhibit(title=NASTY, caption=NASTY, sheet=table)
    compiled(exhibit_latex(shown, synthetic=True, image="drawing.pdf"))


def test_every_letter_that_latex_gets_is_one_that_it_can_set(compiled: Callable[[str], str]):
    letters = [chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x2600)) if chr(code).isprintable()]
    assert compiled("\n\n".join(escaped(letter) for letter in letters)).count("Missing character") == 0
