"""A kit of our own for the tests: its logs are records, one JSON object per line, in files `*.toy`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmr_core.contracts import ImportContext
from mmr_core.errors import DataError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Question, Record, Records, gather
from mmr_core.logs.log_files import found, json_lines
from mmr_core.specs import DatasetSpec, ModelSpec


class ToyImporter(LogImporter):
    """Reads records as they stand; the means in `means.json`; and asks for a scale where `scale.txt` lies there."""

    kit = "toy"
    settings = {"scale": "what utilities are divided by"}  # noqa: RUF012
    batch = 7

    def sniff(self, path: Path) -> bool:
        return bool(found(path, "*.toy"))

    def files(self, source: LogSource) -> Sequence[Path]:
        return found(source.path, "*.toy")

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        return gather(file, self._rows(file, source), size=self.batch)

    def _rows(self, file: Path, source: LogSource) -> Iterator[Record]:
        scale = float(source.settings.get("scale", 1))
        for row, line in json_lines(file, source):
            if "utility" in line and isinstance(line["utility"], float):
                line["utility"] /= scale
            yield Record(**{"dataset": "toy", "row": row, **line})

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        file = source.path / "means.json"
        if not file.is_file():
            return
        for mean in json.loads(file.read_text()):
            yield Aggregate(source="means.json", **{"dataset": "toy", **mean})

    def questions(self, source: LogSource) -> Iterable[Question]:
        if (source.path / "scale.txt").is_file() and "scale" not in source.settings:
            yield Question(key="scale", candidates={}, why="the logs do not say what the best score is")


@pytest.fixture
def importer() -> ToyImporter:
    return ToyImporter()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes records to a file of the kit, and gives the folder of the log."""

    def call(*records: dict[str, Any], file: str = "a.toy", text: str = "") -> Path:
        target = tmp_path / "log" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a") as lines:
            lines.writelines(json.dumps(record) + "\n" for record in records)
            lines.write(text)
        return tmp_path / "log"

    return call


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    """A registry of one dataset and two models, that keeps warnings in `context.warn.lines`."""

    class Lines:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def __call__(self, line: str) -> None:
            self.lines.append(line)

    return ImportContext(
        datasets=(
            DatasetSpec(
                name="mathy",
                title="Mathy",
                scenario="math",
                modalities=("text", "image"),
                id_prefix="MathY",
                aliases=("mathy_test",),
            ),
        ),
        models=(
            ModelSpec(name="m-1", title="Model One", csv_columns=("M-1-2025",)),
            ModelSpec(name="m-2", title="Two"),
        ),
        cache=tmp_path,
        warn=Lines(),
    )


@pytest.fixture
def imports(importer: ToyImporter, context: ImportContext) -> Callable[..., Any]:
    """A function that looks at a log and imports it, and gives what came of it."""
    from mmr_core.logs.log_importer import import_log, inspect_log

    def call(path: Path, *select: str, **options: Any) -> Any:
        seen = inspect_log(importer, path, context, select=select, **options)
        if seen.open:
            raise DataError(f"open: {', '.join(question.key for question in seen.open)}")
        return import_log(seen, context).assembled

    return call
