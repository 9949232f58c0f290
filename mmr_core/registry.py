"""Names for everything that plugins provide: from what a person types to a spec, and from a spec to a class.

Every component has a canonical id, `distribution/name`. A short name works while it is unique; the names of the
built-ins are reserved, so no plugin can take one over. Asking for something of a plugin that failed is an error that
shows the plugin's own traceback.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any, Generic, cast

from mmr_core.errors import MissingExtraError, MMRError, PluginError, UnknownNameError, UsageError
from mmr_core.plugins import HOME, Contribution, Discovery, PluginFailure, SpecT, did_you_mean, discover
from mmr_core.specs import CommandSpec, ComponentSpec, DatasetSpec, Kind, ModelSpec, Protocol


class Shelf(Generic[SpecT]):
    """All components of one kind, by name."""

    def __init__(self, word: str, items: Sequence[Contribution[SpecT]], failures: Sequence[PluginFailure]) -> None:
        self.word = word
        self._items: tuple[Contribution[SpecT], ...] = tuple(items)
        self._failures = tuple(failures)

    def specs(self) -> list[Contribution[SpecT]]:
        """Everything on the shelf, in the order of discovery."""
        return list(self._items)

    def all(self) -> tuple[SpecT, ...]:
        """The bare specs, in the order of discovery."""
        return tuple(item.spec for item in self._items)

    def names(self) -> list[str]:
        """What to type for each item: the short name where it is enough, else the canonical id."""
        return [self.label(item) for item in self._items]

    def label(self, item: Contribution[SpecT]) -> str:
        """The shortest name that finds the item again."""
        return item.name if self._by_short_name(item.name) == [item] else item.canonical_id

    def find(self, name: str) -> Contribution[SpecT]:
        """The item that a person means.

        :raises UnknownNameError: if nothing, or more than one thing, has the name.
        :raises PluginError: if the name belongs to a plugin that failed.
        """
        exact = [item for item in self._items if item.canonical_id == name]
        matches = exact or self._by_short_name(name)
        if len(matches) == 1:
            return matches[0]
        if matches:
            providers = " and ".join(f"{item.canonical_id!r} ({item.provider})" for item in matches)
            raise UnknownNameError(
                f"{self.word} {name!r} is ambiguous: {providers} provide it",
                fix="use its full name",
            )
        self._demand_no_failed_plugin(name)
        known = [item.canonical_id if "/" in name else item.name for item in self._items]
        raise UnknownNameError(
            f"unknown {self.word} {name!r}{did_you_mean(name, known)}",
            fix=f"known are: {', '.join(self.names()) or 'none'}{self._failure_note()}",
        )

    def _by_short_name(self, name: str) -> list[Contribution[SpecT]]:
        matches = [item for item in self._items if item.name == name]
        reserved = [item for item in matches if item.provider.distribution == HOME]
        return reserved or matches

    def _demand_no_failed_plugin(self, name: str) -> None:
        for failure in self._failures:
            gave = any(c.word == self.word and name in (c.spec.name, c.canonical_id) for c in failure.given)
            if gave or name.startswith(f"{failure.provider.distribution}/"):
                raise PluginError(f"{self.word} {name!r} is not available: {failure}", details=failure.traceback)

    def _failure_note(self) -> str:
        if not self._failures:
            return ""
        left_out = ", ".join(failure.provider.distribution for failure in self._failures)
        return f"; plugins of {left_out} failed to load and may provide it: see 'mmr plugins list'"


class ComponentShelf(Shelf[ComponentSpec]):
    """Components that stand for a class."""

    def default(self) -> Contribution[ComponentSpec]:
        """The built-in that is used when none is named.

        :raises UnknownNameError: if no built-in calls itself the default.
        """
        for item in self._items:
            if item.spec.is_default and item.provider.distribution == HOME:
                return item
        raise UnknownNameError(f"there is no default {self.word}", fix="name one")

    def load(self, name: str) -> type[Any]:
        """Imports the class behind a name.

        :raises MissingExtraError: if the component needs an extra that is not installed.
        :raises PluginError: if importing it fails in any other way.
        """
        item = self.find(name)
        module_name, _, class_name = item.spec.target.partition(":")
        try:
            target = getattr(importlib.import_module(module_name), class_name)
        except (Exception, SystemExit) as error:
            raise self._loading_error(item, error) from error
        return cast("type[Any]", target)

    def create(self, name: str, **parameters: Any) -> Any:
        """Makes an instance with the spec's defaults, overridden by the given parameters.

        :raises UsageError: if the class has no such parameter.
        :raises PluginError: if making it fails.
        """
        factory = self.load(name)
        item = self.find(name)
        arguments = {**item.spec.defaults, **parameters}
        known = settable(factory)
        strange = [parameter for parameter in arguments if parameter not in known]
        takes_anything = inspect.getfullargspec(factory).varkw is not None
        if strange and not takes_anything:
            raise UsageError(
                f"{self.word} {name!r} has no parameter {strange[0]!r}{did_you_mean(strange[0], known)}",
                fix=f"it has: {', '.join(known) or 'none'}",
            )
        try:
            return factory(**arguments)
        except MMRError:
            raise
        except (Exception, SystemExit) as error:
            raise self._loading_error(item, error) from error

    def parameters(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter a component runs with: those given, the spec's defaults, the class's own defaults."""
        item = self.find(name)
        own = settable(self.load(name))
        return {**own, **item.spec.defaults, **given}

    def _loading_error(self, item: Contribution[ComponentSpec], error: BaseException) -> MMRError:
        spec = item.spec
        own_package, _, _ = spec.target.partition(":")[0].partition(".")
        missing, _, _ = (getattr(error, "name", None) or "").partition(".")
        if spec.extra and isinstance(error, ModuleNotFoundError) and missing != own_package:
            needs = spec.needs or f"the extra {spec.extra!r}"
            return MissingExtraError(
                f"{self.word} {spec.name!r} needs {needs}: pip install '{item.provider.distribution}[{spec.extra}]'"
            )
        reason = f"{type(error).__name__}: {error}"
        return PluginError(
            f"{self.word} {item.canonical_id!r} cannot be made: {reason}",
            where=str(item.provider),
            details="".join(traceback.format_exception(error)),
        )


class Registry:
    """Everything that the installed plugins provide.

    :param discovery: what was found.
    """

    def __init__(self, discovery: Discovery) -> None:
        self.discovery = discovery
        self.datasets: Shelf[DatasetSpec] = Shelf("dataset", self._gather("dataset"), self.failures)
        self.models: Shelf[ModelSpec] = Shelf("model", self._gather("model"), self.failures)
        self.commands: Shelf[CommandSpec] = Shelf("command", self._gather("command"), self.failures)
        self.encoders = self.components("encoder")
        self.fusions = self.components("fusion")
        self.routers = self.components("router")
        self.importers = self.components("importer")
        self.studies = self.components("study")

    @classmethod
    def discover(
        cls,
        *,
        found: Sequence[EntryPoint] | None = None,
        trusts: Callable[[str], bool] = lambda distribution: True,
    ) -> Registry:
        """The registry of all installed plugins, or of those whose distribution is trusted."""
        return cls(discover(found, trusts=trusts))

    def with_defaults(self, parameters: Mapping[str, Mapping[str, Any]]) -> Registry:
        """A registry that makes some encoders, fusions and routers with other defaults.

        :param parameters: by the names under which this registry finds them; other names are passed over.
        """
        changed: dict[tuple[str, str], ComponentSpec] = {}
        for shelf in (self.encoders, self.fusions, self.routers):
            for item in shelf.specs():
                given = parameters.get(shelf.label(item), {})
                defaults = {**item.spec.defaults, **given}
                changed[shelf.word, item.canonical_id] = replace(item.spec, defaults=defaults)
        contributions = tuple(
            replace(one, spec=changed.get((one.word, one.canonical_id), one.spec))
            for one in self.discovery.contributions
        )
        return Registry(replace(self.discovery, contributions=contributions))

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """The plugins that were left out."""
        return self.discovery.failures

    def components(self, kind: Kind, protocol: Protocol = "paper") -> ComponentShelf:
        """The components of one kind that belong to one evaluation protocol."""
        items: list[Contribution[ComponentSpec]] = [
            item for item in self._gather(kind) if item.spec.protocol == protocol
        ]
        return ComponentShelf(kind, items, self.failures)

    def find_dataset(self, name: str) -> Contribution[DatasetSpec]:
        """A dataset by its name, its canonical id, or one of its aliases, whose case does not matter.

        :raises UnknownNameError: if there is none.
        """
        wanted = name.casefold()
        for item in self.datasets.specs():
            if any(wanted == alias.casefold() for alias in (item.name, *item.spec.aliases)):
                return item
        return self.datasets.find(name)

    def _gather(self, word: str) -> list[Contribution[Any]]:
        return [item for item in self.discovery.contributions if item.word == word]


def settable(factory: Callable[..., Any]) -> dict[str, Any]:
    """The keyword parameters of a class with their defaults; a parameter without one maps to None."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        name: None if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind in named
    }
