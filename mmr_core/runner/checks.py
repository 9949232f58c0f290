"""What to know of an outcome table before trusting results on it: `mmr data check`.

Each check looks at one thing and says what it found; none changes or repairs anything. An error is something on
which an evaluation stops or has no meaning, a warning something that it leaves out or that is probably a mistake,
a note something that explains results. Files of a store are verified when the table is read, not here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmr_core.contracts import Progress, no_progress
from mmr_core.features.images import ImageFile, inspect_images
from mmr_core.runner.prepare import TOLERATED
from mmr_core.splits import train_mask, validation_mask

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

COST_GAP = 10.0
"""How many times dearer than the second a model must be to be said to stretch the cost axis."""
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class TableFinding:
    """One thing found.

    :param code: names the check; stable across versions.
    :param place: the dataset, model or part of the table that it is about.
    :param text: what was found, in one clause.
    :param count: how many instances, files or models it concerns.
    :param examples: the first few of them.
    """

    severity: Severity
    code: str
    place: str
    text: str
    count: int
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return {**asdict(self), "examples": list(self.examples)}


def check(table: OutcomeTable, *, progress: Progress = no_progress) -> list[TableFinding]:
    """Everything found, errors first; every image file is read."""
    files = inspect_images([path for path in table.image if path is not None], progress=progress)
    found = [finding for look in _CHECKS for finding in look(table, files)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


Images = dict["Path", ImageFile]


def _models(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """Routing needs a choice."""
    if len(table.models) < 2:
        names = tuple(model.name for model in table.models)
        yield TableFinding(
            severity="error",
            code="too-few-models",
            place="pool",
            text="routing needs at least two models",
            count=len(names),
            examples=names,
        )


def _parts(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """The frozen split can leave a part of a small dataset empty."""
    for name, rows in _by_dataset(table):
        ids = table.instance_id[rows]
        train = train_mask([name] * len(rows), ids)
        validation = validation_mask([name] * len(rows), ids)
        for part, size in (("train", train.sum()), ("test", (~train).sum()), ("validation", validation.sum())):
            if size == 0:
                yield TableFinding(
                    severity="warning" if part == "validation" else "error",
                    code="empty-part",
                    place=f"dataset {name}",
                    text=f"none of its {len(rows)} instances is in the {part} part of the split",
                    count=len(rows),
                )


def _missing(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """Missing outcomes take instances out of the evaluation, and too many stop it."""
    absent = np.isnan(table.utility) | np.isnan(table.cost)
    for name, rows in _by_dataset(table):
        for j, model in enumerate(table.models):
            gone = rows[absent[rows, j]]
            if len(gone):
                yield TableFinding(
                    severity="note",
                    code="missing-outcomes",
                    place=f"dataset {name}, model {model.name}",
                    text=f"{len(gone) / len(rows):.1%} of the outcomes are missing",
                    count=len(gone),
                    examples=_examples(table.instance_id[gone]),
                )
        tests = rows[~train_mask(table.dataset[rows], table.instance_id[rows])]
        incomplete = tests[~table.complete[tests]]
        share = len(incomplete) / max(len(tests), 1)
        if len(tests) and len(incomplete) == len(tests):
            severity: Severity = "error"
            text = "no test instance has the outcomes of all models"
        elif share > TOLERATED:
            severity = "warning"
            text = (
                f"{share:.1%} of the test instances are incomplete; without --allow-incomplete, 'mmr run' refuses them"
            )
        else:
            continue
        yield TableFinding(
            severity=severity,
            code="incomplete-tests",
            place=f"dataset {name}",
            text=text,
            count=len(incomplete),
            examples=_examples(table.instance_id[incomplete]),
        )


def _queries(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """A query without text is fine if it has an image."""
    no_text = np.array([not question.strip() for question in table.question], dtype=bool)
    no_image = np.array([path is None for path in table.image], dtype=bool)
    for name, rows in _by_dataset(table):
        nothing, imaged = rows[(no_text & no_image)[rows]], rows[(no_text & ~no_image)[rows]]
        if len(nothing):
            yield TableFinding(
                severity="warning",
                code="empty-query",
                place=f"dataset {name}",
                text="instances have neither a question nor an image",
                count=len(nothing),
                examples=_examples(table.instance_id[nothing]),
            )
        if len(imaged):
            yield TableFinding(
                severity="note",
                code="empty-question",
                place=f"dataset {name}",
                text="instances have an image and no question",
                count=len(imaged),
                examples=_examples(table.instance_id[imaged]),
            )


def _image_files(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """An image that cannot be read stops an encoder."""
    for name, rows in _by_dataset(table):
        paths = dict.fromkeys(path for path in table.image[rows] if path is not None)
        broken = [path for path in paths if images[path].fault]
        absent = [path for path in broken if not path.exists()]
        unreadable = [path for path in broken if path.exists()]
        for code, text, concerned in (
            ("absent-image", "image files are absent", absent),
            ("unreadable-image", "image files cannot be read", unreadable),
        ):
            if concerned:
                yield TableFinding(
                    severity="error",
                    code=code,
                    place=f"dataset {name}",
                    text=f"{text}, of {len(paths)}",
                    count=len(concerned),
                    examples=_examples(concerned),
                )


def _sizes(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """A published dataset has a known number of instances."""
    for name, rows in _by_dataset(table):
        expected = table.spec_of(name).expected_instances
        if expected is not None and expected != len(rows):
            yield TableFinding(
                severity="note" if table.synthetic else "warning",
                code="instance-count",
                place=f"dataset {name}",
                text=f"the published dataset has {expected} instances",
                count=len(rows),
            )


def _utilities(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """A model that is always equally good says nothing about routing, and may be a fault of the grading."""
    for name, rows in _by_dataset(table):
        for j, model in enumerate(table.models):
            known = table.utility[rows, j][~np.isnan(table.utility[rows, j])]
            if len(known) > 1 and (known == known[0]).all():
                yield TableFinding(
                    severity="warning",
                    code="constant-utility",
                    place=f"dataset {name}, model {model.name}",
                    text=f"the utility is {known[0]:g} on every instance",
                    count=len(known),
                )


def _training_costs(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """Costs are divided by the largest of the training split."""
    for name, rows in _by_dataset(table):
        train = rows[train_mask(table.dataset[rows], table.instance_id[rows])]
        if len(train) and not (table.cost[train] > 0).any():
            yield TableFinding(
                severity="error",
                code="no-training-cost",
                place=f"dataset {name}",
                text="no cost above zero is known in the training split",
                count=len(train),
            )


def _costs(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """Metrics live between the mean test costs of the cheapest and the dearest model."""
    for name, rows in _by_dataset(table):
        tests = rows[table.complete[rows] & ~train_mask(table.dataset[rows], table.instance_id[rows])]
        if len(table.models) < 2 or not len(tests):
            continue
        means = table.cost[tests].mean(axis=0)
        order = np.argsort(means, kind="stable")
        names, means = [table.models[j].name for j in order], means[order]
        if means[-1] <= means[0]:
            yield TableFinding(
                severity="error",
                code="equal-costs",
                place=f"dataset {name}",
                text="all models have the same mean cost, so there is nothing to trade off",
                count=len(names),
            )
            continue
        tied = [f"{names[k]} and {names[k + 1]}" for k in np.flatnonzero(means[1:] == means[:-1])]
        if tied:
            yield TableFinding(
                severity="note",
                code="tied-costs",
                place=f"dataset {name}",
                text="models have the same mean cost",
                count=len(tied),
                examples=_examples(tied),
            )
        if means[-1] >= COST_GAP * means[-2]:
            factor = " and ".join(
                f"{means[-1] / other:.3g} times the {rank}"
                for rank, other in (("second dearest", means[-2]), ("cheapest", means[0]))
                if other > 0
            )
            yield TableFinding(
                severity="note",
                code="dominating-cost",
                place=f"dataset {name}, model {names[-1]}",
                text=f"its mean cost is {factor or 'the only one above zero'}, so it makes most of the cost axis",
                count=1,
            )


def _leaks(table: OutcomeTable, images: Images) -> Iterator[TableFinding]:
    """The same query on both sides of the split can be learnt by heart."""
    in_train = train_mask(table.dataset, table.instance_id)
    alike: dict[tuple[str, object], list[int]] = defaultdict(list)
    for i, (question, path) in enumerate(zip(table.question, table.image, strict=True)):
        if question.strip() or path is not None:
            alike[(question.strip(), None if path is None else images[path].digest or path)].append(i)
    leaks = [rows for rows in alike.values() if len({bool(in_train[i]) for i in rows}) == 2]
    if leaks:
        yield TableFinding(
            severity="note",
            code="duplicate-across-split",
            place="split",
            text="queries of the test split are also in the training split, question and image",
            count=sum(int((~in_train[rows]).sum()) for rows in leaks),
            examples=_examples(" and ".join(table.instance_id[rows[:2]]) for rows in leaks),
        )


_CHECKS: Sequence[Callable[[OutcomeTable, Images], Iterator[TableFinding]]] = (
    _models,
    _parts,
    _missing,
    _queries,
    _image_files,
    _sizes,
    _utilities,
    _training_costs,
    _costs,
    _leaks,
)


def _by_dataset(table: OutcomeTable) -> list[tuple[str, NDArray[np.intp]]]:
    return [(name, np.flatnonzero(table.dataset == name)) for name in table.dataset_names]


def _examples(things: Any) -> tuple[str, ...]:
    return tuple(str(thing) for thing, _ in zip(things, range(_EXAMPLES), strict=False))
