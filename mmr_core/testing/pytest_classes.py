"""The checks as test classes for pytest, one per kind; inherit from one and say what to test.

    from mmr_core.testing import RouterConformance

    class TestMine(RouterConformance):
        name = "mine"

Every check becomes a test: `TestMine.test_finite_answers`, and so on. Override one to replace it. pytest itself is not
imported; the classes work with anything that calls `setup_class` and `test_*` methods.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mmr_core.errors import UsageError
from mmr_core.registry import Registry
from mmr_core.testing.contract_check import Check, NotApplicable, run_check
from mmr_core.testing.subjects import FactSubject, Subject, named, of_class
from mmr_core.testing.targets import CHECKS, FACTS, fact, targets

Class = TypeVar("Class", bound="type[Conformance]")


class Conformance:
    """The base of all the classes.

    :cvar name: the short name or canonical id of an installed component.
    :cvar parameters: parameters to create it with, besides its defaults: small sizes keep the tests quick.
    """

    word: ClassVar[str]
    name: ClassVar[str | None] = None
    parameters: ClassVar[Mapping[str, Any]] = {}
    _subject: ClassVar[Subject | FactSubject]
    _workspace: ClassVar[Path]

    @classmethod
    def setup_class(cls) -> None:
        """Finds the component and creates a folder for the checks to write to.

        :raises UsageError: if the test class sets neither a component's name nor its class.
        """
        cls._workspace = Path(tempfile.mkdtemp(prefix="mmr-conformance-"))
        cls._subject = cls._made(Registry.discover())

    @classmethod
    def teardown_class(cls) -> None:
        """Removes the folder."""
        shutil.rmtree(cls._workspace, ignore_errors=True)

    @classmethod
    def _made(cls, registry: Registry) -> Subject | FactSubject:
        own = getattr(cls, cls.word, None)
        example = getattr(cls, "example", None)
        if own is not None:
            return of_class(cls.word, own, registry, cls._workspace, parameters=cls.parameters, example=example)
        if cls.name is None:
            raise UsageError(
                "does not say what to test",
                where=f"class {cls.__name__}",
                fix=f"set name to that of an installed {cls.word}"
                + ("" if cls.word in FACTS else f", or {cls.word} to its class"),
            )
        if cls.word in FACTS:
            (target,) = targets(cls.name, registry, cls.word)
            return fact(target.contribution, registry, cls._workspace)
        return named(cls.word, cls.name, registry, cls._workspace, parameters=cls.parameters, example=example)


def _test(check: Check[Any]) -> Callable[[Conformance], None]:
    def test(self: Conformance) -> None:
        outcome = run_check(check, self._subject)
        if outcome.verdict == "skipped":
            raise NotApplicable(outcome.note)
        if outcome.verdict == "failed":
            raise AssertionError(f"{self._subject.label}, {check.name}\n{outcome.explanation()}\n{outcome.details}")

    test.__name__ = f"test_{check.name.replace('-', '_')}"
    test.__doc__ = f"{check.rule[0].upper()}{check.rule[1:]}."
    return test


def _with_checks(kind: Class) -> Class:
    for check in CHECKS[kind.word]:
        method = _test(check)
        method.__qualname__ = f"{kind.__name__}.{method.__name__}"
        setattr(kind, method.__name__, method)
    return kind


@_with_checks
class RouterConformance(Conformance):
    """The checks of a router.

    :cvar router: its class, if it is not installed; otherwise set `name`.
    """

    word = "router"
    router: ClassVar[Any] = None


@_with_checks
class EncoderConformance(Conformance):
    """The checks of an encoder.

    :cvar encoder: its class, if it is not installed; otherwise set `name`.
    """

    word = "encoder"
    encoder: ClassVar[Any] = None


@_with_checks
class FusionConformance(Conformance):
    """The checks of a fusion.

    :cvar fusion: its class, if it is not installed; otherwise set `name`.
    """

    word = "fusion"
    fusion: ClassVar[Any] = None


@_with_checks
class ImporterConformance(Conformance):
    """The checks of an importer.

    :cvar importer: its class, if it is not installed; otherwise set `name`.
    :cvar example: a small file or folder in the format; without it, most checks are skipped.
    """

    word = "importer"
    importer: ClassVar[Any] = None
    example: ClassVar[Path | None] = None


@_with_checks
class DatasetConformance(Conformance):
    """The checks of a dataset, which must be installed."""

    word = "dataset"


@_with_checks
class ModelConformance(Conformance):
    """The checks of a candidate model, which must be installed."""

    word = "model"
