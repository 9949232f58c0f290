"""What the paper and its authors published, as data: the CSV files beside this module (sources in its README).

Studies show these figures beside their own; the embedded sample is calibrated to them.
"""

from __future__ import annotations

import csv
from importlib.resources import files

from mmr_core.errors import UsageError


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a published table as strings, keyed by its header; an empty cell is "".

    >>> rows("table_s2")[0]["usd_per_million_output_tokens"]
    '10.00'

    :param table: the file's name without its suffix, such as "table2" or "single_models".
    :raises UsageError: if there is no such table.
    """
    file = files(__name__) / f"{table}.csv"
    if not file.is_file():
        known = sorted(entry.name.removesuffix(".csv") for entry in files(__name__).iterdir() if ".csv" in entry.name)
        raise UsageError(
            f"there is no published table {table!r}",
            where="mmr_plugins.published",
            fix=f"use one of {', '.join(known)}",
        )
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
