"""The importer of routing data of LLMRouter: JSON lines with an object per query and model.

Fields: `task_name, query, ground_truth, metric, task_id, model_name, response, token_num, input_tokens,
output_tokens, response_time, performance`. There are no costs: they come from a price sheet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Record, Records, gather
from mmr_core.logs.log_files import json_lines
from mmr_plugins.importers.lm_eval import place
from mmr_plugins.importers.log_fields import fields_of, matching, number_in, sniffs

if TYPE_CHECKING:
    from pathlib import Path


_WANTED = frozenset({"task_name", "query", "model_name", "performance"})
_IDENTITY = ("task_name", "query", "ground_truth", "metric")
_NATIVE = ("task_id", "embedding_id")
_FAILURES = ("ERROR", "API Error")


class LLMRouterImporter(LogImporter):
    """Reads a folder with such files, or one of them.

    A query has no number of its own, so its id is a digest of what the kit tells queries by: task, query, reference
    answer and metric. An answer that begins with `ERROR` or `API Error` is none, though the kit scores it 0; counts
    of tokens that are all zero were not made. A row that the kit failed to score is logged as 0 and cannot be told
    from a wrong answer.
    """

    kit = "LLMRouter"

    def sniff(self, path: Path) -> bool:
        """Whether the first line of a file of JSON lines has the fields."""
        return sniffs(path, "*.jsonl", fields_of, _WANTED)

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files whose first line has the fields."""
        return matching(source, "*.jsonl", fields_of, _WANTED)

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per line."""
        return gather(file, _records(file, source))


def _records(file: Path, source: LogSource) -> Iterator[Record]:
    for row, line in json_lines(file, source):
        try:
            task, model = _text(line, "task_name"), _text(line, "model_name")
            utility = number_in(line.get("performance"))
            tokens = number_in(line.get("input_tokens")), number_in(line.get("output_tokens"))
            instance = _digest(line)
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        placed, response = place(task), line.get("response")
        counted = any(tokens)
        yield Record(
            dataset=placed.dataset,
            model=model,
            instance=instance,
            utility=utility,
            native_id=next((str(line[name]) for name in _NATIVE if line.get(name) is not None), ""),
            metric=line["metric"] if isinstance(line.get("metric"), str) else "",
            status=_status(response),
            input_tokens=tokens[0] if counted else None,
            output_tokens=tokens[1] if counted else None,
            question=line["query"],
            answer=_plain(line.get("ground_truth")),
            category=placed.part,
            response=response if source.responses and isinstance(response, str) else None,
            row=row,
        )


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"has no {name}")
    return value


def _digest(line: Mapping[str, Any]) -> str:
    if not isinstance(line.get("query"), str):
        raise DataError("has no query")
    identity = json.dumps([line.get(name) for name in _IDENTITY], ensure_ascii=True)
    return blake2b(identity.encode(), digest_size=8).hexdigest()


def _status(response: object) -> str:
    if not isinstance(response, str):
        return "ok"
    if response.startswith(_FAILURES):
        return "infer_failed"
    return "ok" if response.strip() else "empty"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
