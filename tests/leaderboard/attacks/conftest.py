"""The arena: one run of the board per way of isolation, with honest entries among all attackers at once."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mmr_core
from mmr_leaderboard.board import open_board
from mmr_leaderboard.isolation.choosing import sandbox
from mmr_leaderboard.isolation.running import IsolationError
from mmr_leaderboard.isolation.terms import GIB, MIB, Limits, Method
from mmr_leaderboard.publishing.files import publish
from mmr_leaderboard.publishing.log import append, news, read_log
from mmr_leaderboard.publishing.schema import Entry, FindingDocument, Leaderboard, Refused
from mmr_leaderboard.running.run import RunRequest, RunResult, run_board
from mmr_leaderboard.submission.pins import expected_of

HERE = Path(__file__).parent
METHODS: tuple[Method, ...] = ("bubblewrap", "landlock")
HONEST = ("honest-decisions", "honest-kmeans", "honest-linear", "honest-topics")
SECRET = "mmr-witness-secret"
ANSWER_BYTES = 4 * MIB
LIMITS = Limits(
    memory=3 * GIB,
    cpu_seconds=10,
    wall_seconds=25.0,
    answer_bytes=ANSWER_BYTES,
    scratch_bytes=8 * MIB,
    open_files=256,
)


def _sibling(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"attack_suite_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ground: Any = _sibling("ground")
hostile: Any = _sibling("hostile")
ROUTERS: dict[str, str] = _sibling("attackers/roll").ROUTERS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here waits for a run of minutes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(kw_only=True, eq=False)
class World:
    """Everything that is there before a run: what attackers look for, and what they must leave as it is.

    :param rows: the table, as it was written; :param test: its test rows.
    :param listening: sockets that nobody may ever reach.
    """

    folder: Path
    rows: list[dict[str, str]]
    test: list[dict[str, str]]
    data: Path
    cache: Path
    wheelhouse: Path
    submissions: Path
    published: Path
    told: dict[str, Any]
    strange: tuple[str, ...] = ()
    listening: list[socket.socket] = field(default_factory=list)

    def run(self, method: Method | None, submissions: Path, **more: Any) -> RunResult:
        """Runs the board with this world's cache."""
        asked = {"data": str(self.data), "published": self.published, "jobs": 4, "limits": LIMITS, **more}
        cache = asked.pop("cache", self.cache)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MMR_CACHE_DIR", str(cache))
            patch.setenv("MMR_SECRET", SECRET)
            return run_board(RunRequest(submissions=submissions, wheelhouse=self.wheelhouse, method=method, **asked))

    def reached(self) -> list[str]:
        """What arrived at the listening sockets since they were asked last."""
        found = []
        for link in self.listening:
            link.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    if link.type == socket.SOCK_STREAM:
                        link.accept()[0].close()
                    else:
                        link.recv(1000)
                    found.append(str(link.getsockname()))
        return found

    def honest(self, folder: Path) -> Path:
        """A folder of honest submissions."""
        wheel = ground.write_wheel(self.wheelhouse, "mmr-router-topics", ground.plugin("topics"), entry="topics")
        ground.submit(folder, "honest-kmeans", ground.built_in("kmeans"))
        ground.submit(folder, "honest-linear", ground.built_in("linear"))
        ground.submit(folder, "honest-topics", ground.router_of(wheel, "topics"))
        decisions = ground.submit(folder, "honest-decisions", pins=ground.PINS)
        (decisions / "decisions.csv.gz").write_bytes(ground.gzipped(ground.decision_lines(self.test, ground.POOL[1])))
        return folder


@dataclass(frozen=True, kw_only=True, eq=False)
class Arena:
    """One run with everybody in it, and what was there before and after.

    :param alone: what a run without attackers gives.
    :param before, after: digests of files, by path, of all that the run must not change.
    :param reached: what arrived at listening sockets.
    :param left: processes that were not there before.
    """

    method: Method
    world: World
    result: RunResult
    alone: Leaderboard
    before: Mapping[str, str]
    after: Mapping[str, str]
    reached: list[str]
    left: list[str]

    @property
    def board(self) -> Leaderboard:
        return self.result.board

    def row(self, slug: str) -> Entry | Refused:
        """The row of a submission; there is exactly one."""
        (row,) = [each for each in (*self.board.entries, *self.board.refused) if each.slug == slug]
        return row

    def entry(self, slug: str) -> Entry:
        row = self.row(slug)
        assert isinstance(row, Entry), row
        return row

    def findings(self, slug: str) -> tuple[FindingDocument, ...]:
        """Why a submission has no figures."""
        row = self.row(slug)
        assert isinstance(row, Refused), row.metrics
        return row.findings

    def refused_for(self, slug: str) -> list[str]:
        return [found.code for found in self.findings(slug)]

    def is_constant(self, slug: str) -> bool:
        """Whether an entry is scored exactly as the training means are."""
        (constant,) = [each for each in self.board.references if each.name == "constant"]
        return figures(self.entry(slug)) == figures(constant)


def figures(row: Any) -> dict[str, Any]:
    """What a row was scored with, rounded to where sums in another order differ."""
    return json.loads(
        json.dumps(row.model_dump(include={"metrics", "datasets", "frontier"}, mode="json")), parse_float=_rounded
    )


def _rounded(text: str) -> float:
    return float(f"{float(text):.9g}")


def method_or_skip(method: Method) -> None:
    """Skips where a way of isolation does not work; fails where MMR_ISOLATION_REQUIRED is set."""
    try:
        sandbox(method)
    except IsolationError as error:
        if os.environ.get("MMR_ISOLATION_REQUIRED"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The table, the published board, the witnesses, and all submissions."""
    folder = tmp_path_factory.mktemp("attacks")
    data, cache, submissions = folder / "data", folder / "cache", folder / "submissions"
    rows = ground.write_table(data)
    home = folder / "home" / ".netrc"
    witnesses = {
        "home": home,
        "temporary_witness": folder / "temporary" / "witness",
        "other_job": folder / "temporary" / "mmr-jobs-other" / "1" / "job" / "training.npz",
        "cached_table": cache / "tables" / "table.csv",
        "cached_verdict": cache / "leaderboard" / "verdicts" / "00" / "witness.json",
    }
    for path in witnesses.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{SECRET} of {path.name}\n")
    shutil.copy(data / "MMR_Bench.csv", witnesses["cached_table"])
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        sockets = [stack.enter_context(made) for made in _listening(folder)]
        made = World(
            folder=folder,
            rows=rows,
            test=ground.test_rows(rows),
            data=data,
            cache=cache,
            wheelhouse=folder / "wheelhouse",
            submissions=submissions,
            published=folder / "published",
            told={},
            listening=sockets,
        )
        tcp, udp, local, abstract, datagrams = (each.getsockname() for each in sockets)
        made.told = {
            **{name: str(path) for name, path in witnesses.items()},
            "table": str(data / "MMR_Bench.csv"),
            "data": str(data),
            "cache": str(cache),
            "submissions": str(submissions),
            "published": str(made.published),
            "temporary": str(folder / "temporary"),
            "project": str(Path(mmr_core.__file__).parents[1]),
            "unpickled": str(folder / "unpickled"),
            "shared": "mmr-witness",
            "parent": os.getpid(),
            "test": len(made.test),
            "answer_bytes": ANSWER_BYTES,
            "tcp": tcp[1],
            "udp": udp[1],
            "unix": local,
            "abstract": abstract.decode().removeprefix("\0"),
            "datagrams": datagrams,
        }
        _learn_pins(made)
        _publish_something(made)
        _submit_all(made)
        yield made


def _listening(folder: Path) -> Iterator[socket.socket]:
    yield socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    yield udp
    places = (str(folder / "s"), f"\0mmr-witness-{os.getpid()}", str(folder / "d"))
    for place, kind in zip(places, (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM), strict=True):
        link = socket.socket(socket.AF_UNIX, kind)
        link.bind(place)
        if kind == socket.SOCK_STREAM:
            link.listen()
        yield link


def _learn_pins(world: World) -> None:
    """What submissions of decisions pin, and what the pool is called."""
    board = open_board(str(world.data), cache=world.folder / "other-cache")
    expected = expected_of(board.column, board.table)
    ground.PINS, ground.POOL = expected.pins.model_dump(), expected.pool
    assert sorted(expected.test_ids) == sorted(row["dataset_idx"] for row in world.test)


def _publish_something(world: World) -> None:
    """The board of honest entries, published with its record: what attackers would like to change."""
    world.published.mkdir()
    honest = world.honest(world.folder / "honest")
    board = world.run(None, honest, cache=world.folder / "other-cache").board
    publish(board, world.published)
    append(world.published, news(read_log(world.published), {each.slug: each.digest for each in board.entries}, {}))


def _submit_all(world: World) -> None:
    world.honest(world.submissions)
    wheel = ground.attackers(world.wheelhouse, world.told, ground.remembered(world.rows, world.data))
    for name in ROUTERS:
        ground.submit(world.submissions, name, ground.router_of(wheel, name))
    for make in hostile.SUBMISSIONS.values():
        make(ground, world.submissions, world.test)
    world.strange = hostile.strange_names(ground, world.submissions)


@pytest.fixture(scope="session", params=METHODS)
def arena(request: pytest.FixtureRequest, world: World) -> Arena:
    """The run of everybody, under each way of isolation."""
    method: Method = request.param
    method_or_skip(method)
    alone = world.run(method, world.folder / "honest", cache=world.folder / f"{method}-cache").board
    world.run(method, world.folder / "honest")  # what the run needs is then there, and may not change any more
    _forget_verdicts(world.cache)
    before, processes = digests(world.folder), set(_processes(world))
    world.reached()
    result = world.run(method, world.submissions)
    return Arena(
        method=method,
        world=world,
        result=result,
        alone=alone,
        before=before,
        after=digests(world.folder),
        reached=world.reached(),
        left=sorted(set(_processes(world)) - processes),
    )


def _forget_verdicts(cache: Path) -> None:
    """So that honest entries run again, among the others."""
    for path in (cache / "leaderboard" / "verdicts").rglob("*.json"):
        if path.name != "witness.json":
            path.unlink()


def digests(folder: Path) -> dict[str, str]:
    """What every plain file beneath a folder holds and may be done to it, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        if path.is_file() and not path.is_symlink() and facts.st_size < 1 << 30:
            content = blake2b(path.read_bytes(), digest_size=16).hexdigest()
            found[str(path.relative_to(folder))] = f"{content} {facts.st_mode:o} {facts.st_mtime_ns}"
    return found


def _processes(world: World) -> Iterator[str]:
    """Every process that has to do with an isolated run."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if str(world.folder) in words or int(parent) == os.getpid():
                yield f"{name} {words}"


@pytest.fixture(scope="session")
def demand_method() -> Callable[[Method], None]:
    """A function that skips where a way of isolation does not work, and fails where it has to."""
    return method_or_skip


@pytest.fixture(scope="session")
def digests_of() -> Callable[[Path], dict[str, str]]:
    """A function that tells what each file beneath a folder holds."""
    return digests


@pytest.fixture(scope="session")
def routers() -> dict[str, str]:
    """Every attacker of the wheel: its slug and where it is."""
    return ROUTERS


@pytest.fixture(scope="session")
def honest_slugs() -> tuple[str, ...]:
    return HONEST


@pytest.fixture(scope="session")
def building() -> Any:
    """The module that builds tables, wheels and submissions."""
    return ground


@pytest.fixture(scope="session")
def hostile_slugs() -> tuple[str, ...]:
    return tuple(hostile.SUBMISSIONS)


@pytest.fixture
def submit_to(world: World) -> Callable[..., Path]:
    """A function that puts attackers by name into a folder of submissions of a test's own."""

    def submit(folder: Path, *names: str) -> Path:
        (wheel,) = world.wheelhouse.glob("mmr_router_attackers-*.whl")
        for name in names:
            ground.submit(folder, name, ground.router_of(wheel, name))
        return folder

    return submit
