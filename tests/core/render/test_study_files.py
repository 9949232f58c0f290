"""The report is one whole page that needs nothing else, and all files of it come in together or not at all."""

from __future__ import annotations

import base64
import errno
import json
import math
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mmr_core.errors import MMRError, UsageError
from mmr_core.render import study_files, together
from mmr_core.render.plots import chart as charts
from mmr_core.render.study_files import write_exhibits
from mmr_core.render.study_page import RunFacts, duration
from mmr_core.results import CellFailure, DataFacts, Estimate, FusionEntry, LineupEntry
from mmr_core.studies import (
    Axis,
    Cell,
    Chart,
    Entry,
    Exhibit,
    Finding,
    Gallery,
    Gap,
    Line,
    Panel,
    Results,
    Series,
    Sheet,
    StudyReport,
    read_results,
)
from mmr_core.studies.exhibits import marked
from mmr_core.studies.figures import Case

NASTY = '<script>alert("1")</script> & \x00 "quoted" \'single\' 中'
SHEET = marked(
    Sheet(
        header=("router", "nAUC"),
        lines=(
            Line(label="one", entries=(Entry(value=0.9, low=0.8, high=0.95),)),
            Line(label="two", entries=(Entry(value=0.8),)),
            Line(label="paper", entries=(Entry(value=0.5),), published=True, group="published"),
        ),
        notes=("A note.",),
    ),
    ("higher",),
)


def chart(*names: str) -> Chart:
    series = [Series(name=name, x=(1.0, 2.0), y=(0.1 * i, 0.2)) for i, name in enumerate(names or ("knn",))]
    return Chart(panels=(Panel(title="p", x=Axis(label="x"), y=Axis(label="y"), series=tuple(series)),))


def exhibit(name: str, **changes: Any) -> Exhibit:
    given = {"name": name, "title": f"Title of {name}", "caption": f"Caption of {name}.", "sheet": SHEET}
    return Exhibit(**{**given, **changes})


def finding(**changes: Any) -> Finding:
    given = {
        "name": "a claim",
        "rule": "It holds where the interval lies above 0.",
        "holds": True,
        "estimate": Estimate(value=0.0123, low=0.001, high=math.inf),
        "words": "The difference is large.",
        "published": "The paper has 0.33.",
    }
    return Finding(**{**given, **changes})


@pytest.fixture
def facts() -> RunFacts:
    entry = LineupEntry(
        name="knn",
        canonical_id="mmr-test/knn",
        distribution="mmr-test",
        version="3.2.1",
        parameters={"neighbours": 50, "weights": None},
        fusion=FusionEntry(
            name="average", canonical_id="mmr-test/average", version="1.0", parameters={}, transductive=False
        ),
    )
    return RunFacts(
        data=DataFacts(
            source="a table", synthetic=True, digest="d1gest", instances=1234, datasets=("alpha",), models=("m",)
        ),
        split_digest="spl1t",
        versions={"python": "3.11", "numpy": "2.0"},
        seeds=(0, 1),
        draws=1000,
        draw_seed=7,
        features=({"encoder": "plain", "parameters": {"sizes": (1, 2)}},),
        lineup=(entry,),
        command=("mmr", "reproduce", "a word"),
        measured=12,
        cached=30,
        seconds=75.2,
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        unavailable={"table4": "no scenario has two datasets"},
        failed={"table5": "ValueError: no"},
        skipped_routers={"deep": "needs PyTorch"},
        warnings=("one thing to know",),
    )


@pytest.fixture
def results() -> Results:
    cells = [Cell(test="alpha", router="knn", seed=seed) for seed in range(5)]
    failures = [CellFailure(cell=cell, reason="RuntimeError: broke") for cell in cells]
    failures.append(CellFailure(cell=Cell(test="beta"), reason="all models cost the same", unavailable=True))
    return Results(records=(), failures=tuple(failures), synthetic=True)


@pytest.fixture
def studies() -> list[tuple[str, StudyReport]]:
    case = Case(heading="h", question="q", image=None, facts=(("k", "v"),))
    return [
        (
            "first",
            StudyReport(exhibits=(exhibit("table2"),), findings=(finding(),), remarks=("Not the paper's table.",)),
        ),
        (
            "second",
            StudyReport(
                exhibits=(
                    exhibit("figure2", drawing=chart()),
                    exhibit("cases", drawing=Gallery(rows=(("r", (case,)),))),
                ),
                findings=(finding(name="another", holds=None, estimate=None), finding(name="third", holds=False)),
                gaps=(Gap(what="a column", reason="it is empty"),),
                remarks=("Not the paper's table.",),
            ),
        ),
    ]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawings cost a second each, and are not what most tests here are about."""
    monkeypatch.setattr(study_files, "drawn", lambda *_, **__: {kind: kind.encode() for kind in study_files.KINDS})


@pytest.fixture
def page(tmp_path: Path, facts: RunFacts, results: Results, studies: list[tuple[str, StudyReport]], quick: None) -> str:
    write_exhibits(tmp_path, studies, facts, results)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def tree_of(page: str) -> ElementTree.Element:
    """The page read as XML, which only a page that closes everything in order can be."""
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>").encode())


def text_of(page: str) -> str:
    return " ".join("".join(tree_of(page).find("body").itertext()).split())  # type: ignore[union-attr]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_exhibit_leaves_its_files_and_the_page_is_last(tmp_path: Path, facts, results, studies):
    written = write_exhibits(tmp_path / "new", studies, facts, results)
    names = [path.name for path in written]
    assert names == [
        *(f"table2.{kind}" for kind in ("md", "csv", "tex")),
        *(f"figure2.{kind}" for kind in ("md", "csv", "tex", "png", "svg", "pdf")),
        "figure2-points.csv",
        *(f"cases.{kind}" for kind in ("md", "csv", "tex", "png", "svg", "pdf")),
        *("findings.json", "results.parquet", "report.html"),
    ]
    assert sorted(names) == sorted(contents(tmp_path / "new"))
    assert all(path.stat().st_size for path in written)
    assert read_results(tmp_path / "new" / "results.parquet").failures[4].cell.seed == 4
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    images = [image.get("src", "") for image in tree_of(page).iter("img")]
    assert [image.partition(",")[0] for image in images] == ["data:image/svg+xml;base64", "data:image/png;base64"]
    assert base64.b64decode(images[0].partition(",")[2]) == contents(tmp_path / "new")["figure2.svg"]


def test_the_same_run_has_the_same_bytes(tmp_path: Path, facts, results, studies):
    write_exhibits(tmp_path / "one", studies, facts, results)
    write_exhibits(tmp_path / "other", studies, facts, results)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_the_page_is_well_formed_and_asks_nobody_for_anything(page: str):
    tree = tree_of(page)
    names = {element.tag for element in tree.iter()}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for element in tree.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        assert element.get("src", "data:").startswith("data:")
    assert not re.search(r"(https?:)?//[a-z]|@import|url\(", page)
    policy = next(meta for meta in tree.iter("meta") if meta.get("http-equiv"))
    assert policy.get("content", "").startswith("default-src 'none'")
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_every_link_leads_somewhere(tmp_path: Path, page: str):
    tree = tree_of(page)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    links = [link.get("href", "") for link in tree.iter("a")]
    assert {link[1:] for link in links if link.startswith("#")} == set(ids)
    assert {link for link in links if not link.startswith("#")} == set(contents(tmp_path)) - {"report.html"}


def test_findings_come_first_then_what_was_run_then_what_could_not_be_made(page: str):
    sections = [section.get("id") for section in tree_of(page).iter("section")]
    assert sections == ["findings", "run", "missing", "exhibit-table2", "exhibit-figure2", "exhibit-cases"]
    text = text_of(page)
    assert "a claim: holds" in text
    assert "another: could not be tested" in text
    assert "third: does not hold" in text
    assert "On this table: 0.0123 [0.0010, ∞]" in text
    assert "In the paper: The paper has 0.33." in text
    assert text.count("Not the paper's table.") == 1


def test_the_page_says_what_was_run(page: str):
    text = text_of(page)
    for words in (
        "mmr reproduce 'a word'",
        *("d1gest", "1,234 instances", "spl1t", "encoder plain, parameters (sizes (1, 2))"),
        *("1,000 bootstrap draws", "seed 7", "12 run, 30 taken from the cache, 5 failed, 1 not to be had"),
        *("1 min 15 s, begun 2026-01-02 03:04:05 UTC", "numpy 2.0, python 3.11", "mmr-test/knn", "3.2.1"),
        *("neighbours 50, weights none", "mmr-test/average 1.0", "one thing to know"),
    ):
        assert words in text


def test_the_page_says_what_could_not_be_made_and_why(page: str):
    items = {" ".join("".join(item.itertext()).split()) for item in tree_of(page).iter("li")}
    assert {
        "study table4: no scenario has two datasets",
        "study table5 (broke): ValueError: no",
        "router deep: needs PyTorch",
        "second: a column: it is empty",
        "fits (broke): knn on alpha, seed 0; knn on alpha, seed 1; knn on alpha, seed 2; 2 more: RuntimeError: broke",
        "fit: references on beta, seed 0: all models cost the same",
    } <= items


def test_tables_of_the_page_have_the_marks(page: str):
    table = next(s for s in tree_of(page).iter("section") if s.get("id") == "exhibit-table2").find(".//table")
    assert table is not None
    assert [bold.text for bold in table.iter("b")] == ["0.900"]
    assert [second.text for second in table.iter("u")] == ["0.800"]
    published = [row for row in table.iter("tr") if row.get("class") == "published"]
    assert ["".join(row.itertext()) for row in published] == ["paper0.500"]
    assert re.search(r"\.published \{ font-style: italic", page)


def test_every_title_says_what_is_synthetic_and_no_other_does(tmp_path: Path, facts, results, studies, quick):
    for synthetic in (True, False):
        told = replace(facts, data=replace(facts.data, synthetic=synthetic))
        write_exhibits(tmp_path, studies, told, results)
        page = tree_of((tmp_path / "report.html").read_text(encoding="utf-8"))
        titles = [page.findtext(".//title"), page.findtext(".//h1")]
        titles += [s.findtext("h2") for s in page.iter("section") if s.get("class")]
        titles += [(tmp_path / f"{name}.md").read_text().partition("\n")[0] for name in ("table2", "figure2", "cases")]
        assert {str(title).endswith("(synthetic)") or "\\(synthetic" in str(title) for title in titles} == {synthetic}


def test_no_text_of_a_plugin_becomes_markup(tmp_path: Path, facts, results, quick):
    sheet = Sheet(
        header=(NASTY, NASTY), lines=(Line(label=NASTY, entries=(Entry(text=NASTY),), group=NASTY),), notes=(NASTY,)
    )
    report = StudyReport(
        exhibits=(exhibit("x", title=NASTY, caption=NASTY, sheet=sheet, drawing=chart()),),
        findings=(finding(name=NASTY, words=NASTY, rule=NASTY, published=NASTY),),
        gaps=(Gap(what=NASTY, reason=NASTY),),
        remarks=(NASTY,),
    )
    told = replace(
        facts,
        command=("mmr", NASTY),
        versions={NASTY: NASTY},
        warnings=(NASTY,),
        unavailable={NASTY: NASTY},
        data=replace(facts.data, source=NASTY),
        features=({NASTY: NASTY},),
    )
    write_exhibits(tmp_path, [("study", report)], told, results)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "script" not in {element.tag for element in tree_of(page).iter()}
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(page)
    assert "h1" in tags
    assert "script" not in tags


def test_an_infinite_figure_of_a_finding_is_left_to_its_words(tmp_path: Path, facts, results, quick):
    for value, shown in ((math.inf, False), (0.5, True)):
        own = finding(estimate=Estimate(value=value, low=0.25, high=math.inf))
        write_exhibits(tmp_path, [("s", StudyReport(exhibits=(), findings=(own,)))], facts, results)
        assert ("On this table:" in text_of((tmp_path / "report.html").read_text(encoding="utf-8"))) == shown


def test_findings_are_json_with_infinity_spelt_out(tmp_path: Path, page: str):
    document = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"), parse_constant=lambda word: 1 / 0)
    first, second, third = document["findings"]
    assert (first["study"], first["holds"], first["value"], first["low"], first["high"]) == (
        "first",
        True,
        0.0123,
        0.001,
        "inf",
    )
    assert (second["holds"], second["value"]) == (None, None)
    assert third["holds"] is False
    assert document["synthetic"] is True
    assert document["unavailable"] == {"table4": "no scenario has two datasets"}
    assert document["gaps"] == [{"study": "second", "what": "a column", "reason": "it is empty"}]


def test_a_drawing_that_cannot_be_made_leaves_its_table_and_is_named(tmp_path: Path, facts, results):
    axis = Axis(label="x", scale="log")
    flawed = Panel(title="p", x=axis, y=Axis(label="y"), series=(Series(name="a", x=(0.0,), y=(1.0,)),))
    report = StudyReport(exhibits=(exhibit("figure2", drawing=Chart(panels=(flawed,))),))
    (tmp_path / "figure2.png").write_bytes(b"of an earlier run")
    (tmp_path / "other.png").write_bytes(b"of somebody else")
    written = write_exhibits(tmp_path, [("study", report)], facts, results)
    assert [path.name for path in written][:3] == ["figure2.md", "figure2.csv", "figure2.tex"]
    assert not (tmp_path / "figure2.png").exists()
    assert (tmp_path / "other.png").exists()
    text = text_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "the drawing of figure2: panel 'p' has the value 0 on a logarithmic axis" in text
    assert "includegraphics" not in (tmp_path / "figure2.tex").read_text()


@pytest.mark.parametrize(
    "broken",
    [
        Chart(panels=None),  # type: ignore[arg-type]
        Chart(panels=(None,)),  # type: ignore[arg-type]
        Chart(panels=(replace(chart().panels[0], series=(Series(name=["a"], x=(1.0,), y=(1.0,)),)),)),  # type: ignore[arg-type]
        Chart(panels=(replace(chart().panels[0], series=(Series(name=3, x=(1.0,), y=("high",)),)),)),  # type: ignore[arg-type]
        Gallery(rows=(("row", (None,)),)),  # type: ignore[arg-type]
    ],
)
def test_a_drawing_that_breaks_in_any_way_loses_itself_alone_and_is_named(tmp_path: Path, facts, results, broken):
    report = StudyReport(exhibits=(exhibit("odd", drawing=broken), exhibit("fine", drawing=chart())))
    said: list[str] = []
    names = {path.name for path in write_exhibits(tmp_path, [("s", report)], facts, results, warn=said.append)}
    assert {"odd.md", "odd.csv", "odd.tex", "fine.png", "fine-points.csv"} <= names
    assert not {"odd.png", "odd.pdf", "odd.svg", "odd-points.csv"} & names
    page = text_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "The drawing could not be made" in page
    assert "the drawing of odd" in page
    assert len(said) == 1
    assert re.match(r"not drawn: odd: (TypeError|ValueError|AttributeError): ", said[0])


def test_without_matplotlib_there_are_tables_and_the_way_to_drawings(
    tmp_path: Path, facts, results, studies, monkeypatch
):
    monkeypatch.setattr(charts.importlib.util, "find_spec", lambda name: None)
    written = write_exhibits(tmp_path, studies, facts, results)
    assert not [path for path in written if path.suffix in (".png", ".svg", ".pdf")]
    assert "pip install 'mmr-bench[plots]'" in text_of((tmp_path / "report.html").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failing", ["table2.md", "figure2.svg", "results.parquet", "report.html"])
def test_a_full_disk_leaves_the_earlier_report_as_it_was(tmp_path: Path, facts, results, studies, monkeypatch, failing):
    write_exhibits(tmp_path, studies, facts, results)
    before = contents(tmp_path)

    def write(path: Path, content: bytes | str) -> None:
        if path.name == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    monkeypatch.setattr(together, "write_atomically", write)
    with pytest.raises(MMRError, match="cannot be written: No space left"):
        write_exhibits(tmp_path, studies, replace(facts, draws=5), results)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failing", ["table2.md", "results.parquet", "report.html"])
def test_a_report_that_is_cut_off_while_moving_in_has_no_page(
    tmp_path: Path, facts, results, studies, monkeypatch, failing
):
    write_exhibits(tmp_path, studies, facts, results)
    move = os.replace

    def stop(source: Any, target: Any) -> None:
        if Path(target) == tmp_path / failing:
            raise OSError(errno.EIO, "cut off")
        move(source, target)

    monkeypatch.setattr(together.os, "replace", stop)
    with pytest.raises(MMRError, match="cut off"):
        write_exhibits(tmp_path, studies, facts, results)
    assert not (tmp_path / "report.html").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, facts, results):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        write_exhibits(tmp_path / "out", [], facts, results)


def test_colours_do_not_depend_on_the_order_of_studies(tmp_path: Path, facts, results, monkeypatch):
    monkeypatch.setattr(study_files, "KINDS", ("svg",))
    reports = [
        ("one", StudyReport(exhibits=(exhibit("a", drawing=chart("knn", "new", "zeta")),))),
        ("two", StudyReport(exhibits=(exhibit("b", drawing=chart("other", "knn")),))),
    ]
    write_exhibits(tmp_path / "forwards", reports, facts, results)
    write_exhibits(tmp_path / "backwards", reports[::-1], facts, results)
    forwards, backwards = contents(tmp_path / "forwards"), contents(tmp_path / "backwards")
    assert all(forwards[name] == backwards[name] for name in forwards if name != "report.html")
    assert forwards["report.html"] != backwards["report.html"]


def test_durations_are_in_the_units_of_people():
    assert [duration(seconds) for seconds in (0.04, 59.96, 60, 372.2, 3600, 7325)] == [
        *("0.0 s", "60.0 s", "1 min 0 s"),
        *("6 min 12 s", "1 h 0 min", "2 h 2 min"),
    ]
