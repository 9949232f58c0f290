"""From a name to the checks of what it names: the implementation of `mmr plugins check`.

A name is that of a component, or of a distribution, which stands for everything that it provides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mmr_core.errors import PluginError, UnknownNameError, UsageError
from mmr_core.plugins import Contribution, did_you_mean
from mmr_core.registry import Registry, Shelf
from mmr_core.specs import Kind
from mmr_core.testing.contract_check import Check, Outcome, run_check
from mmr_core.testing.encoder_checks import ENCODER_CHECKS
from mmr_core.testing.fusion_checks import FUSION_CHECKS
from mmr_core.testing.importer_checks import IMPORTER_CHECKS
from mmr_core.testing.router_checks import ROUTER_CHECKS
from mmr_core.testing.shared_checks import LISTING_CHECK, check_parameters
from mmr_core.testing.spec_checks import DATASET_CHECKS, MODEL_CHECKS
from mmr_core.testing.subjects import FactSubject, Subject, named

_STUDY_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        name="parameters",
        rule="every parameter can be set by keyword, has a usable default, and is named in the docstring",
        contract="mmr_core.studies.Study",
        look=check_parameters,
    ),
    LISTING_CHECK,
)

CHECKS: Mapping[str, tuple[Check[Any], ...]] = {
    "router": ROUTER_CHECKS,
    "encoder": ENCODER_CHECKS,
    "fusion": FUSION_CHECKS,
    "importer": IMPORTER_CHECKS,
    "dataset": DATASET_CHECKS,
    "model": MODEL_CHECKS,
    "study": _STUDY_CHECKS,
}
"""The checks of each kind, in the order they run in: an early failure explains later ones."""

FACTS = ("dataset", "model")


@dataclass(frozen=True, kw_only=True)
class Target:
    """One component to check.

    :param word: its kind.
    """

    word: str
    contribution: Contribution[Any]

    @property
    def checks(self) -> tuple[Check[Any], ...]:
        """The checks for its kind."""
        return CHECKS[self.word]


def targets(name: str, registry: Registry, kind: str | None = None) -> list[Target]:
    """What a name stands for: one component, or everything that a distribution provides.

    :param kind: needed if a name belongs to several kinds, for instance to a router and to a dataset.
    :raises UsageError: if there is no such kind, or it is needed and not given.
    :raises UnknownNameError: if nothing has the name.
    :raises PluginError: if the name belongs to a plugin that failed.
    """
    if kind is not None and kind not in CHECKS:
        raise UsageError(
            f"{kind!r} is not a kind that can be checked{did_you_mean(kind, CHECKS)}",
            fix=f"use one of {', '.join(CHECKS)}",
        )
    words = tuple(CHECKS) if kind is None else (kind,)
    found = [Target(word=word, contribution=one) for word in words for one in _named(word, name, registry)]
    if len({target.word for target in found}) > 1:
        kinds = ", ".join(target.word for target in found)
        raise UsageError(
            f"{name!r} exists in several kinds: {kinds}", fix=f"choose one, such as --kind {found[0].word}"
        )
    return found or _of_distribution(name, registry, words)


def _named(word: str, name: str, registry: Registry) -> Iterator[Contribution[Any]]:
    """The contribution of this kind with this name, if there is one."""
    mine = [one for one in registry.discovery.contributions if one.word == word and _protocol(one) == "paper"]
    if not any(name in (one.spec.name, one.canonical_id) for one in mine):
        return
    canonical_id = _shelf(word, registry).find(name).canonical_id
    yield from (one for one in mine if one.canonical_id == canonical_id)


def _shelf(word: str, registry: Registry) -> Shelf[Any]:
    facts: dict[str, Shelf[Any]] = {"dataset": registry.datasets, "model": registry.models}
    return facts[word] if word in facts else registry.components(cast("Kind", word))


def _of_distribution(name: str, registry: Registry, words: tuple[str, ...]) -> list[Target]:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    failures = [
        one
        for one in registry.failures
        if one.provider.distribution == normal
        or name.startswith(f"{one.provider.distribution}/")
        or any(name in (given.spec.name, given.canonical_id) for given in one.given)
    ]
    if failures:
        raise PluginError(str(failures[0]), details=failures[0].traceback)
    found = [
        Target(word=one.word, contribution=one)
        for one in registry.discovery.contributions
        if one.provider.distribution == normal and one.word in words and _protocol(one) == "paper"
    ]
    if found:
        return found
    known = [
        *(one.spec.name for one in registry.discovery.contributions if one.word in words),
        *(one.distribution for one in registry.discovery.providers),
    ]
    left_out = ", ".join(one.provider.distribution for one in registry.failures)
    what = "component" if len(words) > 1 else words[0]
    raise UnknownNameError(
        f"no {what} or distribution {name!r}{did_you_mean(name, dict.fromkeys(known))}",
        fix="see 'mmr plugins list'" + (f"; plugins of {left_out} failed to load" if left_out else ""),
    )


def check_target(
    target: Target,
    registry: Registry,
    workspace: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    example: Path | None = None,
) -> Iterator[Outcome]:
    """Runs the checks of one component, in turn.

    :param parameters: to create it with, besides its defaults.
    :param example: a file or folder in an importer's format.
    :raises UsageError: if it takes no parameters, the example does not exist, or an extra is missing.
    """
    if target.word in FACTS and parameters:
        raise UsageError(f"a {target.word} has no parameters", fix="leave --set out")
    if example is not None and not example.exists():
        raise UsageError("no such file or folder", where=f"example {example}", fix="give a path that exists")
    subject: Subject | FactSubject
    if target.word in FACTS:
        subject = fact(target.contribution, registry, workspace)
    else:
        subject = named(
            target.word,
            target.contribution.canonical_id,
            registry,
            workspace,
            parameters=parameters,
            example=example,
        )
        if parameters:
            try:
                subject.make()
            except UsageError:
                raise  # the parameters are wrong, which is not the component's fault
            except Exception:
                pass  # the checks will find it
    for check in target.checks:
        yield run_check(check, subject)


def fact(contribution: Contribution[Any], registry: Registry, workspace: Path) -> FactSubject:
    """The subject for a dataset or a model."""
    return FactSubject(
        word=contribution.word,
        label=contribution.canonical_id,
        contribution=contribution,
        registry=registry,
        workspace=workspace,
    )


def _protocol(contribution: Contribution[Any]) -> str:
    return str(getattr(contribution.spec, "protocol", "paper"))
