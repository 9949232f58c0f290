"""Discovery survives whatever a plugin does, and says what it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path

import pytest

from mmr_core.errors import MissingExtraError, PluginError, UnknownNameError, UsageError
from mmr_core.hookspecs import HOOKS
from mmr_core.plugins import discover
from mmr_core.registry import Registry

GOOD = """
from mmr_core.hookspecs import hookimpl
from mmr_core.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec

@hookimpl
def mmr_register_routers():
    yield ComponentSpec(kind="router", name="{name}", target="{module}:Router", summary="a router")

class Router:
    default_fusion = None

    def __init__(self, *, seed=0, width=3):
        self.width = width
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EntryPoint]:
    """A function that writes a plugin's module, and metadata of a distribution for it, and gives its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(
        source: str, distribution: str = "mmr-third", name: str = "plugin", group: str = "mmr.plugins.v1"
    ) -> EntryPoint:
        module = f"module_{distribution}_{name}".replace("-", "_").replace(".", "_")
        (tmp_path / f"{module}.py").write_text(source.replace("{module}", module))
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        point = EntryPoint(name=name, value=module, group=group)
        return point._for(PathDistribution(info))

    return write


def good(name: str) -> str:
    return GOOD.replace("{name}", name)


def test_a_good_plugin_provides_what_it_describes(install):
    registry = Registry.discover(found=[install(good("mine"))])
    item = registry.routers.find("mine")
    assert item.canonical_id == "mmr-third/mine"
    assert (item.provider.distribution, item.provider.version) == ("mmr-third", "1.2")


def test_listing_imports_no_implementation(install):
    source = good("mine").replace("{module}:Router", "a_module_that_is_nowhere:Router")
    assert Registry.discover(found=[install(source)]).routers.names() == ["mine"]


@pytest.mark.parametrize(
    ("source", "stage", "reason"),
    [
        ("1 / 0", "import", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
        ("def f(:", "import", "SyntaxError"),
        (
            "from mmr_core.hookspecs import hookimpl\n@hookimpl\ndef mmr_register_ruoters(): return []",
            "registration",
            "did you mean 'mmr_register_routers'",
        ),
        (
            "from mmr_core.hookspecs import hookimpl\n@hookimpl\ndef mmr_register_routers(nonsense): return []",
            "registration",
            "nonsense",
        ),
        ("def mmr_register_routers(): return []", "registration", "not marked with @hookimpl"),
        (
            "from mmr_core.hookspecs import hookimpl\n@hookimpl\ndef mmr_register_routers(): return ['knn']",
            "mmr_register_routers",
            "expected a ComponentSpec of kind 'router', got 'knn'",
        ),
        (
            good("mine").replace('kind="router"', 'kind="fusion"'),
            "mmr_register_routers",
            "expected a ComponentSpec of kind 'router'",
        ),
        (good("mine") + "    x = undefined\n", "import", "NameError"),
        (
            good("mine").replace("yield", "raise SystemExit('no'); yield"),
            "mmr_register_routers",
            "SystemExit: no",
        ),
        (
            good("mine").replace("class Router", "    raise ValueError('late')\n\nclass Router"),
            "mmr_register_routers",
            "late",
        ),
        (good("No Name"), "mmr_register_routers", "is not a valid name"),
    ],
)
def test_a_bad_plugin_is_left_out_with_stage_and_reason_and_the_others_work(install, source, stage, reason):
    found = discover([install(source, distribution="mmr-bad"), install(good("fine"), distribution="mmr-good")])
    [failure] = found.failures
    assert failure.stage == stage
    assert reason in failure.reason
    assert failure.provider.distribution == "mmr-bad"
    assert failure.provider.version == "1.2"
    assert "Traceback" in failure.traceback or "SyntaxError" in failure.traceback
    assert [c.spec.name for c in found.contributions] == ["fine"]


def test_a_plugin_that_yields_and_then_raises_provides_nothing_and_asking_for_it_shows_why(install):
    source = good("mine").replace("class Router", "    raise ValueError('too late')\n\nclass Router")
    registry = Registry.discover(found=[install(source)])
    assert registry.routers.names() == []
    with pytest.raises(PluginError, match="too late") as caught:
        registry.routers.find("mine")
    assert "Traceback" in caught.value.details


def test_asking_for_anything_of_a_failed_distribution_shows_its_traceback(install):
    registry = Registry.discover(found=[install("1 / 0")])
    with pytest.raises(PluginError, match="ZeroDivisionError") as caught:
        registry.routers.find("mmr-third/mine")
    assert "1 / 0" in caught.value.details


def test_a_plugin_for_another_major_version_of_the_interface_is_left_out(install):
    [failure] = discover([install(good("mine"), group="mmr.plugins.v2")]).failures
    assert failure.stage == "api version"
    assert "mmr.plugins.v2" in failure.reason


def test_a_name_given_twice_by_one_distribution_fails_the_later_plugin(install):
    found = discover([install(good("mine"), name="a"), install(good("mine"), name="b")])
    assert [failure.provider.plugin for failure in found.failures] == ["b"]
    assert "already provided by plugin 'a'" in found.failures[0].reason


def test_a_distribution_that_is_not_trusted_is_not_imported(install):
    found = discover([install("1 / 0")], trusts=lambda distribution: distribution == "mmr-bench")
    assert (found.failures, found.contributions) == ((), ())


def test_order_follows_distribution_and_name_whatever_order_they_are_found_in(install):
    points = [install(good(f"r{i}"), distribution=f"mmr-{i}") for i in (3, 1, 2)]
    assert [c.spec.name for c in discover(points).contributions] == ["r1", "r2", "r3"]


def test_a_name_of_two_third_parties_is_ambiguous_and_names_both(install):
    points = [install(good("same"), distribution=f"mmr-{i}") for i in "ab"]
    routers = Registry.discover(found=points).routers
    with pytest.raises(UnknownNameError, match=r"mmr-a/same.*and.*mmr-b/same"):
        routers.find("same")
    assert routers.find("mmr-b/same").provider.distribution == "mmr-b"
    assert routers.names() == ["mmr-a/same", "mmr-b/same"]


def test_nobody_takes_over_the_name_of_a_built_in(install):
    points = [install(good("knn"), distribution=d) for d in ("aaa-first", "mmr-bench")]
    routers = Registry.discover(found=points).routers
    assert routers.find("knn").canonical_id == "mmr-bench/knn"
    assert routers.names() == ["aaa-first/knn", "knn"]


def test_an_unknown_name_is_answered_with_the_closest_ones(install):
    with pytest.raises(UnknownNameError, match="did you mean 'kmeans'"):
        Registry.discover(found=[install(good("kmeans"))]).routers.find("kmean")


def test_an_unknown_name_mentions_the_plugins_that_failed(install):
    with pytest.raises(UnknownNameError, match="mmr-third failed to load and may provide it"):
        Registry.discover(found=[install("1 / 0")]).routers.find("mine")


def test_components_are_made_with_defaults_and_given_parameters(install):
    source = good("mine").replace('summary="a router"', 'summary="a router", defaults={"width": 7}')
    routers = Registry.discover(found=[install(source)]).routers
    assert routers.create("mine").width == 7
    assert routers.create("mine", width=9).width == 9
    assert routers.parameters("mine", {"width": 9}) == {"seed": 0, "width": 9}


def test_a_parameter_that_a_component_does_not_have_is_refused(install):
    routers = Registry.discover(found=[install(good("mine"))]).routers
    with pytest.raises(UsageError, match="no parameter 'widht', did you mean 'width'"):
        routers.create("mine", widht=3)


def test_a_missing_extra_says_how_to_install_it(install):
    heavy = install("import not_installed_anywhere\nclass Router: pass", name="heavy").value
    source = good("mine").replace("{module}:Router", f"{heavy}:Router")
    source = source.replace('summary="a router"', 'summary="a router", extra="torch", needs="PyTorch"')
    routers = Registry.discover(found=[install(source)]).routers
    with pytest.raises(MissingExtraError) as caught:
        routers.load("mine")
    assert str(caught.value) == "router 'mine' needs PyTorch: pip install 'mmr-third[torch]'"


def test_a_component_that_cannot_be_imported_or_made_shows_its_traceback(install):
    source = good("mine") + "        raise RuntimeError('no weights')\n"
    routers = Registry.discover(found=[install(source)]).routers
    with pytest.raises(PluginError, match="no weights") as caught:
        routers.create("mine")
    assert "Traceback" in caught.value.details


def test_every_hook_of_the_specification_is_asked():
    from mmr_core import hookspecs

    specified = {name for name in dir(hookspecs) if name.startswith("mmr_register_")}
    assert set(HOOKS) == specified


def test_the_built_ins_come_in_through_the_entry_point_of_this_distribution():
    registry = Registry.discover()
    own = [p for p in registry.discovery.providers if p.distribution == "mmr-bench"]
    assert [provider.plugin for provider in own] == ["builtin", "leaderboard"]
    assert {"kmeans", "knn", "linear", "linear-mf", "mlp", "mlp-mf", "cmr", "random"} <= set(registry.routers.names())


def test_every_built_in_component_can_be_loaded():
    registry = Registry.discover()
    for kind in ("encoder", "fusion", "router", "importer"):
        for protocol in ("paper", "authors"):
            shelf = registry.components(kind, protocol)
            for name in shelf.names():
                assert isinstance(shelf.load(name), type)


def test_the_engine_names_no_built_in():
    import ast

    import mmr_core

    registry = Registry.discover()
    names = {c.spec.name for c in registry.discovery.contributions if c.provider.distribution == "mmr-bench"}
    # These are also words of the protocols and files themselves: modalities, references, figures that were published.
    names -= {"text", "image", "random", "full", "sample", "average", "linear", "published"}
    folder = Path(mmr_core.__file__).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in names:
                pytest.fail(f"{path.name} names {node.value!r}")
