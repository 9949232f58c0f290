"""Plugins as their users have them: built into wheels, installed in a fresh environment, listed, checked and run there.

The scaffold of every kind, the examples of this repository, and a plugin for each way of going wrong are built and
installed once for the whole file. Nothing is fetched: the environment borrows this one's packages.
"""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mmr_core.plugins import SLOW
from mmr_core.testing.scaffold import SCAFFOLDED, names_for, render, write

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in (ROOT / "plugins" / "examples").glob("*/pyproject.toml"))
NAME = "my-idea"
DESCRIBES = """
from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec

@hookimpl
def mmr_register_routers():
    yield ComponentSpec(kind="router", name="{name}", target="{module}:Router", summary="")
"""
ROUTER = """
from mmr_core.contracts import Decisions
import numpy

class Router:
    default_fusion = None

    def __init__(self, *, seed=0):
        pass

    def fit(self, training):
        return self

    def decide(self, queries, trade_off):
        return Decisions(choice=numpy.zeros(len(queries), dtype=int))
"""
BAD = {
    "raises": ("1 / 0", "import", "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
    "misspelt": (DESCRIBES.replace("register_routers", "register_ruoters"), "registration", "did you mean"),
    "signature": (DESCRIBES.replace("routers()", "routers(nonsense)"), "registration", "nonsense"),
    "late": (DESCRIBES + "    raise ValueError('too late')\n", "mmr_register_routers", "too late"),
    "future": (DESCRIBES, "api version", "mmr.plugins.v2"),
    "twice": (DESCRIBES + DESCRIBES.rpartition("def mmr_register_routers():")[2], "mmr_register_routers", "already"),
}
"""What each does, and the stage and reason that are to be told of it."""
GROUPS = {"future": "mmr.plugins.v2"}
SLEEPER, HEAVY, CLAIMANT = "sleeper", "heavy", "claimant"
SECONDS = 5

pytestmark = pytest.mark.slow


def wheel_of(folder: Path, name: str, source: str, group: str = "mmr.plugins.v1") -> Path:
    """A wheel of one module, put together by hand: what is in it is what a build would have put there."""
    distribution = f"mmr-bad-{name}"
    module = distribution.replace("-", "_")
    path = folder / f"{module}-1.0-py3-none-any.whl"
    info = f"{module}-1.0.dist-info"
    files = {
        f"{module}.py": source.replace("{name}", name).replace("{module}", module),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[{group}]\n{name} = {module}\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


class Environment:
    """A virtual environment with plugins installed from wheels."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.python = folder / "bin" / "python"
        [packages] = (folder / "lib").glob("python*/site-packages")
        lines = [f"import site; site.addsitedir({host!r})\n" for host in site.getsitepackages()]
        (packages / "borrowed.pth").write_text("".join(lines))
        self.folder = folder
        install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *map(str, wheels)]
        done = self.run(*install)
        assert done.returncode == 0, done.stderr

    def run(self, *words: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables}
        for name in ("PYTHONPATH", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
            environment.pop(name, None)
        command = [str(self.python), *words]
        return subprocess.run(
            command, cwd=cwd or self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def mmr(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        call = "import sys; from mmr_core.cli import main; sys.exit(main())"
        return self.run("-c", call, *words, **variables)


@pytest.fixture(scope="module")
def projects(tmp_path_factory) -> dict[str, Path]:
    """The folder of a new plugin of each kind, and those of the examples."""
    folder = tmp_path_factory.mktemp("projects")
    made = {kind: write(names, render(names), folder) for kind in SCAFFOLDED for names in [names_for(kind, NAME)]}
    return {**made, **{path.name: path for path in EXAMPLES}}


@pytest.fixture(scope="module")
def wheels(projects, tmp_path_factory) -> Path:
    """A folder of the wheels of all of them."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command += ["--wheel-dir", str(folder), *map(str, projects.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(folder.iterdir())) == len(projects)
    return folder


@pytest.fixture(scope="module")
def good(wheels, tmp_path_factory) -> Environment:
    """The scaffolds and the examples."""
    return Environment(tmp_path_factory.mktemp("good"), sorted(wheels.iterdir()))


@pytest.fixture(scope="module")
def bad(wheels, tmp_path_factory) -> Environment:
    """Everything that goes wrong, beside one scaffold that does not."""
    folder = tmp_path_factory.mktemp("bad-wheels")
    made = [wheel_of(folder, name, source, GROUPS.get(name, "mmr.plugins.v1")) for name, (source, *_) in BAD.items()]
    made.append(wheel_of(folder, CLAIMANT, DESCRIBES.replace("{name}", "knn")))
    made += wheels.glob("mmr_router_my_idea*")
    return Environment(tmp_path_factory.mktemp("bad"), made)


@pytest.fixture(scope="module")
def slow(tmp_path_factory) -> Environment:
    """A plugin that imports scikit-learn to be listed, and one that sleeps where a variable says so."""
    folder = tmp_path_factory.mktemp("slow-wheels")
    sleeps = f"import os, time\ntime.sleep(float(os.environ.get('SLEEP', 0)))\n{DESCRIBES}"
    made = [wheel_of(folder, HEAVY, f"import sklearn\n{DESCRIBES}{ROUTER}"), wheel_of(folder, SLEEPER, sleeps)]
    return Environment(tmp_path_factory.mktemp("slow"), made)


def test_every_wheel_holds_its_package_and_nothing_generic(wheels):
    for path in wheels.iterdir():
        package = path.name.split("-")[0]
        top = {name.split("/")[0] for name in zipfile.ZipFile(path).namelist()}
        assert {name for name in top if not name.endswith(".dist-info")} == {package}


def test_all_are_listed_without_a_failure(good, projects):
    listed = json.loads(good.mmr("plugins", "list", "--json").stdout)
    assert listed["failures"] == []
    ids = {(one["kind"], one["id"]) for one in listed["components"]}
    assert {(kind, f"mmr-{kind}-{NAME}/{NAME}") for kind in SCAFFOLDED} <= ids
    assert ("router", "mmr-router-soft-neighbours/soft-neighbours") in ids


def test_all_pass_their_own_tests_there(good, projects):
    folders = [str(path / "tests") for path in projects.values()]
    done = good.run("-m", "pytest", "-v", "-p", "no:cacheprovider", "--import-mode=importlib", *folders)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    files = [file.name for path in projects.values() for file in (path / "tests").glob("test_*.py")]
    assert len(files) == len(set(files)) == len(projects)
    for file in files:
        assert re.search(rf"{file}::\S+ PASSED", done.stdout), file


def test_all_pass_their_checks_there(good, projects):
    """In one process, which starts once."""
    commands = []
    for kind, path in projects.items():
        example = ["--example", str(path / "tests" / f"example.{NAME}.jsonl")] if kind == "importer" else []
        commands.append(["plugins", "check", path.name, "--json", *example])
    script = """
import json, sys
from mmr_core.cli import main
sys.exit(max(main(words) for words in json.loads(sys.argv[1])))
"""
    done = good.run("-c", script, json.dumps(commands))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert done.stdout.count('"name": "import-cost"') == len(projects)
    assert '"verdict": "failed"' not in done.stdout


def test_the_router_the_encoder_and_the_fusion_are_run_together(good, tmp_path):
    table = tmp_path / "MMR_Bench.csv"
    lines = ["dataset_idx,question,answer,A_correct,A_cost,B_correct,B_cost"]
    lines += [f"GSM8K_{i},Is {i} {'odd' if i % 2 else 'even'}?,yes,{i % 2},0.001,1,0.01" for i in range(120)]
    table.write_text("\n".join(lines) + "\n")
    words = ["run", "--data", str(table), "--router", f"mmr-router-{NAME}/{NAME},soft-neighbours"]
    words += ["--text-encoder", NAME, "--fusion", NAME, "--draws", "20", "--jobs", "1", "--json"]
    done = good.mmr(*words, MMR_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    column = json.loads(done.stdout)["columns"][0]
    assert column["failures"] == []
    for canonical_id in (f"mmr-router-{NAME}/{NAME}", "mmr-router-soft-neighbours/soft-neighbours"):
        assert f'"{canonical_id}"' in done.stdout


def test_each_that_goes_wrong_is_left_out_with_its_reason_and_the_others_work(bad):
    done = bad.mmr("plugins", "list", "--json")
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    failures = {failure["plugin"]: failure for failure in listed["failures"]}
    assert set(failures) == set(BAD)
    for name, (_, stage, reason) in BAD.items():
        assert failures[name]["stage"] == stage
        assert reason in failures[name]["reason"]
        assert failures[name]["version"] == "1.0"
        assert f"warning: plugin '{name}' of mmr-bad-{name} 1.0 is left out" in done.stderr
    assert f"mmr-router-{NAME}/{NAME}" in {one["id"] for one in listed["components"]}


@pytest.mark.parametrize("name", ["raises", "late"])
def test_asking_for_what_went_wrong_shows_its_traceback(bad, name):
    done = bad.mmr("plugins", "check", f"mmr-bad-{name}")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert BAD[name][2] in done.stderr


def test_strictness_makes_the_first_of_them_fatal(bad):
    done = bad.mmr("plugins", "list", MMR_STRICT_PLUGINS="1")
    assert done.returncode == 1
    assert "unset MMR_STRICT_PLUGINS to go on" in done.stderr


def test_a_name_of_a_built_in_stays_with_the_built_in(bad):
    listed = json.loads(bad.mmr("plugins", "list", "--json").stdout)
    assert {one["id"] for one in listed["components"] if one["name"] == "knn" and "@" not in one["id"]} == {
        "mmr-bad-claimant/knn",
        "mmr-bench/knn",
    }
    told = json.loads(bad.mmr("plugins", "check", "knn", "--json").stdout)
    assert [one["id"] for one in told["components"]] == ["mmr-bench/knn"]


def test_a_plugin_that_imports_too_much_to_be_listed_fails_its_check(slow):
    done = slow.mmr("plugins", "check", f"mmr-bad-{HEAVY}", "--json")
    assert done.returncode == 1
    (component,) = json.loads(done.stdout)["components"]
    (failed,) = [one for one in component["checks"] if one["verdict"] == "failed"]
    assert failed["name"] == "import-cost"
    assert "sklearn" in failed["came"]
    assert "ComponentSpec.target" in failed["expected"]


def test_a_plugin_that_takes_long_to_import_is_named_with_its_time(slow):
    """It asks to sleep; the clock is set forward instead."""
    script = """
import sys, time
ahead, real = [0.0], time.perf_counter
time.sleep = lambda seconds: ahead.append(ahead.pop() + seconds)
time.perf_counter = lambda: real() + ahead[0]
from mmr_core.cli import main
sys.exit(main(sys.argv[1:]))
"""
    done = slow.run("-c", script, "plugins", "list", "--json", SLEEP=str(SECONDS))
    assert done.returncode == 0
    assert f"warning: plugin '{SLEEPER}' of mmr-bad-{SLEEPER} 1.0 takes {SECONDS}." in done.stderr
    took = {one["plugin"]: one["seconds"] for one in json.loads(done.stdout)["seconds"]}
    assert took[SLEEPER] >= SECONDS
    assert took["builtin"] < SLOW
