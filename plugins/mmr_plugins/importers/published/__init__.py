"""The importer of the format in which MMR-Bench is published: `MMR_Bench.csv`, or one CSV per dataset.

A row is an instance: `dataset_idx` (`<Prefix>_<id>`), `question`, `answer`, and per model `<M>_correct` and
`<M>_cost`, with optional `<M>_prediction`, `<M>_token`, `img_path`, and `category` or `subject`. Other columns are
left alone. Cells are read as the texts they are: an empty question is empty text, and an empty number is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mmr_core.errors import DataError, UsageError
from mmr_plugins.importers.published.joining import joined
from mmr_plugins.importers.published.notices import Notices
from mmr_plugins.importers.published.sheet import header_of, read_sheet
from mmr_plugins.importers.published.tabulating import tabulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mmr_core.contracts import ImportContext
    from mmr_core.outcomes import OutcomeTable

WHOLE = ("MMR_Bench.csv", "MMR-Bench.csv")


class PublishedImporter:
    """Reads `MMR_Bench.csv`, a folder that has it, or a folder with one CSV per dataset.

    Images lie beside the CSV at `<folder>/<id>.<jpg|png|jpeg|webp>`, or where `img_path` says, relative to it. Costs
    stand as given; where a cost is empty, but the output tokens and the model's price for them are known, the cost
    is their product. One of utility and cost may be known without the other; such an outcome counts as missing.
    """

    embedded: ClassVar[bool] = False

    def sniff(self, path: Path) -> bool:
        """Whether a path has the published names, or is a CSV (or a folder of such) with a column of the format."""
        try:
            if path.is_dir():
                return any((path / name).is_file() for name in WHOLE) or any(map(_looks_right, _csv_files(path)))
            return path.is_file() and (path.name in WHOLE or (_is_csv(path) and _looks_right(path)))
        except OSError:
            return False

    def read(self, path: Path | None, context: ImportContext) -> OutcomeTable:
        """The outcome table in a file or folder, rows in the order of the file, models in the order of its columns.

        Files of single datasets are read in the order of their names; a model that is in some of them only is
        missing in the others.

        :raises DataError: naming file, column, row (1 is the first below the header), id and value of what is wrong.
        :raises UsageError: without a path.
        """
        if path is None:
            raise UsageError("the published format is read from a file or folder", fix="give its path")
        notices = Notices()
        tables = [tabulate(read_sheet(file), context, notices) for file in _tables_at(path, context.warn)]
        notices.report(context.warn)
        return joined(tables, str(path))


def _tables_at(path: Path, warn: Callable[[str], None]) -> list[Path]:
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path))
    if not path.is_dir():
        return [path]
    whole = [path / name for name in WHOLE if (path / name).is_file()]
    if len(whole) > 1:
        raise DataError(
            f"has both {whole[0].name} and {whole[1].name}", where=str(path), fix="give the path of the one you mean"
        )
    if whole:
        return whole
    files = _csv_files(path)
    tables = [file for file in files if _looks_right(file)]
    if not tables:
        raise DataError(
            f"has neither {WHOLE[0]} nor a CSV of a dataset with 'dataset_idx' and '<model>_correct'", where=str(path)
        )
    others = [file.name for file in files if file not in tables]
    if others:
        warn(f"{path}: no outcome tables, and left out: {', '.join(others)}")
    return tables


def _csv_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and _is_csv(file))


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _looks_right(path: Path) -> bool:
    header = header_of(path)
    return "dataset_idx" in header or any(name.endswith("_correct") for name in header)
