"""Keeps the generated sample in a cache folder, so that only the first use has to make it.

One folder holds one version of the recipe: `sample.json` with everything but pictures, the pictures, and `seal`, the
digest of `sample.json`, which in turn holds a digest of each dataset's pictures. The folder is made under another
name and renamed into place when it is complete, so nobody ever meets half of it, and of two processes that make it at
once one wins and both use the winner's. A damaged folder is moved aside and made anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_plugins.importers.synthetic.instances import (
    INSTANCES,
    RECIPES,
    Instance,
    Recipe,
    make_instances,
    parts_of_instances,
)
from mmr_plugins.importers.synthetic.outcome_model import CHARACTERS, draw_tokens, draw_utility, targets

if TYPE_CHECKING:
    from mmr_core.contracts import Progress

RECIPE_VERSION = 1
"""Goes up whenever the same key would give another question, picture or outcome."""

_TASK = "making the sample"
_TABLE, _SEAL = "sample.json", "seal"
_REPORT_EVERY = 50

Content = dict[str, dict[str, Any]]
"""By dataset: columns of equal length, by name."""


def open_sample(
    cache: Path, progress: Progress, warn: Callable[[str], None], *, instances: int = INSTANCES
) -> tuple[Path, Content]:
    """The folder of the sample and its content, made on first use.

    :param instances: how many each dataset has; another number is another sample, kept in another folder.
    :raises DataError: if it cannot be written.
    """
    folder = cache / f"sample-{RECIPE_VERSION}-{instances}"
    content = _load(folder)
    if content is not None:
        return folder, content
    if folder.exists():
        warn(f"{folder}: the kept sample is damaged and will be made anew")
    try:
        return folder, _make(cache, folder, progress, instances)
    except OSError as cause:
        raise DataError(
            f"the sample cannot be kept ({cause})", where=str(folder), fix="free some space, or choose another cache"
        ) from cause


def _make(cache: Path, folder: Path, progress: Progress, instances: int) -> Content:
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}-draft-", dir=cache))
    try:
        made = _write(draft, progress, instances)
        return _move_into_place(draft, folder, made)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move_into_place(draft: Path, folder: Path, made: Content) -> Content:
    """Renames the draft to its final name, unless another process has put a valid sample there."""
    theirs = _load(folder)
    if theirs is not None:
        return theirs
    aside = draft.with_name(f"{draft.name}-damaged")
    try:
        if folder.exists():
            folder.rename(aside)
        draft.rename(folder)
    except OSError:
        theirs = _load(folder)
        if theirs is None:
            raise
        return theirs
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return made


def _load(folder: Path) -> Content | None:
    """The content of a folder, or None where it is absent, damaged or incomplete."""
    try:
        raw = (folder / _TABLE).read_bytes()
        if (folder / _SEAL).read_text(encoding="utf-8") != _digest(raw):
            return None
        content: Content = json.loads(raw)
        for dataset, columns in content.items():
            if _digest_pictures(folder / dataset, columns["picture"]) != columns["pictures_digest"]:
                return None
    except (OSError, ValueError):
        return None
    return content


def _digest_pictures(folder: Path, names: list[str]) -> str:
    state = blake2b(digest_size=16)
    for name in filter(None, names):
        state.update((folder / name).read_bytes())
    return state.hexdigest()


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=16).hexdigest()


def _write(draft: Path, progress: Progress, count: int) -> Content:
    content: Content = {}
    total = count * len(RECIPES)
    for k, recipe in enumerate(RECIPES):

        def report(done: int, before: int = k * count) -> None:
            progress(_TASK, before + done, total)

        instances = make_instances(recipe, count)
        names = _paint(draft / recipe.dataset, instances, report)
        content[recipe.dataset] = {
            **describe(recipe, instances),
            "picture": names,
            "pictures_digest": _digest_pictures(draft / recipe.dataset, names),
        }
    raw = json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()
    (draft / _TABLE).write_bytes(raw)
    (draft / _SEAL).write_text(_digest(raw), encoding="utf-8")
    progress(_TASK, total, total)
    return content


def describe(recipe: Recipe, instances: list[Instance]) -> dict[str, Any]:
    """All columns of one dataset but its pictures: words, and whole-number utilities and output tokens [n][K]."""
    parts = parts_of_instances(instances)
    categories = [instance.category for instance in instances]
    target = targets()
    utility, tokens = [], []
    for model in CHARACTERS:
        aim = target[recipe.dataset, model]
        solved = draw_utility(recipe.dataset, model, recipe.scenario, parts, aim, categories)
        utility.append(solved.astype(int).tolist())
        tokens.append(draw_tokens(recipe.dataset, model, parts, aim).astype(int).tolist())
    return {
        "number": [instance.number for instance in instances],
        "question": [instance.question for instance in instances],
        "answer": [instance.answer for instance in instances],
        "category": categories,
        "utility": [list(row) for row in zip(*utility, strict=True)],
        "output_tokens": [list(row) for row in zip(*tokens, strict=True)],
    }


def _paint(folder: Path, instances: list[Instance], report: Callable[[int], None]) -> list[str]:
    """Writes the pictures of one dataset; the file name of each, "" where there is none."""
    folder.mkdir()
    names = []
    for k, instance in enumerate(instances):
        if k % _REPORT_EVERY == 0:
            report(k)
        names.append(f"{instance.number}{instance.suffix}" if instance.suffix else "")
        if names[-1]:
            instance.save_picture(folder / names[-1])
    return names
