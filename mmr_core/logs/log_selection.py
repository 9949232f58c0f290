"""Which records of each (dataset, model) become cells: what the user chose with `--select`, and what is left to ask.

Records of a cell may differ in run, judge, filter, metric, scorer and repeat. Where all records of a dataset and
model agree in one of these, there is nothing to choose; where they differ, only the user decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmr_core.errors import UsageError
from mmr_core.logs.log_records import AXES
from mmr_core.logs.log_source import Question
from mmr_core.plugins import did_you_mean

if TYPE_CHECKING:
    from mmr_core.logs.log_names import LogNames
    from mmr_core.logs.survey import Found, Survey


AGAIN = "duplicates"
"""The key that says which of several records of one cell counts, where nothing else tells them apart."""
LATEST = "latest"
NONE = "none"
"""What an axis without a value is called when a person chooses it."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One `--select`. The scope is "", a dataset, a model, or `dataset/model`."""

    key: str
    scope: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}{f':{self.scope}' if self.scope else ''}={self.value}"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All that was chosen.

    :param choices: for the axes in which records of one cell differ.
    :param settings: for the importer's own questions.
    """

    choices: tuple[Choice, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def values(self, key: str, scopes: Sequence[Collection[str]]) -> list[str]:
        """The values chosen for a key in the narrowest scope that has any.

        :param scopes: the spellings of each scope that applies, the narrowest first.
        """
        chosen = ([c.value for c in self.choices if c.key == key and c.scope in some] for some in (*scopes, {""}))
        return next((values for values in chosen if values), [])


def parse_selection(words: Sequence[str], settings: Mapping[str, str]) -> Selection:
    """The selection in the words behind `--select`.

    :param settings: the keys of the importer's own, which take no scope.
    :raises UsageError: if a word is not `key=value`, its key is unknown, or a setting is given twice.
    """
    choices: list[Choice] = []
    own: dict[str, str] = {}
    keys = (*AXES, AGAIN, *settings)
    for word in words:
        name, equals, value = word.partition("=")
        key, _, scope = name.partition(":")
        if not equals or not value:
            raise UsageError(f"{word!r} selects nothing", where="--select", fix="write --select key=value")
        if key not in keys:
            raise UsageError(
                f"there is no {key!r} to select{did_you_mean(key, keys)}",
                where="--select",
                fix=f"known here are: {', '.join(keys)}",
            )
        if key not in settings:
            choices.append(Choice(key=key, scope=scope, value=value))
        elif scope or key in own:
            fault = "a scope" if scope else "twice"
            raise UsageError(f"{key!r} is given {fault}", where="--select", fix=f"write --select {key}=value once")
        else:
            own[key] = value
    return Selection(choices=tuple(choices), settings=own)


Pair = tuple[str, str]
MEAN, FIRST, LAST = "mean", "first", "last"
_WHY = {
    "run": "several runs",
    "judge": "several judges",
    "filter": "several ways of extracting the answer",
    "metric": "several metrics",
    "scorer": "several scoring rules or prompts",
    "repeat": "several attempts at each instance",
    AGAIN: "several records of one cell, with nothing to tell them apart",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class ChosenGroups:
    """What was chosen of each (dataset, model), in the kit's names, and what is still open.

    :param groups: the groups that become cells: one, or one per repeat where the mean is taken.
    :param averaged: the pairs whose repeats are averaged.
    :param last: the pairs in which the last of several records of a cell counts, rather than the first.
    :param open: what is to be chosen before anything can be imported.
    """

    groups: Mapping[Pair, Sequence[Found]]
    averaged: frozenset[Pair]
    last: frozenset[Pair]
    open: tuple[Question, ...]


def choose(survey: Survey, names: LogNames, selection: Selection) -> ChosenGroups:
    """Applies a selection to what a survey found.

    Of the choices for a key, those of the narrowest scope count. A choice decides wherever it fits and leaves alone
    where it does not; fitting nowhere in its scope is an error.

    :raises UsageError: if a choice fits nothing.
    """
    unsettled: list[tuple[Pair, str, list[Found]]] = []
    groups: dict[Pair, Sequence[Found]] = {}
    averaged, last = set(), set()
    pairs = survey.pairs()
    _demand_all_fit(selection.choices, pairs, names)
    for pair, found in pairs.items():
        scopes = _scopes(pair, names)
        for axis in AXES[:-1]:
            found = _narrowed(found, axis, selection.values(axis, scopes))
        differing = [axis for axis in AXES[:-1] if len({_label(one, axis) for one in found}) > 1]
        repeats = sorted({one.group.repeat for one in found})
        if len(repeats) > 1:
            wanted = selection.values("repeat", scopes)
            if wanted == [MEAN]:
                averaged.add(pair)
            elif len(wanted) == 1 and (FIRST in wanted or wanted[0] in map(str, repeats)):
                number = repeats[0] if FIRST in wanted else int(wanted[0])
                found = [one for one in found if one.group.repeat == number]
            else:
                differing.append("repeat")
        if any(one.again for one in found):
            which = selection.values(AGAIN, scopes)
            if which == [LAST]:
                last.add(pair)
            elif which != [FIRST]:
                differing.append(AGAIN)
        groups[pair] = found
        unsettled.extend((pair, axis, found) for axis in differing)
    return ChosenGroups(
        groups=groups,
        averaged=frozenset(averaged),
        last=frozenset(last),
        open=tuple(_questions(unsettled, names)),
    )


def _label(found: Found, axis: str) -> str:
    return str(getattr(found.group, axis)) or NONE


def _narrowed(found: list[Found], axis: str, values: list[str]) -> list[Found]:
    there = [_label(one, axis) for one in found]
    wanted = {max(there) if axis == "run" and value == LATEST else value for value in values}
    return [one for one in found if _label(one, axis) in wanted] or found


def _scopes(pair: Pair, names: LogNames) -> list[set[str]]:
    datasets = {pair[0], names.datasets[pair[0]].name}
    models = {pair[1], names.models[pair[1]].name}
    return [{f"{dataset}/{model}" for dataset in datasets for model in models}, models, datasets]


def _shown(pair: Pair, names: LogNames) -> str:
    return f"{names.datasets[pair[0]].name}/{names.models[pair[1]].name}"


def _demand_all_fit(choices: Iterable[Choice], pairs: Mapping[Pair, Sequence[Found]], names: LogNames) -> None:
    for choice in choices:
        there: dict[str, None] = {}
        scope_fits = not choice.scope
        for pair, found in pairs.items():
            if choice.scope and not any(choice.scope in spellings for spellings in _scopes(pair, names)):
                continue
            scope_fits = True
            there.update(dict.fromkeys(_candidates(choice.key, found)))
        if not scope_fits:
            raise UsageError(
                f"there is no dataset, model, or dataset/model {choice.scope!r}",
                where=f"--select {choice}",
                fix=f"there are: {', '.join(_shown(pair, names) for pair in pairs)}",
            )
        if choice.value not in there:
            raise UsageError(
                f"there is no {choice.key} {choice.value!r}",
                where=f"--select {choice}",
                fix=f"there are: {', '.join(there)}",
            )


def _candidates(key: str, found: Sequence[Found]) -> list[str]:
    """Everything that may be chosen of a key, whether there is a choice or not."""
    if key == AGAIN:
        return [FIRST, LAST]
    labels = list(dict.fromkeys(_label(one, key) for one in found))
    return {"run": [*labels, LATEST], "repeat": [MEAN, FIRST, *labels]}.get(key, labels)


def _questions(unsettled: Sequence[tuple[Pair, str, list[Found]]], names: LogNames) -> Iterable[Question]:
    """One question per axis and set of candidates, with the widest scope in which the candidates are the same."""
    for axis in dict.fromkeys(axis for _, axis, _ in unsettled):
        asked = {pair: found for pair, key, found in unsettled if key == axis}
        alike = {pair: frozenset(_candidates(axis, found)) for pair, found in asked.items()}
        for scope, pairs in _grouped(alike, names).items():
            found = [one for pair in pairs for one in asked[pair]]
            yield Question(
                key=f"{axis}{f':{scope}' if scope else ''}", candidates=_remarks(axis, found), why=_WHY[axis]
            )


def _grouped(alike: Mapping[Pair, frozenset[str]], names: LogNames) -> dict[str, list[Pair]]:
    if len(set(alike.values())) == 1:
        return {"": list(alike)}
    for position, specs in ((0, names.datasets), (1, names.models)):
        by_name: dict[str, list[Pair]] = {}
        for pair in alike:
            by_name.setdefault(specs[pair[position]].name, []).append(pair)
        if all(len({alike[pair] for pair in pairs}) == 1 for pairs in by_name.values()):
            return by_name
    return {_shown(pair, names): [pair] for pair in alike}


def _remarks(axis: str, found: Sequence[Found]) -> dict[str, str]:
    if axis == AGAIN:
        remark = f"{sum(one.again for one in found)} records more than cells"
        return {FIRST: remark, LAST: remark}
    remarks = {}
    for label in _candidates(axis, found):
        of_label = [one for one in found if _label(one, axis) == label]
        if of_label:
            remarks[label] = _remark(of_label)
        elif label == MEAN:
            remarks[label] = "of the known ones of each instance"
        else:
            remarks[label] = "the first" if label == FIRST else "the last by name, of each dataset and model"
    return remarks


def _remark(found: Sequence[Found]) -> str:
    scored = sum(one.scored for one in found)
    remark = f"{sum(one.cells for one in found)} cells"
    if scored:
        remark += f", mean {sum((one.mean or 0.0) * one.scored for one in found) / scored:.4f}"
    beyond = sum(one.outside for one in found)
    return remark + (f", {beyond} outside [0, 1]" if beyond else "")
