"""A small board, two ways of running a child without isolation, and plugins made of a few lines each."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmr_core
import mmr_leaderboard
import mmr_plugins
from mmr_core.features import EncodedFeatures, FeatureSource
from mmr_core.registry import Registry
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import Prepared, prepare
from mmr_core.specs import DatasetSpec
from mmr_leaderboard.child import driver
from mmr_leaderboard.jobs.entry_run import EntryRun, Material, run_entry
from mmr_leaderboard.jobs.job_writer import RouterRequest, Runtime
from mmr_leaderboard.jobs.material import material
from mmr_leaderboard.sandbox.contract import Limits, ProcessEnd, Sandbox, View

DATASETS = ("zanzibar", "quokkaset")
MIXTURE = DatasetSpec(name="both", title="Both", scenario="mixed", modalities=("text", "image"), members=DATASETS)

PLUGIN = """
import hashlib, json, os, sys, time
from pathlib import Path
import numpy as np
from mmr_core.contracts import Decisions, Prediction
from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec

def noise(what, models):
    seed = int.from_bytes(hashlib.blake2b(repr(what).encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).random(models)

class Base:
    default_fusion = None
    def __init__(self, *, seed=0):
        self.seed = seed
    def fit(self, training):
        self.utility, self.cost = np.nanmean(training.utility, axis=0), np.nanmean(training.cost, axis=0)
        self.learn(training)
        return self
    def learn(self, training):
        pass
    def keys(self, queries):
        return [question.split() for question in queries.questions]
    def predict(self, queries):
        models = len(self.utility)
        shift = np.array([noise(key, models) for key in self.keys(queries)])
        return Prediction(utility=self.utility + shift, cost=np.tile(self.cost, (len(queries), 1)))

{code}

@hookimpl
def mmr_register_routers():
    yield ComponentSpec(kind="router", name="submitted", target="{module}:Router", summary="of a test")
"""


class Plain:
    """Starts the command as it is, with the answer at descriptor 3."""

    method = "unsafe"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> ProcessEnd:
        script = ["/bin/sh", "-c", 'exec 3>"$0"; exec "$@"', str(answer), *command]
        started = time.perf_counter()
        done = subprocess.run(script, env={}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, timeout=120)
        return _ended(done.returncode, done.stderr.decode(errors="replace"), started)


class Forked:
    """Does the same in a fork of this process, which has imported everything: a tenth of the time.

    It does not call itself unsafe, so that jobs share the images of their kind.
    """

    method = "bubblewrap"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> ProcessEnd:
        said = view.scratch / "said"
        started = time.perf_counter()
        child = os.fork()
        if child == 0:
            status = 99
            try:
                for file, descriptor in ((answer, 3), (said, 2), (said, 1)):
                    os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
                sys.argv = [str(part) for part in command[3:]]
                status = driver.main(command[-1])
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        return _ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"), started)


def _ended(status: int, said: str, started: float) -> ProcessEnd:
    return ProcessEnd(
        end="raised" if status else "done", status=status, said=said[-2000:], seconds=time.perf_counter() - started
    )


@pytest.fixture
def plain() -> Sandbox:
    return Plain()


@pytest.fixture
def forked() -> Sandbox:
    return Forked()


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.discover(trusts=lambda distribution: distribution == "mmr-bench")


@pytest.fixture(scope="session")
def source(registry: Registry) -> FeatureSource:
    lite = registry.encoders.create("lite", dimensions=64)
    return EncodedFeatures(text_encoder=lite, image_encoder=lite)


@pytest.fixture(scope="session")
def column(table: Callable[..., Any], source: FeatureSource) -> Prepared:
    """Two datasets, some outcomes missing, no two costs alike."""
    made = table(models=4, instances=220, datasets=DATASETS, images=True, missing=0.01)
    own = replace(made, cost=made.cost * np.random.default_rng(1).uniform(0.5, 1.0, made.cost.shape))
    return prepare(own, MIXTURE, source, Options(allow_incomplete=True))


@pytest.fixture(scope="session")
def stuff(column: Prepared, source: FeatureSource, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material(column, source, workspace=tmp_path_factory.mktemp("material"))


@pytest.fixture
def runtime_with() -> Callable[..., Runtime]:
    """A runtime of this interpreter and its libraries, with folders in front."""

    def build(*folders: Path, engine: Sequence[Path] = ()) -> Runtime:
        standard = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_config_var("DESTSHARED"))]
        own = [Path(package.__file__).parents[1] for package in (mmr_core, mmr_plugins, mmr_leaderboard)]
        libraries = Path(sysconfig.get_path("purelib"))
        path = (*standard, *folders, *(engine or own), libraries)
        return Runtime(python=Path(sys.executable), path=path, readable=(), digest="", packages={})

    return build


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str], Path]:
    """A function that installs a distribution `mmr-router-test` whose router is this code, and gives its folder."""

    def install(code: str) -> Path:
        folder = tmp_path / "site"
        information = folder / "mmr_router_test-1.2.3.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mmr-router-test\nVersion: 1.2.3\n")
        (information / "entry_points.txt").write_text("[mmr.plugins.v1]\nsubmitted = submitted_router\n")
        text = PLUGIN.replace("{code}", code).replace("{module}", "submitted_router")
        (folder / "submitted_router.py").write_text(text)
        return folder

    return install


@pytest.fixture
def run(
    stuff: Material,
    forked: Sandbox,
    runtime_with: Callable[..., Runtime],
    plugin: Callable[[str], Path],
    tmp_path: Path,
) -> Callable[..., EntryRun]:
    """A function that runs an entry: the router of a few lines of code, or a built-in by its name."""

    def go(code: str = "", *, name: str = "", sandbox: Sandbox | None = None, **request: Any) -> EntryRun:
        workspace = tmp_path / "workspace"
        workspace.mkdir()
        modality = request.pop("modality", "multimodal")
        limits = Limits(answer_bytes=request.pop("answer_bytes", 1 << 24))
        asked = (
            RouterRequest(distribution="mmr-bench", name=name, **request)
            if name
            else RouterRequest(distribution="mmr-router-test", name="submitted", **request)
        )
        runtime = runtime_with() if name else runtime_with(plugin(code))
        done = run_entry(asked, runtime, stuff, sandbox or forked, limits, modality=modality, workspace=workspace)
        assert list(workspace.iterdir()) == []
        return done

    return go
