"""Imports an evaluation log step by step, so that a command can show each step: inspect it, then make the table of it.

`LogImporter` is the base of importers of logs: what a subclass knows of its kit, and these steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmr_core.errors import DataError, UsageError
from mmr_core.logs.kit_means import Agreement, compare
from mmr_core.logs.log_assembly import Assembled, assemble
from mmr_core.logs.log_names import LogNames, names_of
from mmr_core.logs.log_selection import ChosenGroups, choose, parse_selection
from mmr_core.logs.log_source import LogReader, LogSource, Question
from mmr_core.logs.survey import Survey, survey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmr_core.contracts import ImportContext
    from mmr_core.outcomes import OutcomeTable


class LogImporter(LogReader):
    """Base of importers of evaluation logs; a subclass knows the files of one kit."""

    def read(self, path: Path | None, context: ImportContext) -> OutcomeTable:
        """The outcome table of a log in which there is nothing to choose; whatever cannot be used is a warning.

        :raises UsageError: without a path, or if there is something to choose: 'mmr data import' asks for it.
        :raises DataError: if nothing in it can be used.
        """
        if path is None:
            raise UsageError("logs are read from a file or folder", fix="give its path")
        inspection = inspect_log(self, path, context, responses=True)
        if inspection.open:
            raise UsageError(
                f"something must be chosen first ({', '.join(question.key for question in inspection.open)})",
                where=str(path),
                fix="run 'mmr data import PATH --out STORE', which asks, and use the store",
            )
        imported = import_log(inspection, context)
        for line in notices_of(inspection, imported):
            context.warn(line)
        return imported.assembled.table


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """What a first look at a log gave: the importer's own questions if it has any, else all of the rest.

    :param open: what must be chosen before anything can be imported; empty if the table can be made.
    :param survey, names, chosen: None where the importer's own questions are open.
    """

    importer: LogReader
    source: LogSource
    open: tuple[Question, ...]
    survey: Survey | None = None
    names: LogNames | None = None
    chosen: ChosenGroups | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ImportedLog:
    """The table of a log, and how its means compare with the kit's."""

    assembled: Assembled
    agreements: tuple[Agreement, ...]

    def with_table(self, table: OutcomeTable) -> ImportedLog:
        """The same import with another table of the same cells, such as one with other costs."""
        return replace(self, assembled=replace(self.assembled, table=table))


def inspect_log(
    importer: LogReader,
    path: Path,
    context: ImportContext,
    *,
    select: Sequence[str] = (),
    responses: bool = False,
    allow_pickle: bool = False,
) -> Inspection:
    """Surveys a log, and applies what was chosen.

    :param select: the words behind `--select`.
    :param responses: whether the table is to have the models' answers.
    :raises UsageError: if a choice fits nothing in the log.
    :raises DataError: if nothing in the log can be used.
    """
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path))
    selection = parse_selection(select, importer.settings)
    source = LogSource(path=path, settings=selection.settings, responses=responses, allow_pickle=allow_pickle)
    questions = tuple(importer.questions(source))
    if questions:
        return Inspection(importer=importer, source=source, open=questions)
    found = survey(importer, source, context.progress)
    names = names_of((one.group.dataset for one in found.found), (one.group.model for one in found.found), context)
    chosen = choose(found, names, selection)
    return Inspection(importer=importer, source=source, open=chosen.open, survey=found, names=names, chosen=chosen)


def import_log(inspection: Inspection, context: ImportContext) -> ImportedLog:
    """The table of a log in which nothing is left to choose.

    :raises UsageError: if something is.
    :raises DataError: if nothing that was chosen can be used.
    """
    found, names, chosen = inspection.survey, inspection.names, inspection.chosen
    if inspection.open or found is None or names is None or chosen is None:
        raise UsageError(f"something must be chosen first: {inspection.open[0].key}", where=str(inspection.source.path))
    assembled = assemble(inspection.importer, inspection.source, found, names, chosen, context.progress)
    return ImportedLog(assembled=assembled, agreements=compare(assembled.table, found.aggregates, names, chosen))


def notices_of(inspection: Inspection, imported: ImportedLog | None = None) -> list[str]:
    """What a person should read about an import, one line each: faults first, then names, then disagreements."""
    lines = [] if inspection.survey is None else inspection.survey.faults.lines()
    lines.extend(() if inspection.names is None else inspection.names.notices)
    if imported is not None:
        lines.extend(imported.assembled.notices)
        lines.extend(str(agreement) for agreement in imported.agreements if not agreement.agrees)
    return lines
