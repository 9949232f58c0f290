"""Where wheels come from, and which requirements are none."""

from __future__ import annotations

import hashlib
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.tags import interpreter_name, interpreter_version

from mmr_leaderboard.packaging import wheel_sources
from mmr_leaderboard.packaging.dependencies import dependencies
from mmr_leaderboard.packaging.requirements import EnvironmentRefused, demand_complete, wanted_wheels
from mmr_leaderboard.packaging.wheel_sources import WheelSources, download, find_wheels
from mmr_leaderboard.submission.manifest import Requirement, Router

HERE = f"mmr-bench=={metadata.version('mmr-bench')}"
HASH = "sha256:" + "0" * 64
DEMO = Router(requirement="demo==1.0", hashes=(HASH,), name="demo")


def code_of(call, *arguments) -> str:
    with pytest.raises(EnvironmentRefused) as caught:
        call(*arguments)
    return caught.value.code


def test_a_router_of_the_benchmark_needs_no_wheel():
    assert wanted_wheels(Router(requirement=HERE, name="kmeans"), {}) == ()


def test_a_requirement_with_a_hash_needs_its_wheel():
    assert [each.distribution for each in wanted_wheels(DEMO, {"numpy": "2.0"})] == ["demo"]


@pytest.mark.parametrize(
    "router",
    [
        Router(requirement="mmr-bench==99.0", name="kmeans"),
        Router(requirement=HERE, hashes=(HASH,), name="kmeans"),
        Router(requirement="demo==1.0", name="demo"),
        Router(requirement="demo==one", hashes=(HASH,), name="demo"),
        DEMO.model_copy(update={"dependencies": (Requirement(requirement="Demo==2.0", hashes=(HASH,)),)}),
        DEMO.model_copy(update={"dependencies": (Requirement(requirement="numpy==1.0", hashes=(HASH,)),)}),
        DEMO.model_copy(update={"dependencies": (Requirement(requirement="other==1.0"),)}),
    ],
    ids=[
        "other benchmark",
        "hash of the benchmark",
        "no hash",
        "no version",
        "twice",
        "brought",
        "dependency, no hash",
    ],
)
def test_a_requirement_that_is_not_pinned_is_refused(router):
    assert code_of(wanted_wheels, router, {"numpy": "2.0"}) == "bad-requirement"


def test_what_wheels_need_has_to_be_there_in_a_version_that_suits():
    demand_complete({"a.whl": ["Numpy>=1", "demo"]}, {"numpy": "2.0", "demo": "1.0"})
    with pytest.raises(EnvironmentRefused, match=r"a\.whl: .* neither") as caught:
        demand_complete({"a.whl": ["numpy<2", "absent", "demo"]}, {"numpy": "2.0", "demo": "1.0"})
    assert caught.value.finding.examples == ("numpy<2", "absent")
    assert caught.value.finding.code == "bad-requirement"


def test_the_wheel_in_the_submission_comes_first_then_that_of_the_wheelhouse(wheel, pinned, tmp_path):
    house = wheel(folder=tmp_path / "house")
    requirement = pinned(house)
    sources = WheelSources(submission=tmp_path, wheelhouse=tmp_path / "house")
    assert find_wheels([requirement], sources, ())[0].path == house
    own = wheel(folder=tmp_path / "wheels")
    own.write_bytes(house.read_bytes())
    assert find_wheels([requirement], sources, ())[0].path == own


def test_a_wheel_of_the_submission_with_another_hash_is_no_matter_for_the_wheelhouse(wheel, pinned, tmp_path):
    requirement = pinned(wheel(folder=tmp_path / "house"))
    wheel({"demo.py": b"other = 1\n"}, folder=tmp_path / "wheels")
    sources = WheelSources(submission=tmp_path, wheelhouse=tmp_path / "house")
    assert code_of(find_wheels, [requirement], sources, ()) == "hash-mismatch"


def test_somebody_elses_build_in_the_wheelhouse_is_passed_over(wheel, pinned, tmp_path):
    first = wheel({"demo.py": b"other = 1\n"}, tag="py2.py3-none-any", folder=tmp_path / "house")
    second = wheel(tag="py3-none-any", folder=tmp_path / "house")
    assert first.name < second.name
    sources = WheelSources(submission=tmp_path, wheelhouse=tmp_path / "house")
    assert find_wheels([pinned(second)], sources, ())[0].path == second
    assert code_of(find_wheels, [DEMO], sources, ()) == "hash-mismatch"


def test_the_wheel_that_is_closest_to_this_platform_is_taken(wheel, pinned, tmp_path):
    close = f"{interpreter_name()}{interpreter_version()}-none-any"
    general, special = (wheel({"demo.py": tag.encode()}, tag=tag, folder=tmp_path) for tag in ("py3-none-any", close))
    both = Requirement(requirement="demo==1.0", hashes=pinned(general).hashes + pinned(special).hashes)
    [found] = find_wheels([both], WheelSources(submission=tmp_path / "none", wheelhouse=tmp_path), ())
    assert found.path == special


def test_a_link_is_no_wheel_of_a_submission(wheel, pinned, tmp_path):
    path = wheel(folder=tmp_path / "elsewhere")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / path.name).symlink_to(path)
    assert code_of(find_wheels, [pinned(path)], WheelSources(submission=tmp_path), ()) == "no-wheel"


def test_without_index_a_wheel_that_is_nowhere_is_not_looked_for_further(tmp_path, monkeypatch):
    monkeypatch.setattr(wheel_sources, "download", lambda *_: pytest.fail("it asked the package index"))
    assert code_of(find_wheels, [DEMO], WheelSources(submission=tmp_path), ()) == "no-wheel"


def test_two_wheels_may_not_bring_the_same_module(wheel, pinned, tmp_path):
    one = wheel({"shared/a.py": b""}, folder=tmp_path / "wheels")
    two = wheel({"shared/b.py": b""}, name="other", folder=tmp_path / "wheels")
    wanted = [pinned(one), pinned(two, "other==1.0")]
    assert code_of(find_wheels, wanted, WheelSources(submission=tmp_path), ()) == "hostile-wheel"


def test_pip_fetches_the_pinned_wheel_and_what_it_fetched_is_kept(wheel, pinned, tmp_path, monkeypatch):
    requirement = pinned(wheel(folder=tmp_path / "index"))
    _only_find_links(monkeypatch, tmp_path / "index")
    sources = WheelSources(submission=tmp_path / "none", index=True, downloads=tmp_path / "downloads")
    [found] = find_wheels([requirement], sources, ())
    assert found.path.parent == tmp_path / "downloads"
    assert sorted(path.name for path in found.path.parent.iterdir()) == [found.path.name]
    monkeypatch.setattr(wheel_sources, "download", lambda *_: pytest.fail("it was fetched twice"))
    assert find_wheels([requirement], sources, ())[0].path == found.path


@pytest.mark.parametrize("what", ["another file", "a source distribution", "nothing"])
def test_pip_is_never_allowed_to_build_or_to_take_another_file(what, wheel, tmp_path, monkeypatch):
    house = tmp_path / "index"
    wheel(folder=house)
    (house / "source-1.0.tar.gz").write_bytes(b"never looked into")
    _only_find_links(monkeypatch, house)
    sdist = "sha256:" + hashlib.sha256(b"never looked into").hexdigest()
    requirement, code = {
        "another file": (DEMO, "hash-mismatch"),
        "a source distribution": (Requirement(requirement="source==1.0", hashes=(sdist,)), "no-wheel"),
        "nothing": (Requirement(requirement="nothing==1.0", hashes=(HASH,)), "no-wheel"),
    }[what]
    with pytest.raises(EnvironmentRefused) as caught:
        download(requirement, tmp_path / "downloads")
    assert caught.value.code == code
    assert "\n" not in caught.value.what
    assert str(tmp_path) not in str(caught.value)
    assert list((tmp_path / "downloads").iterdir()) == []


def test_what_pip_says_of_the_index_is_not_published(tmp_path, monkeypatch):
    said = "ERROR: Could not reach https://user@index.example/simple (host='index.example')\n"
    failed = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(wheel_sources.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(EnvironmentRefused, match="Could not reach") as caught:
        download(DEMO, tmp_path)
    assert "index.example" not in str(caught.value)


def test_a_download_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    def hang(*_, **options):
        raise subprocess.TimeoutExpired("pip", options["timeout"])

    monkeypatch.setattr(wheel_sources.subprocess, "run", hang)
    with pytest.raises(EnvironmentRefused, match="did not end within"):
        download(DEMO, tmp_path)


def test_what_the_runner_brings_is_a_closure_without_installers_and_other_plugins():
    brought = dependencies()
    assert {"numpy", "scikit-learn", "pillow", "pandas"} <= brought.versions.keys()
    assert {"numpy", "sklearn", "PIL", "pandas"} <= brought.modules
    assert not {"pip", "setuptools", "wheel", "pytest", "mmr-bench"} & brought.versions.keys()
    assert not [name for name in brought.entries if name.endswith(".pth") or name.startswith(("mmr_", "__editable__"))]
    assert all(target == target.resolve() and target.exists() for target in brought.entries.values())


def _only_find_links(monkeypatch: pytest.MonkeyPatch, house: Path) -> None:
    """Makes pip know one folder and no index. `-I` keeps PYTHON* out of the interpreter; PIP_* are pip's own."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house))
