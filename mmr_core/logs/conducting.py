"""Conducting an import from its first look to the table: what a command does step by step, so that it can show each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmr_core.errors import DataError, UsageError
from mmr_core.logs.agreement import Agreement, compare
from mmr_core.logs.assembly import Assembled, assemble
from mmr_core.logs.choosing import Chosen, choose
from mmr_core.logs.contract import LogSource, Question
from mmr_core.logs.naming import Names, names_of
from mmr_core.logs.selection import parse_selection
from mmr_core.logs.survey import Survey, survey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmr_core.contracts import ImportContext
    from mmr_core.logs.contract import LogImporter
    from mmr_core.outcomes import OutcomeTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What a first look at a log gave: either questions that come before everything else, or all of the rest.

    :param open: what must be chosen before anything can be imported; empty if `assembled` can be made.
    :param survey, names, chosen: None where the importer's own questions are open.
    """

    importer: LogImporter
    source: LogSource
    open: tuple[Question, ...]
    survey: Survey | None = None
    names: Names | None = None
    chosen: Chosen | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Imported:
    """A table that an import made, and how its means compare with the kit's."""

    assembled: Assembled
    agreements: tuple[Agreement, ...]


def look(
    importer: LogImporter,
    path: Path,
    context: ImportContext,
    *,
    select: Sequence[str] = (),
    responses: bool = False,
    allow_pickle: bool = False,
) -> Look:
    """Surveys a log, and applies what was chosen.

    :param select: the words behind `--select`.
    :param responses: whether the table is to have the models' answers.
    :raises UsageError: if a choice means nothing here.
    :raises DataError: if nothing in the log can be used.
    """
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path))
    selection = parse_selection(select, importer.settings)
    source = LogSource(path=path, settings=selection.settings, responses=responses, allow_pickle=allow_pickle)
    questions = tuple(importer.questions(source))
    if questions:
        return Look(importer=importer, source=source, open=questions)
    found = survey(importer, source, context.progress)
    names = names_of((one.group.dataset for one in found.found), (one.group.model for one in found.found), context)
    chosen = choose(found, names, selection)
    return Look(importer=importer, source=source, open=chosen.open, survey=found, names=names, chosen=chosen)


def carry_out(seen: Look, context: ImportContext) -> Imported:
    """The table of a log that leaves nothing open.

    :raises UsageError: if something is open.
    :raises DataError: if nothing that was chosen can be used.
    """
    if seen.open or seen.survey is None or seen.names is None or seen.chosen is None:
        raise UsageError(f"there is something to choose: {seen.open[0].key}", where=str(seen.source.path))
    assembled = assemble(seen.importer, seen.source, seen.survey, seen.names, seen.chosen, context.progress)
    agreements = compare(assembled.table, seen.survey.aggregates, seen.names, seen.chosen)
    return Imported(assembled=assembled, agreements=agreements)


def read_without_choices(importer: LogImporter, path: Path | None, context: ImportContext) -> OutcomeTable:
    """The outcome table of a log that leaves nothing to choose; what cannot be used is warned of.

    :raises UsageError: without a path, or if something is to be chosen.
    :raises DataError: if nothing in it can be used.
    """
    if path is None:
        raise UsageError("logs are read from a file or folder", fix="give its path")
    seen = look(importer, path, context, responses=True)
    if seen.open:
        raise UsageError(
            f"there is something to choose first ({', '.join(question.key for question in seen.open)})",
            where=str(path),
            fix="run 'mmr data import PATH --out STORE', which asks, and use the store",
        )
    imported = carry_out(seen, context)
    for line in lines_of(seen, imported):
        context.warn(line)
    return imported.assembled.table


def lines_of(seen: Look, imported: Imported | None = None) -> list[str]:
    """What a person should read about an import, one line each: faults first, then names, then disagreements."""
    lines = [] if seen.survey is None else seen.survey.faults.lines()
    lines.extend(() if seen.names is None else seen.names.notices)
    if imported is not None:
        lines.extend(imported.assembled.notices)
        lines.extend(str(agreement) for agreement in imported.agreements if not agreement.agrees)
    return lines


def with_table(imported: Imported, table: OutcomeTable) -> Imported:
    """The same import with another table of the same cells, such as one with other costs."""
    return replace(imported, assembled=replace(imported.assembled, table=table))
