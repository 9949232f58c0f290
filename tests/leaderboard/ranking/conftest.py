"""A small official board in a folder, submissions to it, and runs of routers that somebody else answered for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mmr_leaderboard
from mmr_core.outcomes import OutcomeTable
from mmr_core.plugins import HOME
from mmr_core.registry import Registry
from mmr_core.runner.policies import GRID, Decided, Policy
from mmr_core.store import OutcomeStore
from mmr_leaderboard import board as board_module
from mmr_leaderboard.audit import audit
from mmr_leaderboard.board import Board, BoardSettings, open_board, own_registry
from mmr_leaderboard.child.driver import archive
from mmr_leaderboard.jobs.behaviour import BehaviourCheck
from mmr_leaderboard.jobs.entry_run import EntryRun
from mmr_leaderboard.jobs.job_writer import RouterRequest, Runtime
from mmr_leaderboard.ranking import board_run as run_module
from mmr_leaderboard.ranking import referee
from mmr_leaderboard.ranking.board_run import BoardRun, RunRequest, run_board
from mmr_leaderboard.sandbox.contract import ProcessEnd
from mmr_leaderboard.submission.pins import Expected, expected_of
from mmr_leaderboard.submission.skeleton import write_skeleton
from mmr_leaderboard.submission.validation import judge

DATASETS = ("mathvista", "mmstar")
"""Two members of the built-in mixture, so that the board ranks on the mixture."""

DRAWS = 25
Choose = Callable[[int], Sequence[NDArray[np.intp]]]


def made_settings(data: Path | str) -> BoardSettings:
    return BoardSettings(schema_version=1, title="A board", data=str(data), encoder="lite", draws=DRAWS, draw_seed=0)


@pytest.fixture(scope="session")
def outcome_table(table: Callable[..., OutcomeTable]) -> OutcomeTable:
    """Four models on two datasets; a few outcomes are missing, and no two costs are alike."""
    made = table(models=4, instances=80, datasets=DATASETS, missing=0.003)
    return replace(made, cost=made.cost * np.random.default_rng(1).uniform(0.5, 1.0, made.cost.shape))


@pytest.fixture(scope="session")
def store(outcome_table: OutcomeTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "store"
    OutcomeStore(folder).add(outcome_table)
    return folder


@pytest.fixture(scope="session")
def settings_of() -> Callable[[Path | str], BoardSettings]:
    return made_settings


@pytest.fixture(scope="session")
def registry() -> Registry:
    return own_registry()


@pytest.fixture(scope="session")
def opened(store: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Board:
    return open_board(settings=made_settings(store), registry=registry, cache=tmp_path_factory.mktemp("embeddings"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where a test runs its board.

    :ivar expected: what submissions have to fit.
    :ivar asked: the routers that were run, by name, in the order in which they were.
    """

    store: Path
    folder: Path
    expected: Expected
    asked: list[str]

    @property
    def submissions(self) -> Path:
        return self.folder / "submissions"

    @property
    def published(self) -> Path:
        return self.folder / "published"

    def decide(self, slug: str, seed: int = 0, *, favour: float = 0.0, supersedes: str = "", **lines: str) -> str:
        """Puts a submission of decisions there, at three operating points, and gives its digest.

        :param seed: of the choices; the same seed makes the same choices.
        :param favour: the share of choices that are moved to the dearest model.
        """
        rng = np.random.default_rng(seed)
        ids, models = self.expected.test_ids, len(self.expected.pool)
        n = len(ids)
        rows = []
        for point in range(3):
            choice = rng.integers(0, models, n)
            choice = np.where(rng.random(n) < favour, models - 1, np.maximum(choice - (2 - point), 0))
            rows += [f"{name},{point},{self.expected.pool[at]}" for name, at in zip(ids, choice, strict=True)]
        return self.put(slug, rows, supersedes=supersedes, **lines)

    def put(self, slug: str, rows: Sequence[str], *, supersedes: str = "", **lines: str) -> str:
        """Puts a submission with these rows of decisions there, and gives its digest."""
        folder = self._skeleton(slug, "decisions", supersedes=supersedes, **lines)
        text = "instance_id,operating_point,model\n" + "\n".join(rows) + "\n"
        (folder / "decisions.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        return judge(folder, self.expected, pinned=True).digest

    def plug(self, slug: str, router: str = "knn", *, supersedes: str = "", **lines: str) -> str:
        """Puts a submission of a built-in router there, and gives its digest."""
        folder = self._skeleton(slug, "plugin", router=router, supersedes=supersedes, **lines)
        return judge(folder, self.expected, pinned=True).digest

    def run(self, **request: Any) -> BoardRun:
        """A run of the board, the submissions and what is published here."""
        asked = {"data": None, "submissions": self.submissions, "published": self.published, "jobs": 1, "verified": 0.0}
        asked |= request
        told = asked.pop("warn", lambda line: None)
        return run_board(RunRequest(**asked), warn=told)

    def _skeleton(self, slug: str, kind: Any, *, router: str | None = None, supersedes: str, **lines: str) -> Path:
        folder = self.submissions / slug
        for old in sorted(folder.rglob("*"), reverse=True):
            old.unlink()
        if folder.exists():
            folder.rmdir()
        pinned = f"{HOME}=={version(HOME)}" if kind == "plugin" else None
        write_skeleton(slug, self.submissions, self.expected, kind, router=router, requirement=pinned)
        file = folder / "submission.toml"
        text = file.read_text()
        for name, line in lines.items():
            old = next(each for each in text.splitlines() if each.startswith(f"{name} = "))
            text = text.replace(old, f"{name} = {line}")
        if supersedes:
            comment = next(each for each in text.splitlines() if each.startswith("# supersedes = "))
            text = text.replace(comment, f'supersedes = "{supersedes}"')
        file.write_text(text)
        return folder


@pytest.fixture
def ground(store: Path, opened: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """An empty official board, which is opened once for all tests; runs on another table open theirs."""
    plain_open = run_module.open_board

    def open_once(data: str | None = None, **options: Any) -> Board:
        return opened if data is None else plain_open(data, **options)

    monkeypatch.setattr(referee, "audit", partial(audit, permutations=49))
    monkeypatch.setattr(board_module, "board_settings", partial(made_settings, store))
    monkeypatch.setattr(run_module, "open_board", open_once)
    expected = expected_of(opened.column, opened.table)
    made = Ground(store=store, folder=tmp_path, expected=expected, asked=[])
    made.submissions.mkdir()
    return made


class Sandboxed:
    """Stands for a way of isolation in tests where nothing is run."""

    method = "bubblewrap"


@dataclass(kw_only=True)
class Stage:
    """What stands in for environments and isolated runs: each router answers what a test says.

    :ivar runs: by router name, a function of the board that makes the run.
    """

    ground: Ground
    runs: dict[str, Callable[[Board], EntryRun]]
    sandbox: Any
    runtime: str = "digest of the runtime"

    def answer(self, name: str, **changes: Any) -> None:
        """Lets a router answer as `entry_run` makes it from these changes."""
        self.runs[name] = partial(entry_run, **changes)


def entry_run(
    board: Board, *, right: float = 0.3, placebo: float | None = None, seed: int = 0, **changes: Any
) -> EntryRun:
    """A run whose policy takes the best model with probability `right`, else any; a placebo alike."""
    parts: dict[str, Any] = {
        "policy": chosen(board, right, seed),
        "trade_off": 0.0,
        "placebo": None if placebo is None else chosen(board, placebo, seed + 100),
        "single_seconds": np.array([0.001, 0.002, 0.003]),
        "batch_rates": np.array([1000.0, 1100.0]),
        "checks": (BehaviourCheck(code="order-matters", compared=100, changed=0),),
        "findings": (),
        "method": "bubblewrap",
        "router": {"parameters": {"neighbours": 50}, "fusion": None},
    }
    return EntryRun(**{**parts, **changes})


def chosen(board: Board, right: float, seed: int) -> Policy:
    column = board.column
    utility, cost = column.table.utility[column.test], column.table.cost[column.test]
    rng = np.random.default_rng(seed)
    n, models = utility.shape
    best = np.argmax(utility - 1e-3 * cost / cost.max(), axis=1)
    rows = []
    for dear in (0, 1):
        choice = np.where(rng.random(n) < right, best, rng.integers(0, models, n))
        rows.append(np.eye(models)[np.maximum(choice - (1 - dear), 0)])
    return Decided(np.arange(2.0), tuple(rows))


@pytest.fixture
def stage(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Runs of routers without environments, material or isolation."""
    made = Stage(ground=ground, runs={}, sandbox=Sandboxed())

    def runtime(*_: Any) -> Runtime:
        return Runtime(python=Path("/nowhere"), path=(), readable=(), digest=made.runtime, packages={})

    def run(request: RouterRequest, _runtime: Any, board: Any, *_: Any, **__: Any) -> EntryRun:
        ground.asked.append(request.name)
        return made.runs[request.name](board)

    def sandbox(method: Any) -> Any:
        return made.sandbox

    kept: list[Board] = []
    plain_open = run_module.open_board

    def open_and_keep(*words: Any, **options: Any) -> Board:
        kept[:] = [plain_open(*words, **options)]
        return kept[0]

    monkeypatch.setattr(run_module, "open_board", open_and_keep)
    monkeypatch.setattr(run_module, "material", lambda *_, **__: kept[0])
    monkeypatch.setattr(run_module, "way_of_isolation", sandbox)
    monkeypatch.setattr(referee, "prepare", runtime)
    monkeypatch.setattr(referee, "run_entry", run)
    return made


@dataclass(frozen=True, kw_only=True)
class Message:
    """One kind of answer to every ask: the same for each query, so that all behaviour checks pass.

    :param words: which arrays it consists of.
    :param utility, cost: [K] predictions for every query.
    :param chances: [K] what stands in a decision.
    :param seconds: what every time is.
    :param changed: by member, an array in place of the one that is expected.
    """

    words: str = "scores"
    utility: Any = (0.4, 0.5, 0.6, 0.7)
    cost: Any = (1e-4, 2e-4, 3e-4, 4e-4)
    chances: Any = (0.25, 0.25, 0.25, 0.25)
    choice: Any = 0
    seconds: Any = 1e-4
    stated: Any = field(default_factory=dict)
    changed: Any = field(default_factory=dict)
    end: Any = field(default_factory=dict)

    def arrays(self, asks: list[dict[str, Any]]) -> dict[str, np.ndarray]:
        given: dict[str, np.ndarray] = {}
        for number, ask in enumerate(asks):
            n = len(ask["rows"])
            if self.words == "scores":
                given[f"{number}-utility"] = np.tile(np.array(self.utility, dtype=np.float64), (n, 1))
                given[f"{number}-cost"] = np.tile(np.array(self.cost, dtype=np.float64), (n, 1))
            elif self.words == "choice":
                given[f"{number}-choice"] = np.full((len(GRID), n), self.choice)
            else:
                given[f"{number}-probabilities"] = np.tile(np.array(self.chances), (len(GRID), n, 1))
            given[f"{number}-seconds"] = np.full(n if ask["each"] else 1, self.seconds, dtype=np.float64)
        given["stated"] = np.frombuffer(json.dumps(self.stated).encode("utf-8", "surrogatepass"), dtype=np.uint8)
        return {**given, **{name: array for name, array in self.changed.items() if name in given}}


@dataclass(kw_only=True)
class Liar:
    """Answers with the message in place of running anything."""

    message: Message = field(default_factory=Message)
    method: str = "bubblewrap"
    failing: list[Exception] = field(default_factory=list)
    asked: int = 0

    def run(self, command: Any, view: Any, limits: Any, answer: Path) -> ProcessEnd:
        self.asked += 1
        if self.failing:
            raise self.failing.pop(0)
        job = json.loads((Path(command[-1]) / "job.json").read_text())
        answer.write_bytes(archive(self.message.arrays(job["asks"])))
        facts = {"end": "done", "status": 0, "said": "", "seconds": 60.0, **self.message.end}
        return ProcessEnd(**facts)


@pytest.fixture(scope="session")
def stuff(opened: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_module.material(opened.column, opened.source, workspace=tmp_path_factory.mktemp("material"), seed=0)


@pytest.fixture
def liar(ground: Any, stuff: Any, monkeypatch: pytest.MonkeyPatch) -> Liar:
    """The sandbox of every run on the ground, which has an honest entry and the liar's."""
    made = Liar()
    root = Path(mmr_leaderboard.__file__).parents[1]

    def runtime(*_: Any) -> Runtime:
        return Runtime(
            python=Path("/nowhere/bin/python"), path=(root,), readable=(), digest="of the runtime", packages={}
        )

    monkeypatch.setattr(run_module, "way_of_isolation", lambda method: made)
    monkeypatch.setattr(run_module, "material", lambda *_, **__: stuff)
    monkeypatch.setattr(referee, "prepare", runtime)
    ground.decide("honest")
    ground.plug("liar", "knn")
    return made
