"""The pages as text: what stands in them without a script, and that nothing a submitter wrote is anything but text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.render.plots.palette import own_style
from mmr_leaderboard.audit.excess import LIMITS, Excess
from mmr_leaderboard.audit.placebo import PlaceboTest
from mmr_leaderboard.audit.report import AuditReport, OracleGap
from mmr_leaderboard.audit.revision import SignTest
from mmr_leaderboard.schema import Leaderboard, SourceFacts
from mmr_leaderboard.site.facts import audit_tests
from mmr_leaderboard.site.pages import site
from mmr_leaderboard.site.payload import embedded
from mmr_leaderboard.wording import paragraphs, safe_link, shown

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Elements with their attributes, the text of scripts, and all other text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag, f"</{tag}> ends something else"

    def handle_data(self, data: str) -> None:
        kind = self.open[-1] if self.open else ""
        if kind == "script":
            self.scripts.append(data)
        elif kind == "style":
            self.styles.append(data)
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def pages(board: Leaderboard) -> dict[str, Page]:
    return {path: Page(content.decode()) for path, content in site(board).items()}


@pytest.fixture(scope="module")
def index(pages: dict[str, Page]) -> Page:
    return pages["index.html"]


def test_every_page_is_well_formed_with_one_heading_and_unique_ids(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        assert page.open == [], path
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), path


def test_every_page_announces_a_synthetic_table_and_a_trial(
    pages: dict[str, Page], make_board: Callable[..., Leaderboard]
) -> None:
    for page in pages.values():
        assert "Synthetic outcomes: they were generated, not observed" in page.text
        assert "A trial" not in page.text
    board = make_board()
    trial = board.model_copy(update={"settings": board.settings.model_copy(update={"pinned": False})})
    assert all("A trial: this is not the table" in Page(page.decode()).text for page in site(trial).values())


def test_no_page_has_an_element_that_its_templates_do_not_have(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        assert page.all("img") == [], path
        assert page.all("b") == []
        assert page.all("i") == []
        assert len(page.all("script")) == 3
        for tag, attributes in page.elements:
            assert not any(name.startswith("on") for name in attributes), (path, tag)
            assert "style" not in attributes, (path, tag)


def test_hostile_text_stands_on_the_pages_as_text(pages: dict[str, Page]) -> None:
    hostile = pages["entries/zz-hostile.html"].text
    assert "<script>alert(1)</script>" in hostile
    assert "</script><script>alert(8)</script>" in hostile
    assert "{{ 7*7 }}" in hostile
    assert "javascript:alert(5)" in hostile
    assert "<script>alert(1)</script>" in pages["index.html"].text
    for page in pages.values():
        assert "\u202e" not in page.text
        assert "\x1b" not in page.text


def test_links_lead_to_own_pages_or_by_https_to_sources_without_referrer(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        for link in page.all("a"):
            target = link["href"] or ""
            if target.startswith("https://"):
                assert link["rel"] == "noopener noreferrer nofollow"
            elif not target.startswith(("#", "../leaderboard.", "../LEADERBOARD.")):
                folder = "" if path == "index.html" else "entries/"
                resolved = target.removeprefix("../") if target.startswith("../") else folder + target
                assert resolved in pages, (path, target)
    assert any((link["href"] or "").startswith("https://") for link in pages["entries/kmeans.html"].all("a"))


def test_only_the_page_s_own_scripts_and_style_may_run(pages: dict[str, Page]) -> None:
    for page in pages.values():
        policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta) or ""
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        kinds = [script.get("type") for script in page.all("script")]
        assert kinds == [None, "application/json", None]
        for content in (page.scripts[0], page.scripts[2], page.styles[0]):
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_nothing_is_fetched_from_anywhere(board: Leaderboard) -> None:
    for content in site(board).values():
        text = content.decode()
        without_links = re.sub(r'<a href="https://[^"]*"', "", text)
        assert not re.search(r"""(src|href)=["'](https?:)?//""", without_links)
        assert "@import" not in text
        assert "url(http" not in text


def test_the_data_is_json_that_cannot_end_its_element(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert "<" not in page.scripts[1]
        json.loads(page.scripts[1])
    titles = {series["title"] for series in json.loads(pages["index.html"].scripts[1])["scopes"][0]["plot"]["series"]}
    assert any("<script>alert(1)</script>" in title for title in titles)


@given(st.text(max_size=60))
def test_any_text_survives_embedding_and_ends_nothing(text: str) -> None:
    made = str(embedded({"text": text}))
    assert json.loads(made) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(made)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://example.org",
        "https://user:password@example.org",
        "https://",
        "https:///path",
        "//example.org",
        "https://example.org/a b",
        "https://example.org/\u202e",
        "https://[broken",
        "data:text/html,x",
        " https://example.org",
    ],
)
def test_what_is_no_plain_https_address_is_no_link(url: str) -> None:
    assert safe_link(url) is None


def test_an_https_address_is_a_link() -> None:
    assert safe_link("https://example.org/a?b=1&c=2#d") == "https://example.org/a?b=1&c=2#d"


@given(st.text(max_size=60))
def test_shown_text_is_one_printable_line(text: str) -> None:
    assert shown(text).isprintable()
    assert all(line.isprintable() and line for line in paragraphs(text))


def test_a_quote_in_an_address_stays_inside_its_attribute(
    make_entry: Callable[..., Any], make_board: Callable[..., Leaderboard]
) -> None:
    source = SourceFacts(url='https://example.org/"onclick="alert(1)', commit="", license="", open_source=False)
    entry = make_entry("idea", "Idea", 0.02, 1, source=source)
    page = Page(site(make_board(entries=(entry,), comparisons=()))["entries/idea.html"].decode())
    link = next(link for link in page.all("a") if (link["href"] or "").startswith("https"))
    assert set(link) == {"href", "rel"}


def test_the_table_and_a_static_frontier_stand_without_a_script(index: Page, board: Leaderboard) -> None:
    rows = [row["data-row"] for row in index.all("tr") if "data-row" in row]
    assert rows[: len(board.entries)] == [f"entry/{entry.slug}" for entry in board.entries]
    assert len(rows) == len(board.entries) + len(board.references)
    assert "0.744" in index.text
    assert "∞" in index.text
    lines = [path for path in index.all("path") if path.get("class") == "line" and len(path["d"] or "") > 200]
    assert len(lines) == len(board.entries)


def test_tables_have_captions_and_scopes_and_scrolling_regions_can_be_focused(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert len(page.all("table")) == len(page.all("caption"))
        assert all("scope" in head for head in page.all("th"))
        for region in page.all("div"):
            if region.get("class") == "scroll":
                assert region["tabindex"] == "0"
                assert region["role"] == "region"
                assert "aria-label" in region or "aria-labelledby" in region


def test_the_page_of_an_entry_says_everything_about_it(pages: dict[str, Page], board: Leaderboard) -> None:
    page = pages["entries/kmeans.html"].text
    for said in (
        "mmr-bench==0.1.0",
        '"clusters": 20',
        "bubblewrap",
        "13 of 4,000",
        "0.33%",
        "skill above the best constants per dataset",
        "MathVision",
    ):
        assert said in page
    assert board.entries[3].digest in page
    hostile = pages["entries/zz-hostile.html"].text
    assert "Open: a maintainer has not signed it off." in hostile
    assert "Signed off by a maintainer: looked at <b>by hand</b>" in hostile
    assert "Decisions have no validation" in pages["entries/hand-made.html"].text
    assert "Tied with My idea:" in pages["entries/mlp-mf.html"].text


def test_every_audit_statistic_has_words_and_stands_with_its_test() -> None:
    excess = Excess(per_decision=0.1, share=0.1, error=0.1, z=1.0, p=0.5)
    report = AuditReport(
        points=5,
        residual=excess,
        permutation=excess,
        gap=OracleGap(overall=0.1, cost=1e-3, at_cost=None),
        placebo=PlaceboTest(skill=0.0, low=-0.1, high=0.1, excess=excess, blocks=False),
        revision=SignTest(changed=3, better=2, worse=1, share=0.5, share_low=0.1, p=0.5),
        limits=LIMITS,
    )
    statistics = report.statistics()
    tests = audit_tests({**statistics, "a_new_one": 1e-9})
    assert [test.title for test in tests] == [
        "Chosen residual",
        "Permutation",
        "Placebo",
        "Revision",
        "Gap to the oracle",
        "Other",
    ]
    assert sum(len(test.statistics) for test in tests) == len(statistics) + 1
    assert [one.name for one in tests[-1].statistics] == ["points", "a_new_one"]  # every other one is described
    assert tests[-1].statistics[0].said == "operating points that stood for the entry"
    assert (tests[-1].statistics[1].said, tests[-1].statistics[1].value) == ("a new one", "1e-09")
    assert "limits_placebo" in [one.name for one in tests[2].statistics]
    assert next(one for one in tests[4].statistics if one.name == "gap_at_cost").value == "no figure"


def test_two_entries_of_one_slug_are_refused(make_board: Callable[..., Leaderboard]) -> None:
    board = make_board()
    with pytest.raises(DataError, match="the same slug"):
        site(make_board(entries=(board.entries[0], board.entries[0])))


def test_comparisons_are_told_from_the_side_of_the_entry(pages: dict[str, Page]) -> None:
    text = " ".join(pages["entries/linear-mf.html"].text.split())
    assert re.search(r"MLP matrix factorisation ?-0\.0080 ?\[-0\.0130, -0\.0030\] ?0\.0040 ?clearly worse", text)
    assert re.search(r"k nearest neighbours ?\+0\.0080 ?\[\+0\.0030, \+0\.0130\] ?0\.0040 ?clearly better", text)
    assert re.search(r"k-means ?\+0\.0040 ?\[-0\.0010, \+0\.0090\] ?0\.9000 ?a tie", text)


def test_a_board_of_one_dataset_without_frontiers_or_entries_is_a_page(make_board: Callable[..., Leaderboard]) -> None:
    board = make_board()
    single = board.table.model_copy(
        update={"column": "mathvision", "title": "MathVision", "datasets": board.table.datasets[-1:]}
    )
    pages = site(make_board(table=single, entries=(), references=(), comparisons=(), refused=()))
    page = Page(pages["index.html"].decode())
    assert "No entry is ranked yet." in page.text
    assert "There is no frontier to draw." in page.text
    assert [option["value"] for option in page.all("option")][:1] == ["board"]
    assert [scope["key"] for scope in json.loads(page.scripts[1])["scopes"]] == ["board"]


def test_a_table_with_a_free_model_has_a_plot_that_begins_at_zero(make_board: Callable[..., Leaderboard]) -> None:
    board = make_board()
    entry = board.entries[0].model_copy(update={"frontier": ((0.0, 0.5), (1e-4, 0.6), (8e-3, 0.7))})
    page = Page(site(make_board(entries=(entry,), references=(), comparisons=()))["index.html"].decode())
    plot = json.loads(page.scripts[1])["scopes"][0]["plot"]
    assert plot["low"] == 0
    assert plot["log"][0] == [0.0, "0"]
    assert "nan" not in " ".join(path["d"] or "" for path in page.all("path"))


def test_an_entry_has_the_colour_of_its_router_in_every_plot(
    pages: dict[str, Page], board: Leaderboard, make_board: Callable[..., Leaderboard]
) -> None:
    routers = {f"entry/{entry.slug}": entry.router.name for entry in board.entries if entry.router is not None}
    alone = Page(site(make_board(entries=board.entries[:1], comparisons=(), refused=()))["index.html"].decode())
    seen: list[str] = []
    for page in (pages["index.html"], alone):
        for series in json.loads(page.scripts[1])["scopes"][0]["plot"]["series"]:
            name = routers.get(series["key"])
            if name is not None and list(routers.values()).count(name) == 1:
                assert series["style"]["colour"] == own_style(name).colour
                seen.append(name)
    assert len(seen) > 2
