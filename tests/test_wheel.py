"""The built wheel, installed elsewhere, works like the checkout and brings nothing generic along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def mmr(wheel, tmp_path_factory, program_cache):
    """Runs `mmr` of the installed wheel, in a fresh environment that borrows only this one's dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*install, str(wheel)], check=True)
    site = subprocess.check_output(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    (Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*arguments: str) -> str:
        environment = {**os.environ, "MMR_CACHE_DIR": program_cache}
        environment.pop("PYTHONPATH", None)
        command = [str(folder / "venv" / "bin" / "mmr"), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment)
        return done.stdout

    return run


def test_the_wheel_holds_three_packages_and_nothing_else(wheel):
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {"mmr_core", "mmr_plugins", "mmr_leaderboard"}
    assert {name for name in top if not name.endswith(".dist-info")} == packages


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("mmr_core", "plugins/mmr_plugins", "leaderboard/mmr_leaderboard"):
        root = ROOT / folder
        files = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {path.relative_to(root.parent).as_posix() for path in files} <= held
    assert "mmr_leaderboard/board.toml" in held
    assert any(name.startswith("mmr_leaderboard/site/templates/") for name in held)
    assert any(name.startswith("mmr_leaderboard/site/assets/") for name in held)


def test_the_installed_wheel_finds_its_built_ins(mmr):
    listed = json.loads(mmr("plugins", "list", "--json"))
    assert listed["failures"] == []
    assert "mmr-bench/kmeans" in {component["id"] for component in listed["components"]}


def test_the_installed_wheel_runs_the_benchmark(mmr):
    printed = mmr("run", "--dataset", "gsm8k", "--router", "kmeans", "--draws", "20", "--jobs", "1", "--json")
    results = json.loads(printed)
    assert results["data"]["synthetic"] is True
    assert results["columns"][0]["failures"] == []


def test_the_installed_wheel_has_the_leaderboard(mmr):
    shown = mmr("leaderboard", "--help")
    for command in ("init", "validate", "run", "publish", "sign-off"):
        assert command in shown


def test_the_installed_wheel_publishes_a_board(mmr, tmp_path):
    """From the settings, templates and assets that the wheel brings, with a reference table and no submission."""
    (tmp_path / "submissions").mkdir()
    mmr("leaderboard", "run", "--submissions", str(tmp_path / "submissions"), "--out", str(tmp_path / "published"))
    board = json.loads((tmp_path / "published" / "leaderboard.json").read_text())
    assert board["table"]["column"] == "full"
    assert "random" in [row["name"] for row in board["references"]]
    assert "<html" in (tmp_path / "published" / "site" / "index.html").read_text()
