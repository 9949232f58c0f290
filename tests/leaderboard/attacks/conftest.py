"""One run of the board per way of isolation, with honest entries among all attackers at once; see `arena.py`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mmr_core
from mmr_leaderboard.board import open_board
from mmr_leaderboard.publish.log import append, news, read_log
from mmr_leaderboard.publish.publication import publish
from mmr_leaderboard.sandbox.contract import IsolationError, Method
from mmr_leaderboard.sandbox.selection import sandbox
from mmr_leaderboard.submission.pins import expected_of

HERE = Path(__file__).parent
METHODS: tuple[Method, ...] = ("bubblewrap", "landlock")
HONEST = ("honest-decisions", "honest-kmeans", "honest-linear", "honest-topics")


def _sibling(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"attack_suite_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


ground: Any = _sibling("ground")
hostile: Any = _sibling("hostile")
meeting: Any = _sibling("arena")
World, Arena, digests, processes = meeting.World, meeting.Arena, meeting.digests, meeting.processes
SECRET, ANSWER_BYTES = meeting.SECRET, meeting.ANSWER_BYTES
roll: Any = _sibling("attackers/roll")
ROUTERS: dict[str, str] = roll.ROUTERS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here waits for a run of minutes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


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
        sockets = [stack.enter_context(made) for made in _listening(folder)]
        made = World(
            folder=folder,
            rows=rows,
            test=ground.tested_rows(rows),
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
    honest = _honest(world, world.folder / "honest")
    board = world.run(None, honest, cache=world.folder / "other-cache").board
    publish(board, world.published)
    append(world.published, news(read_log(world.published), {each.slug: each.digest for each in board.entries}, {}))


def _honest(world: World, folder: Path) -> Path:
    """A folder of honest submissions."""
    wheel = ground.write_wheel(world.wheelhouse, "mmr-router-topics", ground.plugin("topics"), entry="topics")
    ground.submit(folder, "honest-kmeans", ground.built_in("kmeans"))
    ground.submit(folder, "honest-linear", ground.built_in("linear"))
    ground.submit(folder, "honest-topics", ground.router_of(wheel, "topics"))
    decisions = ground.submit(folder, "honest-decisions", pins=ground.PINS)
    (decisions / "decisions.csv.gz").write_bytes(ground.gzipped(ground.decision_lines(world.test, ground.POOL[1])))
    return folder


def _submit_all(world: World) -> None:
    _honest(world, world.submissions)
    wheel = ground.attackers(world.wheelhouse, world.told, ground.remembered(world.rows, world.data))
    bands = {name: band for band, members in roll.BANDS.items() for name in members}
    first = {name: f"a-{name}" for name in roll.PATIENT}  # submissions start in the order of their names
    world.submission_of = {**bands, **first}
    for name in (*(each for each in ROUTERS if each not in bands), *roll.BANDS):
        ground.submit(world.submissions, first.get(name, name), ground.router_of(wheel, name))
    for make in hostile.SUBMISSIONS.values():
        make(ground, world.submissions, world.test)
    world.strange = hostile.strange_names(ground, world.submissions)


@pytest.fixture(scope="session", params=METHODS)
def arena(request: pytest.FixtureRequest, world: World) -> Arena:
    """The run of everybody, under each way of isolation."""
    method: Method = request.param
    method_or_skip(method)
    alone = world.run(method, world.folder / "honest", cache=world.folder / "other-cache").board
    if not (world.cache / "leaderboard" / "engines").exists():
        world.run(method, world.folder / "honest")  # what the run needs is then there, and may not change any more
    _forget_verdicts(world.cache)
    before, there = digests(world.folder), set(processes(world))
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
        left=sorted(set(processes(world)) - there),
    )


def _forget_verdicts(cache: Path) -> None:
    """So that honest entries run again, among the others."""
    for path in (cache / "leaderboard" / "verdicts").rglob("*.json"):
        if path.name != "witness.json":
            path.unlink()


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
def bands() -> dict[str, tuple[str, ...]]:
    """The attackers that share one submission."""
    found: dict[str, tuple[str, ...]] = roll.BANDS
    return found


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
