"""The site in a real browser, from a folder, without network. Needs Chromium and its driver."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmr_leaderboard.publish.publication import publish
from mmr_leaderboard.schema import Leaderboard

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (CHROMIUM is None or DRIVER is None) and not os.environ.get("MMR_BROWSER_REQUIRED"),
        reason="chromium or chromedriver is not installed",
    ),
]


@pytest.fixture(scope="module")
def folder(board: Leaderboard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(board, folder)
    return folder


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    assert CHROMIUM is not None
    assert DRIVER is not None
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Site:
    """A page in the browser, and what a person does with it."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self.folder = folder

    def open(self, path: str = "index.html", *, width: int = 1280, dark: bool = False) -> None:
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme, still]})
        self.driver.get((self.folder / "site" / path).as_uri())
        self.driver.execute_script("try { localStorage.clear() } catch {}")

    def ask(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def pick(self, selector: str, value: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.one(selector)).select_by_value(value)

    def rows(self, part: str = "ranked") -> list[str]:
        script = "[...document.querySelectorAll(arguments[0])].map(row => row.dataset.row.split('/')[1])"
        found: list[str] = self.ask(script, f'tbody[data-part="{part}"] tr[data-row]:not([hidden])')
        return found

    def values(self, column: str) -> list[float]:
        script = "[...document.querySelectorAll(arguments[0])].map(cell => Number(cell.dataset.value))"
        found: list[float] = self.ask(script, f'tbody[data-part="ranked"] td[data-column="{column}"]')
        return found

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def tooltip(self) -> str:
        shown: str = self.ask("(t => t.hidden ? '' : t.innerText)(document.querySelector('[data-tooltip]'))")
        return shown


@pytest.fixture
def site(chromium: Any, folder: Path) -> Site:
    chromium.get_log("browser")
    chromium.get_log("performance")
    return Site(chromium, folder)


@pytest.mark.parametrize("page", ["index.html", "entries/zz-hostile.html", "entries/hand-made.html"])
def test_no_page_complains_or_asks_for_anything_but_itself(site: Site, page: str) -> None:
    site.open(page)
    assert site.driver.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in site.driver.get_log("performance")]
    asked = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert [url for url in asked if url.startswith("file")] == [(site.folder / "site" / page).as_uri()]


@pytest.mark.parametrize("page", ["index.html", "entries/zz-hostile.html"])
def test_hostile_text_is_inert(site: Site, page: str) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    site.open(page)
    with pytest.raises(NoAlertPresentException):
        _ = site.driver.switch_to.alert.text
    assert site.ask("document.scripts.length") == 3
    assert site.ask("document.images.length") == 0
    assert "<script>alert(1)</script>" in site.ask("document.body.innerText")
    assert site.ask("[...document.links].every(a => ['file:', 'https:'].includes(a.protocol))")


def test_a_script_that_got_into_the_page_would_not_run(site: Site) -> None:
    site.open()
    site.driver.execute_script("""
        const script = document.createElement('script');
        script.textContent = 'window.broken = true';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src="x:" onerror="window.broken = true">');
    """)
    assert site.ask("window.broken === undefined")
    assert "Content Security Policy" in str(site.driver.get_log("browser"))


def test_a_click_on_a_head_sorts_and_says_so_and_a_second_one_turns_it_round(site: Site) -> None:
    site.open()
    site.one('th[data-column="skill"] button').click()
    assert site.values("skill") == sorted(site.values("skill"), reverse=True)
    assert site.one('th[data-column="skill"]').get_attribute("aria-sort") == "descending"
    assert site.one('th[data-column="rank"]').get_attribute("aria-sort") is None
    assert "Sorted by Skill, descending." in site.one("#status").text
    site.one('th[data-column="skill"] button').click()
    assert site.values("skill") == sorted(site.values("skill"))
    assert site.one('th[data-column="skill"]').get_attribute("aria-sort") == "ascending"


def test_the_keyboard_sorts_and_infinity_is_the_largest_cost(site: Site) -> None:
    site.open()
    site.driver.execute_script("document.querySelector('th[data-column=\"qnc\"] button').focus()")
    site.press("\ue007")
    assert site.one('th[data-column="qnc"]').get_attribute("aria-sort") == "ascending"
    assert site.rows()[-1] == "cmr"
    site.press(" ")
    assert site.rows()[0] == "cmr"
    assert site.rows("unranked")[-1:] != ["cmr"], "parts of the table stay apart"


def test_filters_and_search_leave_what_fits_and_count_it_aloud(site: Site) -> None:
    site.open()
    assert site.one("#status").text == "12 of 12 entries shown."
    assert site.one("#status").get_attribute("aria-live") == "polite"
    site.pick("#track", "text")
    assert site.rows() == ["linear", "zz-hostile"]
    assert site.one("#status").text == "2 of 12 entries shown."
    site.pick("#track", "")
    site.pick("#tier", "self-reported")
    assert site.rows() == []
    assert site.rows("unranked") == ["hand-made"]
    legend = site.ask("[...document.querySelectorAll('.legend li')].filter(l => !l.hidden).map(l => l.dataset.series)")
    assert legend == ["entry/hand-made", "reference/oracle", "reference/constant", "models"]
    site.one("#reset").click()
    site.one("#search").send_keys("FACTORISATION lovelace")
    assert site.rows() == ["mlp-mf", "linear-mf"]
    site.one("#search").send_keys(" nobody")
    assert site.one("#status").text == "0 of 12 entries shown."
    site.one("#reset").click()
    assert len(site.rows()) == 9


def test_the_dataset_picker_changes_figures_bars_and_frontier(site: Site, board: Leaderboard) -> None:
    site.open()
    before = site.values("nauc")
    line = site.one('[data-key="entry/kmeans"] .line').get_attribute("d")
    ticks = site.ask("[...document.querySelectorAll('.canvas .tick')].map(t => t.textContent)")
    site.pick("#controls [data-scope]", "dataset/mathvision")
    found = site.values("nauc")
    assert found == [entry.datasets["mathvision"]["nauc"].value for entry in board.entries if entry.rank is not None]
    assert found != before
    assert site.one("[data-scope-title]").text == "On MathVision"
    assert "Figures on MathVision, 800 test instances." in site.one("#status").text
    assert site.ask("[...document.querySelectorAll('.canvas .tick')].map(t => t.textContent)") != ticks
    assert site.ask("document.querySelector('[data-plot] select').value") == "dataset/mathvision"
    assert site.one('[data-key="entry/kmeans"] .line').get_attribute("d") != line
    site.pick("[data-plot] [data-scope]", "scenario/ocr")
    assert site.values("nauc")[0] == board.entries[0].scenarios["ocr"]["nauc"].value
    assert "an average has no frontier of its own" in site.one("[data-canvas]").text
    site.one(".picks button").click()
    assert site.one("[data-scope-title]").text == "On OCRBench"
    assert site.ask("document.querySelectorAll('[data-key]').length") == 14
    assert site.driver.get_log("browser") == []


def test_pointing_at_a_line_shows_its_cost_and_utility(site: Site) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    site.open()
    picture = site.one(".live")
    site.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", picture)
    assert site.tooltip() == ""
    ActionChains(site.driver).move_to_element(picture).perform()
    assert re.search(r"utility 0\.\d{3}\s+cost [\d.]+ USD per 1,000 queries", site.tooltip())
    ActionChains(site.driver).move_to_element(site.one("h1")).perform()
    assert site.tooltip() == ""


def test_a_line_is_read_with_the_keyboard_corner_by_corner(site: Site, board: Leaderboard) -> None:
    site.open()
    site.driver.execute_script("document.querySelector('[data-key=\"entry/kmeans\"]').focus()")
    corners = board.entries[3].frontier
    assert "k-means" in site.tooltip()
    assert f"utility {corners[-1][1]:.3f}" in site.tooltip()
    site.press("\ue011")
    assert f"utility {corners[0][1]:.3f}" in site.tooltip()
    site.press("\ue014")
    assert f"utility {corners[1][1]:.3f}" in site.tooltip()
    assert f"utility {corners[1][1]:.3f}" in site.one("[data-readout]").get_attribute("textContent")
    site.press("\ue015")
    assert "k nearest neighbours" in site.tooltip()
    site.press("\ue013", "\ue013")
    assert "Linear matrix factorisation" in site.tooltip()
    assert site.ask("document.querySelectorAll('.live [tabindex=\"0\"]').length") == 1
    site.press("\ue00c")
    assert site.tooltip() == ""


def test_a_name_in_a_tooltip_is_text(site: Site) -> None:
    site.open()
    site.driver.execute_script("document.querySelector('[data-key=\"entry/zz-hostile\"]').focus()")
    assert "<script>alert(1)</script>" in site.tooltip()
    assert site.ask("document.querySelector('[data-tooltip] script, [data-tooltip] img')") is None


def test_the_legend_hides_lines_and_the_axis_turns_linear(site: Site) -> None:
    site.open()
    button = site.one('.legend [data-series="entry/knn"] button')
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert site.ask("document.querySelector('[data-key=\"entry/knn\"]')") is None
    button.click()
    logarithmic = site.one('[data-key="entry/knn"] .line').get_attribute("d")
    site.one('[name="axis"][value="linear"]').click()
    assert site.one('[data-key="entry/knn"] .line').get_attribute("d") != logarithmic
    site.one("[data-all]").click()
    assert site.ask("document.querySelectorAll('[data-key^=\"entry/\"]').length") == 0
    site.one("[data-all]").click()
    assert site.ask("document.querySelectorAll('[data-key^=\"entry/\"]').length") == 12


@pytest.mark.parametrize("page", ["index.html", "entries/zz-hostile.html", "entries/mlp-mf.html"])
@pytest.mark.parametrize("width", [360, 700, 1024])
def test_no_page_is_wider_than_the_screen(site: Site, page: str, width: int) -> None:
    site.open(page, width=width)
    assert site.ask("document.documentElement.scrollWidth") <= width
    assert site.ask("innerWidth") == width


CONTRASTS = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const worst = [];
  for (const element of document.querySelectorAll('body *')) {
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!says || !element.getClientRects().length || element.closest('.skip, option')) continue;
    const style = getComputedStyle(element);
    const ink = channels(element.closest('svg') ? style.fill : style.color).slice(0, 3);
    const [light, dark] = [luminance(ink), luminance(behind(element))].sort((a, b) => b - a);
    worst.push([(light + 0.05) / (dark + 0.05), element.tagName + '.' + element.getAttribute('class')]);
  }
  return worst.sort((a, b) => a[0] - b[0]);
})()"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", ["index.html", "entries/zz-hostile.html"])
def test_all_text_stands_out_from_its_ground(site: Site, page: str, dark: bool) -> None:
    site.open(page, dark=dark)
    found = site.ask(CONTRASTS)
    assert len(found) > 100
    assert found[0][0] >= 4.5, found[:5]
    ground = site.ask("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is not dark


def test_the_theme_can_be_turned_and_is_remembered(site: Site) -> None:
    site.open()
    light = site.ask("getComputedStyle(document.body).backgroundColor")
    site.one("#theme").click()
    dark = site.ask("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    assert site.one("#theme").get_attribute("aria-pressed") == "true"
    site.driver.get((site.folder / "site" / "entries" / "kmeans.html").as_uri())
    assert site.ask("getComputedStyle(document.body).backgroundColor") == dark


def test_links_lead_to_the_page_of_an_entry_and_back(site: Site) -> None:
    site.open()
    site.one('tr[data-row="entry/kmeans"] a.name').click()
    assert site.driver.current_url.endswith("/site/entries/kmeans.html")
    assert site.one("h1").text == "k-means"
    before = site.one('[data-key="entry/kmeans"] .line').get_attribute("d")
    site.pick("[data-plot] [data-scope]", "dataset/mmstar")
    assert site.one('[data-key="entry/kmeans"] .line').get_attribute("d") != before
    site.one("a.brand").click()
    assert site.driver.current_url.endswith("/site/index.html")


def test_the_first_tab_stop_skips_to_the_content_and_focus_is_visible(site: Site) -> None:
    site.open()
    site.press("\ue004")
    assert site.ask("document.activeElement.className") == "skip"
    assert site.ask("document.activeElement.getBoundingClientRect().top") >= 0
    site.press("\ue007")
    assert site.ask("document.activeElement.id") == "main"
    site.press("\ue004")
    assert site.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_every_control_has_a_name(site: Site) -> None:
    for page in ("index.html", "entries/kmeans.html"):
        site.open(page)
        nameless = site.ask("""[...document.querySelectorAll('button, select, input, a, [tabindex="0"]')].filter(e => !(
            e.textContent.trim() || e.labels?.length || e.getAttribute('aria-label') || e.ariaLabelledByElements?.length
            ))
            .map(e => e.outerHTML)""")
        assert nameless == []


def test_without_scripts_table_and_frontier_are_there_and_no_dead_control(site: Site) -> None:
    site.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        site.open()
        assert site.one('tr[data-row="entry/kmeans"]').is_displayed()
        assert site.one("svg.static").is_displayed()
        controls = site.driver.find_elements("css selector", "button, select, input")
        assert not [control for control in controls if control.is_displayed()]
    finally:
        site.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_phone_gets_cards_that_can_be_sorted(site: Site) -> None:
    site.open(width=360)
    assert not site.one("#board thead").is_displayed()
    site.pick("#sort", "skill ascending")
    assert site.values("skill") == sorted(site.values("skill"))
    assert site.ask("document.querySelector('#board tr[data-row]').getBoundingClientRect().right") <= 360


def test_on_paper_there_are_no_controls(site: Site) -> None:
    site.open()
    site.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not site.one("#controls").is_displayed()
    assert not site.one(".top").is_displayed()
    assert site.one("#board").is_displayed()
