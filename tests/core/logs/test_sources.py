"""What a person names as data becomes the table they mean, or one line that says why not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmr_core.contracts import ImportContext
from mmr_core.errors import DataError, PluginError, UnknownNameError, UsageError
from mmr_core.logs.table_sources import import_table, open_table
from mmr_core.outcomes import OutcomeTable
from mmr_core.plugins import HOME, Contribution, Discovery, PluginFailure, Provider
from mmr_core.registry import Registry
from mmr_core.specs import ComponentSpec, DatasetSpec, ModelSpec
from mmr_core.store import OutcomeStore

Build = Callable[..., OutcomeTable]
Same = Callable[[OutcomeTable, OutcomeTable], None]

MODULE = "importers_of_a_test"


class Embedded:
    embedded = True
    seen: ImportContext
    gives: Any

    def sniff(self, path: Path) -> bool:
        raise AssertionError("an embedded importer is not asked about paths")

    def read(self, path: Path | None, context: ImportContext) -> Any:
        assert path is None
        type(self).seen = context
        return self.gives


class FromFile:
    embedded = False
    suffix: str
    gives: Any

    def sniff(self, path: Path) -> bool:
        return path.name.endswith(self.suffix)

    def read(self, path: Path | None, context: ImportContext) -> Any:
        assert path is not None
        context.warn(f"read {path.name}")
        return self.gives


class Curious(FromFile):
    def sniff(self, path: Path) -> bool:
        raise ZeroDivisionError("looked too closely")


Offer = Callable[..., Registry]


@pytest.fixture
def offer(table: Build, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """A function that makes a registry of these importers, each a (name, class) of one distribution each."""
    module = ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)

    def build(*importers: tuple[str, type], failures: tuple[PluginFailure, ...] = ()) -> Registry:
        contributions = []
        for number, (name, base) in enumerate(importers):
            gives = getattr(base, "gives", table(seed=number))
            setattr(module, f"Importer{number}", type(name, (base,), {"gives": gives}))
            contributions.append(
                Contribution(
                    word="importer",
                    spec=ComponentSpec(
                        kind="importer",
                        name=name,
                        target=f"{MODULE}:Importer{number}",
                        summary=f"files of {name}",
                        is_default=number == 0,
                    ),
                    provider=Provider(plugin="p", distribution=HOME if number == 0 else f"dist-{number}", version="1"),
                )
            )
        provider = Provider(plugin="p", distribution=HOME, version="1")
        dataset = DatasetSpec(name="d", title="D", scenario="ocr", modalities=("text",), id_prefix="D")
        contributions.append(Contribution(word="dataset", spec=dataset, provider=provider))
        contributions.append(Contribution(word="model", spec=ModelSpec(name="m", title="M"), provider=provider))
        return Registry(Discovery(providers=(), contributions=tuple(contributions), failures=failures))

    return build


def files_of(suffix: str) -> type:
    return type("Files", (FromFile,), {"suffix": suffix})


def test_nothing_means_the_default_embedded_table(
    table: Build, assert_same: Same, offer: Offer, tmp_path: Path
) -> None:
    registry = offer(("demo", Embedded), ("log", files_of(".log")))
    assert_same(open_table(None, registry, cache=tmp_path / "cache"), table(seed=0))


def test_an_importer_is_told_what_is_registered_and_where_to_keep_things(offer: Offer, tmp_path: Path) -> None:
    registry = offer(("demo", Embedded))
    lines: list[str] = []
    open_table(None, registry, cache=tmp_path / "a" / "cache", warn=lines.append)
    seen = sys.modules[MODULE].Importer0.seen
    assert [spec.name for spec in seen.datasets] == ["d"]
    assert [spec.name for spec in seen.models] == ["m"]
    assert seen.cache.is_dir()
    seen.warn("careful")
    assert lines == ["careful"]


@pytest.mark.parametrize("name", ["demo", f"{HOME}/demo"])
def test_the_name_of_an_embedded_importer_means_its_table(
    table: Build, assert_same: Same, offer: Offer, tmp_path: Path, name: str
) -> None:
    assert_same(open_table(name, offer(("demo", Embedded)), cache=tmp_path), table(seed=0))


def test_a_name_goes_before_a_folder_of_that_name_unless_written_as_a_path(
    table: Build, assert_same: Same, offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = table(seed=7)
    OutcomeStore("demo").add(stored)
    registry = offer(("demo", Embedded))
    assert_same(open_table("demo", registry, cache=tmp_path), table(seed=0))
    assert_same(open_table("./demo", registry, cache=tmp_path), stored)
    assert_same(open_table(Path("demo"), registry, cache=tmp_path), stored)


def test_a_folder_with_a_manifest_is_a_store(table: Build, assert_same: Same, offer: Offer, tmp_path: Path) -> None:
    stored = table(missing=0.1)
    OutcomeStore(tmp_path / "store.log").add(stored)
    registry = offer(("log", files_of(".log")))
    assert_same(open_table(str(tmp_path / "store.log"), registry, cache=tmp_path), stored)


def test_a_path_goes_to_the_one_importer_that_knows_it(
    table: Build, assert_same: Same, offer: Offer, tmp_path: Path
) -> None:
    (tmp_path / "my.log").touch()
    registry = offer(("demo", Embedded), ("csv", files_of(".csv")), ("log", files_of(".log")))
    lines: list[str] = []
    assert_same(open_table(tmp_path / "my.log", registry, cache=tmp_path, warn=lines.append), table(seed=2))
    assert lines == ["read my.log"]


def test_a_path_that_two_importers_know_asks_for_a_choice(offer: Offer, tmp_path: Path) -> None:
    (tmp_path / "my.log").touch()
    registry = offer(("a", files_of(".log")), ("b", files_of(".log")))
    with pytest.raises(UsageError, match="formats 'a' and 'b' both fit; choose with 'mmr data import FORMAT PATH"):
        open_table(tmp_path / "my.log", registry, cache=tmp_path)


def test_a_path_that_nobody_knows_is_answered_with_the_formats(offer: Offer, tmp_path: Path) -> None:
    (tmp_path / "my.doc").touch()
    registry = offer(("demo", Embedded), ("log", files_of(".log")))
    words = r"my\.doc: is not a store, and no importer knows its format; importers: demo \(files of demo\); log"
    with pytest.raises(DataError, match=words):
        open_table(tmp_path / "my.doc", registry, cache=tmp_path)


def test_a_path_where_nothing_is_is_answered_with_the_closest_name(offer: Offer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"demoo: there is no such file or folder.*did you mean 'demo'"):
        open_table("demoo", offer(("demo", Embedded)), cache=tmp_path)
    with pytest.raises(DataError, match="importers: none"):
        open_table(tmp_path / "none", offer(), cache=tmp_path)


def test_a_format_is_no_table(offer: Offer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'log' is a format that is read from files.*'\./log' if that is its name"):
        open_table("log", offer(("log", files_of(".log"))), cache=tmp_path)


def test_without_a_default_a_name_is_asked_for(offer: Offer, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="there is no default importer"):
        open_table(None, offer(), cache=tmp_path)


def test_an_importer_that_fails_to_look_does_not_keep_others_from_reading(
    table: Build, assert_same: Same, offer: Offer, tmp_path: Path
) -> None:
    (tmp_path / "my.log").touch()
    registry = offer(("curious", Curious), ("log", files_of(".log")))
    lines: list[str] = []
    assert_same(open_table(tmp_path / "my.log", registry, cache=tmp_path, warn=lines.append), table(seed=1))
    assert "importer 'mmr-bench/curious' failed to look at" in lines[0]
    assert "ZeroDivisionError: looked too closely" in lines[0]


def test_an_importer_that_cannot_be_loaded_does_not_keep_others_from_reading(
    table: Build, assert_same: Same, offer: Offer, tmp_path: Path
) -> None:
    (tmp_path / "my.log").touch()
    registry = offer(("lost", FromFile), ("log", files_of(".log")))
    del sys.modules[MODULE].Importer0  # type: ignore[attr-defined]
    lines: list[str] = []
    assert_same(open_table(tmp_path / "my.log", registry, cache=tmp_path, warn=lines.append), table(seed=1))
    assert "'mmr-bench/lost' cannot be made" in lines[0]


def test_the_table_of_a_failed_plugin_shows_why_it_failed(offer: Offer, tmp_path: Path) -> None:
    failure = PluginFailure(
        provider=Provider(plugin="x", distribution="dist-x", version="1"),
        stage="import",
        reason="it is broken",
        traceback="Traceback",
    )
    with pytest.raises(PluginError, match="it is broken"):
        open_table("dist-x/theirs", offer(("demo", Embedded), failures=(failure,)), cache=tmp_path)


def test_what_is_no_table_is_the_fault_of_its_importer(offer: Offer, tmp_path: Path) -> None:
    wrong = type("Wrong", (Embedded,), {"gives": [1, 2]})
    with pytest.raises(PluginError, match="'demo' gave a list, not an OutcomeTable"):
        open_table(None, offer(("demo", wrong)), cache=tmp_path)


def test_a_format_can_be_chosen_by_name(table: Build, assert_same: Same, offer: Offer, tmp_path: Path) -> None:
    (tmp_path / "my.log").touch()
    registry = offer(("a", files_of(".log")), ("b", files_of(".log")))
    assert_same(import_table("b", tmp_path / "my.log", registry, cache=tmp_path), table(seed=1))


def test_a_chosen_format_must_be_one_for_files_that_exist(offer: Offer, tmp_path: Path) -> None:
    registry = offer(("demo", Embedded), ("log", files_of(".log")))
    with pytest.raises(UnknownNameError, match="unknown importer 'lgo'"):
        import_table("lgo", tmp_path, registry, cache=tmp_path)
    with pytest.raises(DataError, match=r"none\.log: there is no such file or folder"):
        import_table("log", tmp_path / "none.log", registry, cache=tmp_path)
    with pytest.raises(UsageError, match="'demo' is embedded and reads no path"):
        import_table("demo", tmp_path, registry, cache=tmp_path)
