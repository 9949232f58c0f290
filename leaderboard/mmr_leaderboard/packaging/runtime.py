"""Puts together everything that the isolated process of one submission runs on.

Its `sys.path` is Python's own library, the wheels of the submission, a copy of the engine, and links to the libraries
that the runner provides. Wheels whose modules would hide those of the last two are refused.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import sysconfig
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from mmr_core.plugins import HOME, did_you_mean
from mmr_core.registry import Registry
from mmr_leaderboard.findings import Finding
from mmr_leaderboard.jobs.job_writer import Runtime
from mmr_leaderboard.packaging.dependencies import Dependencies, dependencies, extra_modules, links
from mmr_leaderboard.packaging.engine import engine, engine_digest, engine_modules
from mmr_leaderboard.packaging.environments import environment
from mmr_leaderboard.packaging.requirements import EnvironmentRefused, demand_complete, wanted_wheels
from mmr_leaderboard.packaging.wheel_sources import WheelSources, find_wheels
from mmr_leaderboard.packaging.wheels import START_UP, Wheel
from mmr_leaderboard.sandbox.filesystem import interpreter_paths
from mmr_leaderboard.submission.manifest import Router


def prepare(router: Router, sources: WheelSources, cache: Path) -> Runtime:
    """Finds the wheels of a submission and makes its runtime.

    :raises EnvironmentRefused: with the code that says why it cannot be installed.
    """
    return runtime(wheels_of(router, sources), cache)


def wheels_of(router: Router, sources: WheelSources) -> tuple[Wheel, ...]:
    """The wheels of a submission, checked and complete; none for a router of the benchmark itself.

    :raises EnvironmentRefused: with any code of stage "environment".
    """
    brought = dependencies()
    wheels = find_wheels(wanted_wheels(router, brought.versions), sources, taken_modules(brought))
    there = {HOME: metadata.version(HOME), **brought.versions, **{each.distribution: each.version for each in wheels}}
    demand_complete({wheel.path.name: wheel.needs for wheel in wheels}, there)
    _demand_router(router, wheels)
    return wheels


def runtime(wheels: Sequence[Wheel], cache: Path) -> Runtime:
    """The runtime of checked wheels; takes milliseconds if it was made before.

    :param cache: a folder for environments, copies and links; it is made.
    """
    brought = dependencies()
    own = environment(wheels, cache / "environments")
    copied = engine(cache / "engines")
    linked = links(brought, cache / "libraries")
    folders = (own.folder, copied, linked)
    readable = (*interpreter_paths(), *folders, *sorted(set(brought.entries.values())))
    return Runtime(
        python=own.python,
        path=(*standard_library(), own.site, copied, linked),
        readable=tuple(dict.fromkeys(readable)),
        digest=_digest(wheels, brought),
        packages={wheel.distribution: wheel.version for wheel in wheels},
    )


def taken_modules(brought: Dependencies) -> frozenset[str]:
    """Module names that no wheel of a submission may use, whether they are installed here or not."""
    return frozenset(sys.stdlib_module_names) | START_UP | engine_modules() | extra_modules() | brought.modules


def standard_library() -> tuple[Path, ...]:
    """The `sys.path` of Python with `-sP -S`."""
    modules = Path(sysconfig.get_path("stdlib")).resolve()
    compiled = Path(sysconfig.get_config_var("DESTSHARED") or modules / "lib-dynload").resolve()
    return modules, compiled


def _digest(wheels: Sequence[Wheel], brought: Dependencies) -> str:
    parts = [platform.python_implementation(), platform.python_version(), platform.system(), platform.machine()]
    parts += [engine_digest(), brought.digest, *sorted(wheel.sha256 for wheel in wheels)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _demand_router(router: Router, wheels: Sequence[Wheel]) -> None:
    """Raises early what the registry of the isolated process would raise at the start."""
    if router.is_home:
        built_in = Registry.discover(trusts=lambda distribution: distribution == HOME)
        names = [item.name for item in built_in.routers.specs() if item.provider.distribution == HOME]
        if router.name.removeprefix(f"{HOME}/") not in names:
            raise _no_router(f"{HOME} has no router {router.name!r}{did_you_mean(router.name, names)}")
        return
    if not any(wheel.is_plugin for wheel in wheels if wheel.distribution == router.distribution):
        raise _no_router(f"{router.requirement} has no entry point of a plugin")


def _no_router(what: str) -> EnvironmentRefused:
    return EnvironmentRefused(what, where="submission.toml: router.name", code="no-such-router")


def wheel_findings(router: Router, sources: WheelSources) -> tuple[Finding, ...]:
    """Why a router's requirements could not be installed, as far as the files at hand tell; installs nothing.

    A wheel that is not at hand may be on the package index, which is not asked here.
    """
    try:
        wheels_of(router, sources)
    except EnvironmentRefused as error:
        return () if error.code == "no-wheel" and not sources.index and _may_be_elsewhere(router) else (error.finding,)
    return ()


def _may_be_elsewhere(router: Router) -> bool:
    return any(requirement.hashes for requirement in (router, *router.dependencies))
