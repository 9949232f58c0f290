"""Finds plugins and asks each what it provides; one bad plugin never takes the others down.

Discovery is a loop of our own over entry points, because pluggy's loader stops at the first plugin that raises.
Whatever a plugin does at import, at registration or inside a hook is caught, recorded with its traceback, and the
plugin as a whole is left out. `registry` turns what is left into names.
"""

from __future__ import annotations

import difflib
import re
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import pluggy

from mmr_core import hookspecs
from mmr_core.hookspecs import HOOKS, Hook
from mmr_core.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, PublishedTable

HOME = "mmr-bench"
"""The distribution of the built-ins, whose names are reserved."""

SLOW = 1.0
"""Seconds above which a plugin is said to be slow to list: every command waits for it."""

SpecT = TypeVar("SpecT", DatasetSpec, ModelSpec, ComponentSpec, CommandSpec, PublishedTable)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Where a component comes from: an entry point of an installed distribution."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution} {self.version}"


@dataclass(frozen=True, kw_only=True)
class Contribution(Generic[SpecT]):
    """One spec, with its provider and the word for what it is ("router", "dataset", ...)."""

    word: str
    spec: SpecT
    provider: Provider

    @property
    def name(self) -> str:
        """The short name."""
        return self.spec.name

    @property
    def canonical_id(self) -> str:
        """`distribution/name`, followed by `@protocol` outside the paper's protocol."""
        protocol = getattr(self.spec, "protocol", "paper")
        suffix = "" if protocol == "paper" else f"@{protocol}"
        return f"{self.provider.distribution}/{self.name}{suffix}"


@dataclass(frozen=True, kw_only=True)
class PluginFailure:
    """Why a plugin was left out.

    :param stage: "api version", "import", "registration", or the name of the hook that failed.
    :param reason: one line.
    :param traceback: the whole of it; empty where nothing was raised.
    :param given: what it had provided before it failed.
    """

    provider: Provider
    stage: str
    reason: str
    traceback: str
    given: tuple[Contribution[Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.provider} is left out: {self.stage} failed: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """Everything found: the plugins that work, what they provide, and the plugins that do not work.

    :param seconds: what it took to import each plugin and ask its hooks, failed ones included.
    """

    providers: tuple[Provider, ...]
    contributions: tuple[Contribution[Any], ...]
    failures: tuple[PluginFailure, ...]
    seconds: Mapping[Provider, float] = field(default_factory=dict)

    @property
    def slow(self) -> dict[Provider, float]:
        """The plugins that take more than `SLOW` seconds, with the time."""
        return {provider: took for provider, took in self.seconds.items() if took > SLOW}


class _Refusal(Exception):
    """A plugin breaks the rules of a stage."""


def discover(
    found: Iterable[EntryPoint] | None = None,
    *,
    trusts: Callable[[str], bool] = lambda distribution: True,
    clock: Callable[[], float] = time.perf_counter,
) -> Discovery:
    """Loads every plugin and collects its specs, in the order of (distribution, name).

    :param found: entry points to look at; those of all installed distributions unless given.
    :param trusts: whether plugins of a distribution are imported at all; the others are treated as absent.
    :param clock: gives seconds.
    """
    points = [point for point in found or () if point.group.startswith(hookspecs.ENTRY_POINT_PREFIX)]
    if found is None:
        installed = entry_points()
        groups = [group for group in installed.groups if group.startswith(hookspecs.ENTRY_POINT_PREFIX)]
        points = [point for group in groups for point in installed.select(group=group)]
    candidates = sorted(
        ((provider_of(point), point) for point in points), key=lambda pair: (pair[0].distribution, pair[0].plugin)
    )
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    providers: list[Provider] = []
    contributions: list[Contribution[Any]] = []
    failures: list[PluginFailure] = []
    seconds: dict[Provider, float] = {}
    for provider, point in candidates:
        if not trusts(provider.distribution):
            continue
        taken = {(c.word, c.canonical_id): c.provider for c in contributions}
        given: list[Contribution[Any]] = []
        stage = "api version"
        started = clock()
        try:
            if point.group != hookspecs.ENTRY_POINT_GROUP:
                message = (
                    f"it is written for {point.group}, and this is {hookspecs.ENTRY_POINT_GROUP}: "
                    "install a release of it for this version of mmr-bench"
                )
                raise _Refusal(message)
            stage = "import"
            plugin = point.load()
            stage = "registration"
            _demand_hooks(plugin)
            manager.register(plugin, name=f"{provider.distribution}/{provider.plugin}")
            for hook, implementation in _implementations(manager, plugin):
                stage = hook
                for spec in implementation():
                    given.append(_checked(HOOKS[hook], spec, provider, taken))
        except (Exception, SystemExit) as error:
            reason = " ".join(str(error).split())
            if not isinstance(error, _Refusal):
                reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
            failure = PluginFailure(
                provider=provider,
                stage=stage,
                reason=reason,
                traceback="".join(traceback.format_exception(error)),
                given=tuple(given),
            )
            failures.append(failure)
        else:
            providers.append(provider)
            contributions += given
        seconds[provider] = clock() - started
    return Discovery(
        providers=tuple(providers), contributions=tuple(contributions), failures=tuple(failures), seconds=seconds
    )


def provider_of(point: EntryPoint) -> Provider:
    """Names the distribution behind an entry point, in the normal form of package names."""
    distribution = point.dist
    if distribution is None:
        return Provider(plugin=point.name, distribution="unknown", version="unknown")
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "unknown").lower()
    return Provider(plugin=point.name, distribution=name, version=distribution.version or "unknown")


def _demand_hooks(plugin: object) -> None:
    for name in dir(plugin):
        member = getattr(plugin, name, None)
        marked = hasattr(member, f"{hookspecs.PROJECT}_impl")
        unmarked = name.startswith("mmr_register_") and callable(member) and not marked
        if marked and name not in HOOKS:
            raise _Refusal(f"there is no hook {name!r}{did_you_mean(name, HOOKS)}")
        if unmarked and not hasattr(member, f"{hookspecs.PROJECT}_spec"):
            raise _Refusal(f"{name!r} is not marked with @hookimpl of mmr_core.hookspecs")


def _implementations(manager: pluggy.PluginManager, plugin: object) -> list[tuple[str, Callable[[], Iterable[Any]]]]:
    return [
        (hook, implementation.function)
        for hook in HOOKS
        for implementation in getattr(manager.hook, hook).get_hookimpls()
        if implementation.plugin is plugin
    ]


def _checked(hook: Hook, spec: Any, provider: Provider, taken: dict[tuple[str, str], Provider]) -> Contribution[Any]:
    if not isinstance(spec, hook.spec_type) or getattr(spec, "kind", None) != hook.kind:
        expected = f"a {hook.spec_type.__name__}" + (f" of kind {hook.kind!r}" if hook.kind else "")
        raise _Refusal(f"expected {expected}, got {spec!r}")
    contribution: Contribution[Any] = Contribution(word=hook.word, spec=spec, provider=provider)
    key = (hook.word, contribution.canonical_id)
    if key in taken:
        raise _Refusal(f"{hook.word} {contribution.canonical_id!r} is already provided by {taken[key]}")
    taken[key] = provider
    return contribution


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ ", did you mean 'a' or 'b'?" for the closest known names; empty where nothing is close."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f", did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
