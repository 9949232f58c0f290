"""Whether a router can reach outcomes that it was not given, as far as one process can tell.

Three tests. The outcomes of the test split, which the check holds in this process, are replaced by others: no answer
may change. Everything reachable from the router (attributes, containers, bases of arrays) is searched for them. And
the files opened while it fits and answers are recorded: none may belong to a store of outcomes, or be recognised as an
outcome table by an installed importer.

Out of sight are files that compiled code opens (Parquet readers do), other processes and servers, arrays of other
libraries, and outcomes packaged with the plugin. The leaderboard therefore runs routers in a separate process that
holds no outcomes.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.registry import Registry
from mmr_core.runner.agreement import identical
from mmr_core.runner.policies import Policy
from mmr_core.store import OutcomeStore
from mmr_core.testing.contract_check import Broken
from mmr_core.testing.practice_data import practice
from mmr_core.testing.subjects import RouterSubject

OUTWARD = {
    "socket.connect": "connects to a network",
    "subprocess.Popen": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
}
UNSEEN = "not visible here: files opened by compiled code, other processes, packaged outcomes"

STORE_DEPTH = 3
"""Levels from a file in a store up to its manifest."""

CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".pth", ".egg-link")


@dataclass
class Watch:
    """What a router did while it was watched."""

    opened: set[Path] = field(default_factory=set)
    outward: set[str] = field(default_factory=set)


_WATCHING: list[Watch] = []


def check_no_outcomes(subject: RouterSubject) -> str:
    """The check `no-access-to-outcomes`."""
    answers = []
    with watched() as watch:
        for secret in (1, 2):
            answers.append(_answered(subject, secret))
    if not identical(*answers):
        raise Broken("its answers changed with the outcomes of the test split, which it was never given")
    telling = [path for path in sorted(watch.opened) if holds_outcomes(path, subject.registry)]
    if telling:
        raise Broken(f"it opened {telling[0]}, which holds outcomes")
    remarks = [f"it {what}, which cannot be followed" for what in sorted(watch.outward)]
    return "; ".join([*remarks, UNSEEN])


def _answered(subject: RouterSubject, secret: int) -> Policy:
    """The answer in a process that holds these outcomes of the test split and no others.

    :raises Broken: if the router keeps one of them.
    """
    world = practice(subject.workspace, secret=secret)
    fitted = subject.fit(world)
    answer = subject.ask(fitted, world)
    secrets = np.concatenate([world.hidden.ravel(), world.hidden.astype(np.float32).ravel()])
    kept = np.isin(np.array(sorted(numbers_in(fitted.router))), secrets)
    if kept.any():
        raise Broken(f"it keeps {int(kept.sum())} outcomes of the test split, which it was never given")
    return answer


@contextmanager
def watched() -> Iterator[Watch]:
    """Records the files that Python opens in this context, and what leaves the process."""
    _hook_once()
    watch = Watch()
    _WATCHING.append(watch)
    try:
        yield watch
    finally:
        _WATCHING.remove(watch)


def _hook_once(installed: list[bool] = []) -> None:  # noqa: B006
    """An audit hook cannot be removed, so there is one, which does nothing while nothing is watched."""
    if not installed:
        sys.addaudithook(_audited)
        installed.append(True)


def _audited(event: str, arguments: tuple[Any, ...]) -> None:
    if not _WATCHING:
        return
    if event == "open" and isinstance(arguments[0], str | bytes):
        path = Path(arguments[0].decode(errors="replace") if isinstance(arguments[0], bytes) else arguments[0])
        for watch in _WATCHING:
            watch.opened.add(path)
    elif event in OUTWARD:
        for watch in _WATCHING:
            watch.outward.add(OUTWARD[event])


def holds_outcomes(path: Path, registry: Registry) -> bool:
    """Whether a file is part of a store, or is recognised as an outcome table by an installed importer."""
    if path.suffix in CODE or not path.is_file():
        return False
    above = list(path.resolve().parents)[:STORE_DEPTH]
    if any(OutcomeStore.is_in(folder) and (folder / "outcomes").is_dir() for folder in above):
        return True
    return any(_takes(name, path, registry) for name in registry.importers.names())


def _takes(name: str, path: Path, registry: Registry) -> bool:
    try:
        importer = registry.importers.create(name)
        return not importer.embedded and bool(importer.sniff(path))
    except Exception:
        # A broken importer fails its own check; the router is not to blame.
        return False


def numbers_in(root: Any) -> set[float]:
    """Every float reachable from an object through attributes, containers and the bases of arrays."""
    found: set[float] = set()
    seen: set[int] = set()
    kept: list[Any] = []
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType | str | bytes | Path):
            continue
        seen.add(id(thing))
        kept.append(thing)  # so that no id is reused
        if isinstance(thing, float | np.floating):
            found.add(float(thing))
        elif isinstance(thing, np.ndarray):
            if thing.dtype.kind == "f":
                found.update(thing.astype(np.float64).ravel().tolist())
            waiting.append(thing.base)
            waiting.extend(thing.ravel().tolist() if thing.dtype == object else [])
        elif isinstance(thing, dict):
            waiting.extend([*thing.keys(), *thing.values()])
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting.extend(thing)
        else:
            waiting.extend(getattr(thing, "__dict__", {}).values())
            waiting.extend(getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ()))
    return found
