"""The importer of files of RouterArena: predictions of routers, and results of single models.

A file of predictions is a JSON list: each entry has the model that a router chose for a query (`prediction`), what
that model answered, and how right and how dear it was. `cached_results/<model>.jsonl` has the same of one model for
all queries. Both are of one benchmark of many sources, so they make one dataset, whose categories are the sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import found, json_document, json_lines
from mmr_plugins.importers.log_fields import counted, number, paid

DATASET = "RouterArena"
_ROBUSTNESS = "-robustness"
_CUT = frozenset({"length", "max_tokens"})
_HEAD = 1024


class RouterArenaImporter(LogImporter):
    """Reads a folder with files of either sort, or one file.

    Where files of several routers chose the same model for a query, that is one cell with several records, among
    which the user chooses. Files of rewritten queries (`-robustness`) have no outcomes. A cost of zero is unknown.
    """

    kit = "RouterArena"

    def sniff(self, path: Path) -> bool:
        """Whether a file begins as one of the two sorts does."""
        try:
            return any(_begins_right(file) for file in _files(path))
        except OSError:
            return False

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files of predictions and of results."""
        return [file for file in _files(source.path) if file == source.path or _begins_right(file)]

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per query that a model was asked.

        :raises DataError: if the file is of neither sort.
        """
        return gather(file, _records(file, source))


def _files(path: Path) -> list[Path]:
    files = (file for suffix in ("json", "jsonl") for file in found(path, f"*.{suffix}"))
    return sorted(file for file in files if not file.stem.endswith(_ROBUSTNESS))


def _begins_right(file: Path) -> bool:
    with file.open("rb") as content:
        head = content.read(_HEAD).lstrip()
    named = b'"global index"' in head or b'"global_index"' in head
    return named and head.startswith(b"{" if file.suffix == ".jsonl" else b"[")


def _records(file: Path, source: LogSource) -> Iterator[Record]:
    outcome = _of_model if file.suffix == ".jsonl" else _of_router
    for row, entry in _entries(file, source):
        try:
            record = outcome(entry, source)
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        if record is not None:
            yield record._replace(row=row)


def _entries(file: Path, source: LogSource) -> Iterator[tuple[int, dict[str, Any]]]:
    if file.suffix == ".jsonl":
        yield from json_lines(file, source)
        return
    content = json_document(file)
    if not isinstance(content, list):
        raise DataError("is not a list of predictions")
    for row, entry in enumerate(content, start=1):
        if isinstance(entry, dict):
            yield row, entry
        else:
            source.fault(file, f"is a JSON {type(entry).__name__}, not an object", row=row)


def _of_router(entry: dict[str, Any], source: LogSource) -> Record | None:
    """An entry of predictions; None where the chosen model was never asked."""
    generated = entry.get("generated_result")
    instance = canonical_id(entry.get("global index", entry.get("global_index")))
    if not isinstance(generated, dict):
        return None
    return _record(
        instance,
        entry.get("prediction"),
        generated,
        source,
        utility=number(entry.get("accuracy")),
        cost=paid(entry.get("cost")),
        question=entry.get("prompt"),
    )


def _of_model(entry: dict[str, Any], source: LogSource) -> Record:
    evaluation = entry.get("evaluation_result")
    evaluation = evaluation if isinstance(evaluation, dict) else {}
    return _record(
        canonical_id(entry.get("global_index")),
        entry.get("llm_selected"),
        entry,
        source,
        utility=number(evaluation.get("score")),
        cost=paid(evaluation.get("inference_cost")),
        question=entry.get("question"),
        answer=evaluation.get("ground_truth"),
    )


def _record(
    instance: str,
    model: object,
    generated: dict[str, Any],
    source: LogSource,
    *,
    utility: float | None,
    cost: float | None,
    question: object,
    answer: object = "",
) -> Record:
    if not (isinstance(model, str) and model):
        raise DataError("names no model")
    usage = generated.get("token_usage")
    usage = usage if isinstance(usage, dict) else {}
    spent, written = counted(usage.get("input_tokens"), usage.get("output_tokens"))
    response = generated.get("generated_answer")
    response = response if isinstance(response, str) else ""
    failed = generated.get("success") is False
    if failed:
        status = "infer_failed"
    elif generated.get("finish_reason") in _CUT:
        status = "truncated"
    else:
        status = "unscored" if utility is None else "ok" if response.strip() else "empty"
    return Record(
        dataset=DATASET,
        model=model,
        instance=instance,
        utility=utility,
        status=status,
        cost=cost,
        input_tokens=spent,
        output_tokens=written,
        token_source="unknown" if spent is None and written is None else "reported",
        question=question if isinstance(question, str) else "",
        answer=answer if isinstance(answer, str) else "",
        category=instance.rpartition("_")[0],
        response=response if source.responses else None,
    )
