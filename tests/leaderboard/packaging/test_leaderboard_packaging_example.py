"""The submissions that come with the benchmark are what they say: built from the sources beside them, and pinned."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement as Line

from mmr_leaderboard.packaging.dependencies import dependencies
from mmr_leaderboard.packaging.requirements import wanted_wheels
from mmr_leaderboard.packaging.wheel_sources import WheelSources, find_wheels
from mmr_leaderboard.submission.manifest import Manifest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "plugins" / "examples" / "mmr-router-soft-neighbours"
SUBMISSIONS = ROOT / "submissions"
SUBMISSION = SUBMISSIONS / "soft-neighbours"
BASELINES = {"kmeans", "knn", "linear", "linear-mf", "mlp", "mlp-mf", "cmr"}


def manifest(slug: str) -> Manifest:
    return Manifest.model_validate(tomllib.loads((SUBMISSIONS / slug / "submission.toml").read_text("utf-8")))


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    """Every file of the committed wheel."""
    [path] = (SUBMISSION / "wheels").iterdir()
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_code_in_the_wheel_is_the_code_beside_it(packed):
    sources = {path.relative_to(SOURCE).as_posix(): path.read_bytes() for path in SOURCE.glob("mmr_router_*/*.py")}
    assert len(sources) == 2
    assert {name: content for name, content in packed.items() if ".dist-info/" not in name} == sources


def test_the_description_in_the_wheel_is_that_of_pyproject(packed):
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text("utf-8"))["project"]
    inside = f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts = HeaderParser().parsestr(packed[f"{inside}/METADATA"].decode())
    assert (facts["Name"], facts["Version"], facts["Summary"]) == (
        project["name"],
        project["version"],
        project["description"],
    )
    assert facts["License-Expression"] == project["license"]
    assert facts["Requires-Python"] == project["requires-python"]
    assert {Line(line) for line in facts.get_all("Requires-Dist")} == {Line(line) for line in project["dependencies"]}
    assert facts.get_payload() == (SOURCE / "README.md").read_text("utf-8")
    [(group, points)] = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    assert packed[f"{inside}/entry_points.txt"].decode().split("\n") == [*lines, ""]


def test_the_wheel_is_the_one_that_is_pinned_and_passes():
    router = manifest("soft-neighbours").router
    [path] = (SUBMISSION / "wheels").iterdir()
    assert router.hashes == (f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",)
    wanted = wanted_wheels(router, dependencies().versions)
    [wheel] = find_wheels(wanted, WheelSources(submission=SUBMISSION), dependencies().modules)
    assert wheel.path == path


@pytest.mark.slow
def test_the_tests_of_the_example_pass():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(SOURCE)]
    command += ["-c", str(SOURCE / "pyproject.toml"), str(SOURCE / "tests")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=SOURCE)
    assert done.returncode == 0, done.stdout


def test_every_baseline_of_the_paper_is_submitted_as_it_comes():
    routers = {}
    for name in BASELINES:
        stated = manifest(f"baseline-{name}")
        assert stated.slug == f"baseline-{name}"
        assert (stated.kind, stated.track) == ("plugin", "multimodal")
        assert stated.router is not None
        assert stated.router.is_home
        assert (stated.router.params, stated.router.seed, stated.router.fusion) == ({}, 0, None)
        assert wanted_wheels(stated.router, {}) == ()
        routers[name] = stated.router.name
    assert routers == {name: name for name in BASELINES}
    assert {path.name for path in SUBMISSIONS.glob("baseline-*")} == {f"baseline-{name}" for name in BASELINES}


def test_submissions_that_come_with_the_benchmark_pin_one_table():
    slugs = ["soft-neighbours", *(f"baseline-{name}" for name in BASELINES)]
    assert len({manifest(slug).pins for slug in slugs}) == 1
