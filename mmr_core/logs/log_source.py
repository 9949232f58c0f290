"""What an importer of evaluation logs is given and gives: a source, records of it, the kit's means, questions, faults.

`LogReader` is what is particular to one kit: its files, and how each becomes batches of records. The steps that are
the same for every kit (survey, selection, assembly) are written against it; `log_importer.LogImporter` joins the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from mmr_core.logs.log_records import Records


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A file, or a row of one, that could not be used; the rest of the import goes on.

    :param file: relative to the path that is imported.
    :param row: from 1; 0 for the whole file.
    """

    file: str
    row: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}{f', row {self.row}' if self.row else ''}: {' '.join(self.what.split())}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A choice that only the user can make.

    :param key: what goes before the "=" of `--select`, scope included: "judge", "judge:mmstar", "rescale".
    :param candidates: what may go behind it, each with a remark such as a count; empty where it is free text.
    :param why: one clause that says what is asked.
    """

    key: str
    candidates: Mapping[str, str]
    why: str


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """The kit's own mean over a dataset, to compare ours with. An axis is None where the kit does not separate it.

    :param dataset, model: as in the records.
    :param value: in [0, 1].
    :param tolerance: how far apart two means may be and still agree; the kit's rounding.
    :param category: where not "", the mean is over the instances of this category alone.
    :param source: the file it stands in, relative to the path that is imported.
    """

    dataset: str
    model: str
    value: float
    source: str
    tolerance: float = 1e-3
    category: str = ""
    run: str | None = None
    judge: str | None = None
    filter: str | None = None
    metric: str | None = None
    scorer: str | None = None


def _ignore_fault(fault: Fault) -> None:
    pass


def _ignore_position(done: int) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """The path that is imported, and with which options.

    :param settings: the user's answers to the importer's own questions: `--select key=value` for the keys of
        `LogImporter.settings`.
    :param responses: whether the models' answers are wanted.
    :param allow_pickle: whether files of pickle may be read, through `mmr_core.logs.pickles`.
    :param on_fault: called with what cannot be used.
    :param on_position: called with the number of bytes of the present file that were read.
    """

    path: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    responses: bool = False
    allow_pickle: bool = False
    on_fault: Callable[[Fault], None] = _ignore_fault
    on_position: Callable[[int], None] = _ignore_position

    def name_of(self, file: Path) -> str:
        """A file's name relative to the path that is imported."""
        if file == self.path:
            return file.name
        return file.relative_to(self.path).as_posix() if file.is_relative_to(self.path) else str(file)

    def fault(self, file: Path, what: object, *, row: int = 0) -> None:
        """Reports that a file, or a row of it, cannot be used."""
        self.on_fault(Fault(file=self.name_of(file), row=row, what=str(what)))


class LogReader(ABC):
    """What is particular to one kit of evaluation: its files, and how each becomes batches of records.

    `records` may be called twice for a file, and must give the same both times. A `DataError` (or any exception)
    that it raises is a fault of that file alone; what it yielded before stays. For a row that cannot be used, call
    `source.fault(file, what, row=row)` and go on.

    :cvar kit: what people call the kit.
    :cvar settings: the importer's own keys of `--select`, each with a clause of help.
    """

    embedded: ClassVar[bool] = False
    kit: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def sniff(self, path: Path) -> bool:
        """Whether a path looks like this format: reads names and first lines only, and never raises."""

    @abstractmethod
    def files(self, source: LogSource) -> Sequence[Path]:
        """The files with records, in a fixed order; links to files that are listed already are left out."""

    @abstractmethod
    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """The records of one file, in batches, for every run, judge, filter, metric, scorer and repeat."""

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        """The kit's own means, as far as its files state them; none by default."""
        return ()

    def questions(self, source: LogSource) -> Iterable[Question]:
        """What must be settled by `settings` before `records` can be called; nothing by default."""
        return ()


_SHOWN = 5


class Faults:
    """Collects faults: the first five rows of each file are kept, the others counted."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Fault]] = {}
        self._more: dict[str, int] = {}

    def add(self, fault: Fault) -> None:
        """Keeps or counts a fault."""
        kept = self._kept.setdefault(fault.file, [])
        if len(kept) < _SHOWN or not fault.row:
            kept.append(fault)
        else:
            self._more[fault.file] = self._more.get(fault.file, 0) + 1

    def __len__(self) -> int:
        return sum(map(len, self._kept.values())) + sum(self._more.values())

    def lines(self) -> list[str]:
        """One line per fault kept, file by file, and one for the others of a file."""
        lines: list[str] = []
        for file, faults in self._kept.items():
            lines.extend(map(str, faults))
            if file in self._more:
                lines.append(f"{file}: and {self._more[file]} more rows")
        return lines
