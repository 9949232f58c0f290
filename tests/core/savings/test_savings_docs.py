"""The page on savings and the page on downloads say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from mmr_core.cli.app import application
from mmr_core.results import savings_schema as schema

DOCS = Path(__file__).parents[3] / "docs"


def test_every_field_of_the_document_is_on_the_page():
    page = (DOCS / "savings.md").read_text().partition("## `savings.json`")[2]
    documents = [kind for kind in vars(schema).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    own = [kind for kind in documents if kind.__module__ == schema.__name__]
    assert len(own) == 8
    for kind in own:
        for field in kind.model_fields:
            assert f"`{field}`" in page, f"{kind.__name__}.{field}"


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
