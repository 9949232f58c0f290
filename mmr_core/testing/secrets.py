"""Whether a router has ways to outcomes that it was not handed: as far as one process can tell.

Three things are looked at. The outcomes of the test split, which the check itself holds in this process, are replaced
by others: no answer may change. What the router keeps is searched for them, by attributes, containers and the bases of
arrays. And files are watched while it learns and answers: none may be a store of outcomes, or something that an
installed importer takes for an outcome table.

What cannot be seen from here: files that compiled code opens by itself (readers of Parquet do), what another process
or a server is asked, arrays of other libraries, and outcomes that the plugin's package brings along. The leaderboard
therefore runs routers in a process of their own that holds no outcomes.
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
from mmr_core.testing.checks import Broken
from mmr_core.testing.practice import practice
from mmr_core.testing.subjects import RouterSubject

OUTWARD = {
    "socket.connect": "connects to a network",
    "subprocess.Popen": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
}
UNSEEN = "not seen from here: files that compiled code opens, other processes, packaged outcomes"

STORE_DEPTH = 3
"""How far above a file of a store its manifest lies."""

CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".pth", ".egg-link")


@dataclass
class Watch:
    """What happened while a router worked."""

    opened: set[Path] = field(default_factory=set)
    outward: set[str] = field(default_factory=set)


_WATCHING: list[Watch] = []


def look_for_outcomes(subject: RouterSubject) -> str:
    """The check."""
    answers = []
    with watched() as watch:
        for secret in (1, 2):
            answers.append(_answered(subject, secret))
    if not identical(*answers):
        raise Broken("its answers changed when the outcomes of the test split did, which it was never handed")
    telling = [path for path in sorted(watch.opened) if holds_outcomes(path, subject.registry)]
    if telling:
        raise Broken(f"it opened {telling[0]}, which holds outcomes")
    remarks = [f"it {what}, whose doings are not seen" for what in sorted(watch.outward)]
    return "; ".join([*remarks, UNSEEN])


def _answered(subject: RouterSubject, secret: int) -> Policy:
    """The answer in a process that holds these outcomes of the test split, and no others.

    :raises Broken: if the router keeps one of them.
    """
    world = practice(subject.workspace, secret=secret)
    fitted = subject.fit(world)
    answer = subject.ask(fitted, world)
    secrets = np.concatenate([world.hidden.ravel(), world.hidden.astype(np.float32).ravel()])
    kept = np.isin(np.array(sorted(numbers_in(fitted.router))), secrets)
    if kept.any():
        raise Broken(f"it keeps {int(kept.sum())} outcomes of the test split, which it was never handed")
    return answer


@contextmanager
def watched() -> Iterator[Watch]:
    """Files that Python opens, and what leaves this process, within."""
    _hook_once()
    watch = Watch()
    _WATCHING.append(watch)
    try:
        yield watch
    finally:
        _WATCHING.remove(watch)


def _hook_once(installed: list[bool] = []) -> None:  # noqa: B006
    """An audit hook cannot be taken away again, so there is one, which does nothing while nobody watches."""
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
    """Whether a file is part of a store of outcomes, or an outcome table to an installed importer."""
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
        # An importer that cannot be made or asked is found out by its own check, and is no reason to blame a router.
        return False


def numbers_in(root: Any) -> set[float]:
    """Every float that can be reached from something by attributes, containers and the bases of arrays."""
    found: set[float] = set()
    seen: set[int] = set()
    kept: list[Any] = []
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType | str | bytes | Path):
            continue
        seen.add(id(thing))
        kept.append(thing)  # so that no id is used again
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
