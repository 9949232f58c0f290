"""The pages that are made of the program are what it makes today, and every page has its place on the site."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mmr_core
from mmr_core.cli import main, reference
from mmr_core.errors import WRONG_USE
from mmr_core.hookspecs import HOOKS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MAKE = "python -m mmr_core.cli.reference docs"


@pytest.mark.parametrize("name", reference.pages())
def test_a_generated_page_is_current(name):
    assert (DOCS / name).read_text("utf-8") == reference.pages()[name], f"run {MAKE}"


def test_the_pages_are_written_where_one_says(tmp_path):
    (tmp_path / "kinds").mkdir()
    assert reference.main([str(tmp_path)]) == 0
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")} == set(reference.pages())
    assert reference.main([str(tmp_path / "absent")]) == WRONG_USE


def test_the_module_can_be_run():
    answer = subprocess.run([sys.executable, "-m", "mmr_core.cli.reference"], capture_output=True, text=True)
    assert answer.returncode == WRONG_USE
    assert answer.stderr.splitlines()[-1].startswith("error: expected the documentation folder")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_of_hooks_has_every_signature(hook):
    page = (DOCS / "hooks.md").read_text("utf-8")
    assert re.search(rf"@hookimpl\ndef {hook}\(\) -> Iterable\[\w+\]: \.\.\.", page)


def test_the_page_of_commands_has_every_option_of_a_help_page(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    page = (DOCS / "commands.md").read_text("utf-8")
    for words in re.findall(r"^## mmr (.+)$", page, flags=re.MULTILINE):
        [section] = re.findall(rf"^## mmr {words}\n(.*?)(?=^## |\Z)", page, flags=re.DOTALL | re.MULTILINE)
        assert main([*words.split(), "--help"]) == 0
        shown = re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out)
        assert set(shown) - {"--help"} <= set(re.findall(r"--[a-z][a-z-]+", section)), words


def test_every_page_has_its_place_on_the_site():
    navigation = re.findall(r"^ +- .+: ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(navigation) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_site_asks_no_other_machine_for_anything():
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    theme = yaml.safe_load(settings)["theme"]
    assert theme["font"] is False
    for word in ("repo_url", "extra_javascript", "extra_css", "analytics", "http://", "https://"):
        assert word not in settings


def test_the_reference_has_every_public_module():
    shown = {
        name
        for page in (DOCS / "reference").glob("*.md")
        for name in re.findall(r"^::: mmr_core\.(\w+)", page.read_text("utf-8"), flags=re.MULTILINE)
    }
    home = Path(mmr_core.__file__).parent
    rooms = {path.stem for path in home.glob("*.py")} | {path.parent.name for path in home.glob("*/__init__.py")}
    assert rooms - shown == {"__init__", "cli"}


def test_the_gate_builds_the_site_with_warnings_as_errors():
    assert "mkdocs build --quiet --strict" in (ROOT / ".ci" / "run").read_text("utf-8")
