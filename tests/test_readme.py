"""The README stays true: its router runs, its commands and options exist, its pictures are there."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path

import numpy as np
import pytest

from mmr_core.cli import main
from mmr_core.features import EncodedFeatures
from mmr_core.registry import Registry
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.options import Entrant, Options

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_router_of_the_readme_runs_beside_the_built_in_ones(tmp_path, monkeypatch, table):
    [source] = blocks("python")
    (tmp_path / "mmr_router_length.py").write_text(source)
    info = tmp_path / "mmr_router_length-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmr-router-length\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    group, name, value = re.search(r'entry-points\."(.*?)"\]\n(\w+) = "(.*?)"', README).groups()
    point = EntryPoint(name=name, value=value, group=group)._for(PathDistribution(info))
    [home] = [p for p in _installed() if p.name == "builtin"]
    registry = Registry.discover(found=[point, home])
    assert registry.failures == ()
    own = table(models=3, instances=200, datasets=("alpha",))
    encoder = registry.encoders.create("lite")
    column = evaluate(
        own,
        own.spec_of("alpha"),
        [Entrant(name="length"), Entrant(name="linear")],
        source=EncodedFeatures(text_encoder=encoder, image_encoder=None),
        registry=registry,
        options=Options(draws=10),
    )
    assert column.failures == ()
    assert np.isfinite(column.whole.row("length").metrics["nauc"].value)
    monkeypatch.delitem(sys.modules, "mmr_router_length")


def _installed() -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return list(entry_points(group="mmr.plugins.v1"))


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^\| `mmr ([a-z]+(?: [a-z][a-z-]*)?)", README, flags=re.MULTILINE)))
)
def test_every_command_of_the_table_has_a_help_page(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_every_option_of_the_readme_exists(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    pages = ""
    for command in (
        ["--help"],
        *(["run"], ["encode"], ["compare"], ["reproduce"]),
        *(["data", c] for c in ("info", "import", "check")),
    ):
        main([*command, "--help"] if command != ["--help"] else command)
        pages += capsys.readouterr().out
    for option in set(re.findall(r"--[a-z][a-z-]+", README)):
        assert option in pages, option


def test_every_component_of_the_readme_is_registered():
    registry = Registry.discover()
    for kind, shelf in (("Routers", registry.routers), ("Fusions", registry.fusions), ("Encoders", registry.encoders)):
        listed = re.search(rf"^- {kind}: (.*)$", README, flags=re.MULTILINE).group(1)
        for name in re.findall(r"`([a-z][a-z-]*)`", listed):
            assert name in shelf.names()


def test_every_picture_and_file_that_the_readme_shows_is_there():
    for path in re.findall(r"!\[.*?\]\((.*?)\)|\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / next(part for part in path if part)).is_file()


def test_the_gate_runs_the_two_commands_of_the_readme():
    markers = re.findall(r"<!-- command: (\w+) -->\n```bash\n.+\n```", README)
    assert markers == ["run", "test"]
    gate = (ROOT / ".ci" / "run").read_text()
    for marker in markers:
        assert f"readme_command {marker}" in gate
