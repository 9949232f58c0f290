"""The checks of an importer: what `mmr_core.contracts.Importer` promises.

Most of them need an example, a small file or folder in the importer's format, which only its author can provide.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.contracts import ImportContext, Importer
from mmr_core.errors import MMRError
from mmr_core.features import cache_root
from mmr_core.outcomes import OutcomeTable, Status
from mmr_core.store import OutcomeStore
from mmr_core.testing.contract_check import Broken, Check, NotApplicable
from mmr_core.testing.shared_checks import LISTING_CHECK, check_parameters, measured_job
from mmr_core.testing.subjects import Subject

CONTRACT = "mmr_core.contracts.Importer"
FOREIGN = {
    "empty.csv": b"",
    "words.txt": b"Nothing here is an outcome table.\n",
    "bytes.bin": bytes(range(256)) * 8,
    "numbers.json": b"[1, 2, 3]",
    "half.json": b'{"results": [',
}
DAMAGED_AT_MOST = 4
"""Number of files of an example folder that are damaged, one at a time."""


def _interface(subject: Subject) -> str:
    importer = subject.make()
    if not isinstance(importer, Importer):
        has = [name for name in ("embedded", "sniff", "read") if hasattr(importer, name)]
        raise Broken(f"it has {', '.join(has) or 'none of these'}")
    if not isinstance(importer.embedded, bool):
        raise Broken(f"embedded is {importer.embedded!r}")
    return "needs no path" if importer.embedded else "reads a path"


def _foreign(subject: Subject) -> None:
    importer = subject.make()
    for path in _foreign_paths(subject.workspace):
        answer = importer.sniff(path)
        if answer:
            raise Broken(f"sniff accepted {path.name}: {answer!r}", expected="False for foreign files")


def _nothing_there(subject: Subject) -> None:
    importer = subject.make()
    if importer.embedded:
        raise NotApplicable("it does not read files")
    for path in (subject.workspace / "there-is-no-such-file", None):
        try:
            importer.read(path, _context(subject))
        except MMRError:
            continue
        raise Broken(f"read({'a path that does not exist' if path else None}) raised nothing")


def _reads(subject: Subject) -> str:
    table = _table(subject)
    if not len(table) or not table.models:
        raise Broken(f"a table of {len(table)} instances and {len(table.models)} models")
    importer = subject.make()
    if not importer.embedded and not importer.sniff(_example(subject)):
        raise Broken("sniff does not accept the example")
    again = _table(subject)
    if again.digest() != table.digest():
        raise Broken("reading twice gave different tables")
    return f"{len(table)} instances, {len(table.models)} models, {len(table.datasets)} datasets"


def _missing(subject: Subject) -> str:
    table = _table(subject)
    unknown = np.isnan(table.utility) | np.isnan(table.cost)
    wrong = unknown & (table.status == Status.OK)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise Broken(
            f"model {table.models[column].name!r} on instance {table.instance_id[row]!r} has status ok, but its "
            f"utility is {table.utility[row, column]}, its cost {table.cost[row, column]}"
        )
    return f"{unknown.mean():.1%} of the outcomes are missing"


def _stored(subject: Subject) -> None:
    table = _table(subject)
    folder = subject.workspace / "store"
    shutil.rmtree(folder, ignore_errors=True)
    OutcomeStore(folder).add(table)
    stored = OutcomeStore.open(folder).table()
    if stored.digest() != table.digest():
        raise Broken("the table changed when it was stored")


def _damaged(subject: Subject) -> None:
    if subject.make().embedded:
        raise NotApplicable("it does not read files")
    for path, what in _damaged_examples(_example(subject), subject.workspace / "damaged"):
        try:
            table = subject.make().read(path, _context(subject))
        except MMRError:
            continue
        except (Exception, SystemExit) as error:
            raise Broken(f"{what}: {type(error).__name__}: {error}") from error
        if not isinstance(table, OutcomeTable):
            raise Broken(f"{what}: a {type(table).__name__}")


def _job(subject: Subject) -> str:
    return measured_job(lambda: _table(subject)).within_limits("reading the example")


def _table(subject: Subject) -> OutcomeTable:
    importer = subject.make()
    table: Any = importer.read(None if importer.embedded else _example(subject), _context(subject))
    if not isinstance(table, OutcomeTable):
        raise Broken(f"read returned {type(table).__name__}", expected="read returns an OutcomeTable")
    return table


def _example(subject: Subject) -> Path:
    if subject.example is None:
        raise NotApplicable("no example: give a small file or folder in the format (--example PATH)")
    return subject.example


def _context(subject: Subject) -> ImportContext:
    return ImportContext(
        datasets=subject.registry.datasets.all(), models=subject.registry.models.all(), cache=cache_root()
    )


def _foreign_paths(workspace: Path) -> list[Path]:
    folder = workspace / "foreign"
    (folder / "empty-folder").mkdir(parents=True, exist_ok=True)
    for name, content in FOREIGN.items():
        (folder / name).write_bytes(content)
    return [folder / "empty-folder", folder / "absent.csv", *(folder / name for name in FOREIGN)]


def _damaged_examples(example: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Copies of the example in which one file is cut in half, empty, or full of foreign bytes."""
    if example.is_dir():
        files = [path.relative_to(example) for path in sorted(example.rglob("*")) if path.is_file()][:DAMAGED_AT_MOST]
    else:
        files = [Path(example.name)]
    for file in files:
        for what in ("cut in half", "empty", "not text"):
            shutil.rmtree(folder, ignore_errors=True)
            if example.is_dir():
                shutil.copytree(example, folder)
            else:
                folder.mkdir(parents=True)
                shutil.copy2(example, folder / file)
            content = (folder / file).read_bytes()
            damaged = {"cut in half": content[: len(content) // 2], "empty": b"", "not text": bytes(range(256)) * 4}
            (folder / file).write_bytes(damaged[what])
            yield (folder if example.is_dir() else folder / file), f"with {file} {what}"


IMPORTER_CHECKS: tuple[Check[Subject], ...] = (
    Check(name="interface", rule="it has embedded, sniff and read", contract=CONTRACT, look=_interface),
    Check(
        name="sniffs-foreign-files",
        rule="sniff returns False for foreign, empty, broken and absent files, and raises nothing",
        contract=CONTRACT,
        look=_foreign,
    ),
    Check(
        name="nothing-there",
        rule="read raises DataError or UsageError if there is nothing to read",
        contract=CONTRACT,
        look=_nothing_there,
    ),
    Check(
        name="reads-its-format",
        rule="sniff accepts the example, and read returns the same table each time",
        contract=CONTRACT,
        look=_reads,
    ),
    Check(
        name="missing-is-missing",
        rule="an outcome without utility or cost does not have the status ok",
        contract="mmr_core.outcomes.OutcomeTable",
        look=_missing,
    ),
    Check(
        name="goes-through-a-store",
        rule="the table is the same after being stored and read back",
        contract="mmr_core.store.OutcomeStore",
        look=_stored,
    ),
    Check(
        name="damaged-files",
        rule="a truncated, empty or foreign file raises DataError, or gives a table of what is intact",
        contract=CONTRACT,
        look=_damaged,
    ),
    Check(
        name="parameters",
        rule="every parameter can be set by keyword, has a usable default, and is named in the docstring",
        contract=CONTRACT,
        look=check_parameters,
    ),
    LISTING_CHECK,
    Check(
        name="standard-job",
        rule="reading the example takes at most ten minutes and 8 GB",
        contract="mmr_core.testing.shared_checks",
        look=_job,
    ),
)
