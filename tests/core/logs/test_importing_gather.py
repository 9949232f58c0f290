"""Records are gathered into batches, and none is lost to what comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmr_core.errors import DataError
from mmr_core.logs import Record, gather


@pytest.mark.parametrize("whole", range(6))
def test_records_before_a_fault_are_given_and_the_fault_follows(whole: int) -> None:
    def records() -> Iterator[Record]:
        yield from (Record(dataset="d", model="m", instance=str(n)) for n in range(whole))
        raise DataError("was cut short")

    found: list[str] = []

    def read() -> None:
        for batch in gather(Path("x"), records(), size=2):
            found.extend(batch.values("instance"))

    with pytest.raises(DataError, match="cut short"):
        read()
    assert found == [str(n) for n in range(whole)]
