"""The board: the official settings, what counts as official, the headline column, and whose plugins are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mmr_core.errors import MMRError
from mmr_core.plugins import HOME
from mmr_leaderboard.board import BoardSettings, board_settings, headline, open_board, own_registry


def test_the_official_board_is_the_sample_with_its_thousand_draws():
    settings = board_settings()
    assert settings == BoardSettings(
        schema_version=1, title="MMR-Bench leaderboard", data="sample", encoder="lite", draws=1000, draw_seed=0
    )


@pytest.mark.parametrize("change", [{"draws": 0}, {"draw_seed": -1}, {"schema_version": 2}, {"more": 1}])
def test_settings_that_mean_nothing_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        BoardSettings.model_validate({**board_settings().model_dump(), **change})


def test_the_official_table_is_pinned_however_it_is_named_and_no_other_is(store, registry, settings_of, tmp_path):
    def opened(data):
        return open_board(data, settings=settings_of(store), registry=registry, cache=tmp_path / "embeddings")

    assert opened(None).pinned
    assert opened(str(store)).pinned
    assert not opened(f"{store}/.").pinned


def test_a_mixture_is_ranked_on_where_the_table_has_its_members(opened, registry):
    assert opened.column.spec.name == "full"
    assert set(opened.column.table.dataset) == {"mathvista", "mmstar"}


def test_a_table_without_a_mixture_is_ranked_on_its_first_dataset(table, registry):
    assert headline(table(datasets=("mmstar",)), registry).name == "mmstar"
    assert headline(table(datasets=("zebra", "aardvark")), registry).name in ("zebra", "aardvark")


def test_a_table_that_is_not_there_is_told_in_one_line(tmp_path, registry):
    with pytest.raises(MMRError) as told:
        open_board(str(tmp_path / "nowhere"), registry=registry, cache=tmp_path)
    assert "\n" not in str(told.value)
    assert "nowhere" in str(told.value)


def test_only_the_benchmarks_own_plugins_are_known():
    registry = own_registry()
    for shelf in (registry.routers, registry.encoders, registry.fusions, registry.datasets, registry.importers):
        assert {item.provider.distribution for item in shelf.specs()} <= {HOME}


def test_opening_the_board_imports_nobody_elses_plugin(tmp_path):
    stranger = tmp_path / "site"
    information = stranger / "mmr_router_stranger-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mmr-router-stranger\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[mmr.plugins.v1]\nstranger = stranger_plugin\n")
    (stranger / "stranger_plugin.py").write_text("raise SystemExit('a stranger was imported')\n")
    program = (
        "import sys; from mmr_leaderboard.board import own_registry; own_registry().routers.names(); "
        "print('stranger_plugin' in sys.modules); "
        "from mmr_core.registry import Registry; print(len(Registry.discover().failures))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(stranger)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "1"]
