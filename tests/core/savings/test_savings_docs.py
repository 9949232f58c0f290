"""The page on savings and the page on downloads say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from mmr_core.cli.app import application
from mmr_core.results import savings_json_schema

DOCS = Path(__file__).parents[3] / "docs"


def test_every_field_of_the_document_is_on_the_page():
    page = (DOCS / "savings.md").read_text().partition("## `savings.json`")[2]
    schema = savings_json_schema()
    shared = {"Estimate", "DataFacts", "LeftOut", "RouterFailure"}
    own = {name: kind for name, kind in schema["$defs"].items() if name not in shared} | {"Savings": schema}
    assert len(own) == 8
    for name, kind in own.items():
        for field in kind["properties"]:
            assert f"`{field}`" in page, f"{name}.{field}"


@pytest.mark.parametrize(("page", "words"), [("savings.md", ["savings"]), ("downloading.md", ["data", "download"])])
def test_every_option_that_a_page_names_is_one(page, words):
    command = get_command(application(words))
    for word in words:
        command = command.commands[word]
    known = {option for parameter in command.params for option in parameter.opts}
    text = (DOCS / page).read_text()
    named = set(re.findall(r"--[a-z][a-z-]*", text))
    of_other_commands = {"--data", "--question", "--trade-off"}
    assert named
    assert named - of_other_commands <= known
