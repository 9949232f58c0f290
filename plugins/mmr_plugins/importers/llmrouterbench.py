"""The importer of results of LLMRouterBench.

`results/bench/<dataset>/<split>/<model>/<dataset>-<split>-<model>-<YYYYMMDD_HHMMSS>.json` has `model_name`,
`dataset_name`, `split`, the totals, and `records`. Of several files of one model the latest that is not a
demonstration counts, as in the benchmark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmr_core.errors import DataError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import found, json_document
from mmr_plugins.importers.log_fields import counted, number, paid

_DATED = re.compile(r"(?P<name>.+)-(?P<run>\d{8}_\d{6})\.json")
_DEMO = re.compile(rb'"demo"\s*:\s*true')
_HEAD = 65_536


@dataclass(frozen=True, kw_only=True)
class _Results:
    dataset: str
    model: str
    run: str
    content: dict[str, Any]


class LLMRouterBenchImporter(LogImporter):
    """Reads the folder `results`, any folder in it, or one file.

    Another split than `test` makes a dataset of its own, `<dataset>-<split>`: numbers of splits name other queries.
    A score of null is a missing outcome. A cost of zero is one of a model without a price, and so unknown.
    """

    kit = "LLMRouterBench"

    def sniff(self, path: Path) -> bool:
        """Whether there is a dated file in a folder `<dataset>/<split>/<model>` whose name says the same three."""
        try:
            return any(_lies_right(file) for file in found(path, "*.json"))
        except OSError:
            return False

    def files(self, source: LogSource) -> Sequence[Path]:
        """The latest file of each dataset, split and model; of each older one and demonstration, a fault."""
        latest: dict[tuple[Path, str], Path] = {}
        for file in found(source.path, "*.json"):
            named = _DATED.fullmatch(file.name)
            if named is None:
                continue
            if _is_demo(file):
                source.fault(file, "is a demonstration, so left out")
                continue
            older = latest.get((file.parent, named["name"]))
            if older is not None:
                source.fault(older, f"is older than {file.name}, so left out")
            latest[file.parent, named["name"]] = file
        return sorted(latest.values())

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per query.

        :raises DataError: if the file is not a file of results.
        """
        return gather(file, _records(file, source))

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        """The `performance` of each file, where it is a fraction."""
        for file in self.files(LogSource(path=source.path)):
            try:
                results = _read(file)
            except DataError:
                continue  # Reading its records said what is wrong with it.
            value = number(results.content.get("performance"))
            if value is not None and 0 <= value <= 1:
                yield Aggregate(
                    dataset=results.dataset,
                    model=results.model,
                    value=value,
                    source=source.name_of(file),
                    run=results.run,
                )


def _lies_right(file: Path) -> bool:
    named = _DATED.fullmatch(file.name)
    folders = file.resolve().parts[-4:-1]
    return named is not None and named["name"] == "-".join(folders)


def _is_demo(file: Path) -> bool:
    """Whether a file says so among its totals, which stand before its records."""
    try:
        with file.open("rb") as content:
            totals, _, _ = content.read(_HEAD).partition(b'"records"')
    except OSError:
        return False
    return _DEMO.search(totals) is not None


def _read(file: Path) -> _Results:
    content = json_document(file)
    if not isinstance(content, dict) or not isinstance(content.get("records"), list):
        raise DataError("has no 'records'")
    model, dataset, split = (content.get(name) for name in ("model_name", "dataset_name", "split"))
    if not (isinstance(model, str) and model and isinstance(dataset, str) and dataset):
        raise DataError("does not say its 'model_name' and 'dataset_name'")
    named = _DATED.fullmatch(file.name)
    return _Results(
        dataset=dataset if split in (None, "", "test") else f"{dataset}-{split}",
        model=model,
        run=named["run"] if named else "",
        content=content,
    )


def _records(file: Path, source: LogSource) -> Iterator[Record]:
    results = _read(file)
    for row, record in enumerate(results.content["records"], start=1):
        if not isinstance(record, dict):
            source.fault(file, "is not a record", row=row)
            continue
        try:
            instance = canonical_id(record.get("index"))
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        utility = number(record.get("score"))
        spent, written = counted(record.get("prompt_tokens"), record.get("completion_tokens"))
        answer = _text(record.get("raw_output"))
        yield Record(
            dataset=results.dataset,
            model=results.model,
            instance=instance,
            utility=utility,
            run=results.run,
            status="missing" if utility is None else "ok" if answer.strip() else "empty",
            cost=paid(record.get("cost")),
            input_tokens=spent,
            output_tokens=written,
            token_source="unknown" if spent is None and written is None else "reported",
            question=_text(record.get("origin_query")) or _text(record.get("prompt")),
            answer=_text(record.get("ground_truth")),
            response=answer if source.responses else None,
            row=row,
        )


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
