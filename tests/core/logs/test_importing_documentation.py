"""The page on importing is true: its example runs, and its tables name what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mmr_core
from mmr_core.contracts import Importer
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.logs.log_records import AXES, STATUS_OF
from mmr_core.logs.log_selection import AGAIN

PAGE = (Path(mmr_core.__file__).parent.parent / "docs" / "importing.md").read_text(encoding="utf-8")


def test_the_example_imports_a_log(tmp_path: Path, context: Any) -> None:
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], names)
    importer = names["PlainImporter"]()
    rows = [{"model": "a", "dataset": "d", "id": 1.0, "score": 0.5, "usd": 0.25}, {"model": "a", "dataset": "d"}]
    (tmp_path / "x.plain.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert isinstance(importer, Importer)
    assert importer.sniff(tmp_path)
    seen = inspect_log(importer, tmp_path, context)
    table = import_log(seen, context).assembled.table
    assert (table.instance_id[0], table.utility[0, 0], table.cost[0, 0]) == ("d_1", 0.5, 0.25)
    assert notices_of(seen)[0] == "x.plain.jsonl, row 2: None is not an id"


def test_every_word_and_every_choice_has_its_place_on_the_page() -> None:
    for word in (*STATUS_OF, *AXES, AGAIN):
        assert f"`{word}`" in PAGE, word
