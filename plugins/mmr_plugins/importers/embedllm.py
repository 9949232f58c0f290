"""The importer of EmbedLLM: `train.csv`, `val.csv` and `test.csv` with a row per prompt and model.

Columns: `prompt_id, model_id, category_id, label, model_name, category, prompt`; `label` is 1 where the answer was
right. There are neither answers, tokens nor costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mmr_core.errors import DataError
from mmr_core.logs import LogImporter, LogSource, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import table_rows
from mmr_plugins.importers.lm_eval import place
from mmr_plugins.importers.log_fields import columns_of, matching, number_in, sniffs

if TYPE_CHECKING:
    from pathlib import Path


_WANTED = frozenset({"prompt_id", "label", "model_name", "category"})


class EmbedLLMImporter(LogImporter):
    """Reads a folder with the files, or one of them.

    The categories are tasks of lm-evaluation-harness and become datasets as they do there: the subjects of MMLU are
    one dataset. Ids are `prompt_id`. The three splits are read alike: splits here are our own.
    """

    kit = "EmbedLLM"

    def sniff(self, path: Path) -> bool:
        """Whether there is a CSV file with the columns."""
        return sniffs(path, "*.csv", columns_of, _WANTED)

    def files(self, source: LogSource) -> Sequence[Path]:
        """The CSV files that have the columns."""
        return matching(source, "*.csv", columns_of, _WANTED)

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per row.

        :raises DataError: if the file is not such a table.
        """
        return gather(file, _records(file, source))


def _records(file: Path, source: LogSource) -> Iterator[Record]:
    columns = columns_of(file)
    lacking = sorted(_WANTED - set(columns))
    if lacking:
        raise DataError(f"has no column {lacking[0]!r}" if columns else "is empty, or no table")
    for row, cells in table_rows(file, source):
        model, category = cells["model_name"].strip(), cells["category"].strip()
        try:
            instance, label = canonical_id(cells["prompt_id"]), number_in(cells["label"])
            if not model or not category:
                raise DataError(f"has no {'category' if model else 'model_name'}")
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        placed = place(category)
        yield Record(
            dataset=placed.dataset,
            model=model,
            instance=instance,
            utility=label,
            question=cells.get("prompt", ""),
            category=placed.part,
            row=row,
        )
