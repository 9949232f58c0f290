"""What an isolated process can import, and what not, shown by real interpreters."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import mmr_core
from mmr_leaderboard.jobs.job_writer import Runtime
from mmr_leaderboard.packaging import dependencies as libraries
from mmr_leaderboard.packaging import engine as engines
from mmr_leaderboard.packaging.dependencies import Dependencies, dependencies
from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.packaging.runtime import prepare, runtime, taken_modules
from mmr_leaderboard.packaging.wheel_sources import WheelSources
from mmr_leaderboard.sandbox.filesystem import interpreter_paths
from mmr_leaderboard.submission.manifest import Router

CHECKOUT = Path(mmr_core.__file__).resolve().parents[1]
PLUGIN = b"""
from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec

@hookimpl
def mmr_register_routers():
    return [ComponentSpec(kind="router", name="demo", target="demo.router:Demo", summary="a demo")]
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def home(cache) -> Runtime:
    """What a router of the benchmark itself runs on."""
    return prepare(baseline("kmeans"), WheelSources(submission=cache), cache)


def baseline(name: str) -> Router:
    return Router(requirement=f"mmr-bench=={engines.metadata.version('mmr-bench')}", name=name)


def run(made: Runtime, code: str) -> str:
    """What a program prints on a runtime, started as isolated processes are."""
    whole = f"import sys; sys.path[:] = {[str(each) for each in made.path]!r}\n{code}"
    command = [str(made.python), "-I", "-S", "-c", whole]
    done = subprocess.run(command, capture_output=True, text=True, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def importable(made: Runtime, names: Sequence[str]) -> dict[str, bool]:
    code = f"""
import importlib, json
def works(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True
print(json.dumps({{name: works(name) for name in {list(names)!r}}}))"""
    return json.loads(run(made, code))


def test_the_engine_and_the_libraries_of_the_runner_can_be_imported(home):
    wanted = [
        "mmr_core.numerics.sweep",
        "mmr_plugins.routers.knn",
        "mmr_leaderboard.child",
        "numpy",
        "sklearn",
        "PIL.Image",
    ]
    assert importable(home, wanted) == dict.fromkeys(wanted, True)


@pytest.mark.slow
def test_torch_can_be_imported_with_the_libraries_that_it_loads(home):
    pytest.importorskip("torch")
    assert run(home, "import torch; print(float(torch.ones(3) @ torch.ones(3)))").strip() == "3.0"


def test_what_holds_or_makes_outcomes_cannot_be_imported(home):
    hidden = ["mmr_plugins.importers", "mmr_plugins.importers.synthetic", "mmr_plugins.published"]
    hidden += ["mmr_plugins.authors", "mmr_leaderboard.board", "mmr_leaderboard.jobs", "mmr_leaderboard.packaging"]
    assert importable(home, hidden) == dict.fromkeys(hidden, False)
    copied = next(folder for folder in home.path if folder.parent.name == "engines")
    assert {path.name for path in (copied / "mmr_leaderboard").iterdir()} <= {"__init__.py", "child", "__pycache__"}
    assert not list(copied.rglob("*.csv"))
    assert not [path for path in copied.rglob("*") if path.is_symlink()]


def test_what_else_is_installed_cannot_be_imported(home):
    others = ["pip", "setuptools", "pytest", "hypothesis", "_pytest"]
    assert importable(home, others) == dict.fromkeys(others, False)


def test_the_registry_finds_the_built_ins_and_no_sample(home):
    code = """
from mmr_core.errors import PluginError
from mmr_core.registry import Registry
registry = Registry.discover()
print(registry.failures, [provider.distribution for provider in registry.discovery.providers])
print(sorted(item.name for item in registry.routers.specs()))
registry.routers.create("knn", seed=0)
try:
    registry.importers.load("sample")
except PluginError as error:
    print(error)"""
    said, routers, refused = run(home, code).splitlines()
    assert said == "() ['mmr-bench']"
    assert "'kmeans'" in routers
    assert "No module named 'mmr_plugins.importers'" in refused


def test_the_copy_says_nothing_of_the_machine(home):
    copied = next(folder for folder in home.path if folder.parent.name == "engines")
    [described] = copied.glob("*.dist-info")
    assert {path.name for path in described.iterdir()} == {"METADATA", "entry_points.txt"}
    for path in copied.rglob("*"):
        if path.is_file():
            assert str(CHECKOUT).encode() not in path.read_bytes(), path


def test_a_plugin_is_found_beside_the_built_ins(wheel, router, cache):
    made = runtime_of(wheel({"demo/__init__.py": PLUGIN}), router, cache)
    code = "from mmr_core.registry import Registry; print(Registry.discover().routers.find('demo').canonical_id)"
    assert run(made, code).strip() == "demo/demo"
    assert made.packages == {"demo": "1.0"}


def runtime_of(path: Path, router: Callable[..., Router], cache: Path) -> Runtime:
    return prepare(router(path), WheelSources(submission=path.parent, wheelhouse=path.parent), cache)


def test_everything_on_the_path_is_readable_and_nothing_more_than_is_needed(home):
    standard, *others = home.path
    unread = {entry.name for entry in standard.iterdir() if entry not in home.readable}
    assert unread <= {"site-packages", "dist-packages"}
    for folder in others:
        assert any(folder.is_relative_to(readable) for readable in home.readable), folder
    links = next(folder for folder in home.path if folder.parent.name == "libraries")
    for link in links.rglob("*"):
        if link.is_symlink():
            assert link.resolve() in home.readable
    assert set(interpreter_paths()) <= set(home.readable)
    exposed = [Path(sysconfig.get_path("purelib")).resolve(), CHECKOUT, CHECKOUT / "mmr_core", Path.home().resolve()]
    for readable in home.readable:
        assert not any(place.is_relative_to(readable) for place in exposed), readable


def test_the_second_call_makes_nothing(home, cache, monkeypatch):
    def never(*_):
        pytest.fail("it was made twice")

    monkeypatch.setattr("mmr_leaderboard.packaging.environments._make", never)
    monkeypatch.setattr("mmr_leaderboard.packaging.engine._copy", never)
    monkeypatch.setattr(libraries.Path, "symlink_to", never)
    assert runtime((), cache) == home


def test_the_digest_changes_with_every_part(home, wheel, router, cache, monkeypatch):
    digests = {home.digest, runtime_of(wheel({"demo/__init__.py": PLUGIN}), router, cache).digest}
    digests.add(runtime_of(wheel({"demo/__init__.py": PLUGIN + b"#"}), router, cache).digest)
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "another")
        digests.add(runtime((), cache).digest)
    with monkeypatch.context() as patch:
        files = list(engines._files())
        patch.setattr(engines, "_files", lambda: files[1:])
        digests.add(runtime((), cache).digest)
    with monkeypatch.context() as patch:
        now = dependencies()
        newer = Dependencies(versions={**now.versions, "numpy": "99"}, entries=now.entries)
        patch.setattr("mmr_leaderboard.packaging.runtime.dependencies", lambda: newer)
        digests.add(runtime((), cache).digest)
    assert len(digests) == 6
    assert runtime((), cache).digest == home.digest


@pytest.mark.parametrize("module", ["json", "numpy", "PIL", "mmr_core", "mmr_leaderboard", "usercustomize"])
def test_no_wheel_may_bring_a_module_of_python_or_of_the_runner(module, wheel, router, cache):
    path = wheel({f"{module}/__init__.py": PLUGIN})
    with pytest.raises(EnvironmentRefused) as caught:
        runtime_of(path, router, cache)
    assert caught.value.code == "hostile-wheel"
    assert module in taken_modules(dependencies())


def test_a_router_that_the_benchmark_does_not_have_is_refused_at_once(cache):
    with pytest.raises(EnvironmentRefused, match="did you mean 'kmeans'") as caught:
        prepare(baseline("kmean"), WheelSources(submission=cache), cache)
    assert caught.value.code == "no-such-router"


@pytest.mark.parametrize("entry_points", ["", "[mmr.plugins.v2]\ndemo = demo\n", "[console_scripts]\ndemo = demo:f\n"])
def test_a_wheel_that_is_no_plugin_is_refused_at_once(entry_points, wheel, router, cache):
    path = wheel(entry_points=entry_points)
    with pytest.raises(EnvironmentRefused, match="entry point") as caught:
        runtime_of(path, router, cache)
    assert caught.value.code == "no-such-router"


def test_what_a_wheel_needs_and_nobody_brings_is_named(wheel, router, cache):
    path = wheel(metadata=("Requires-Dist: absent-library>=2", "Requires-Dist: numpy", "Requires-Dist: mmr-bench"))
    with pytest.raises(EnvironmentRefused) as caught:
        runtime_of(path, router, cache)
    assert caught.value.code == "bad-requirement"
    assert caught.value.finding.examples == ("absent-library>=2",)


def test_the_interpreter_is_this_one(home):
    assert run(home, "print(sys.version)").strip() == sys.version.strip()
