"""What could not be used of an import, in bounded memory: a few lines per file, and how many more there are."""

from __future__ import annotations

from mmr_core.logs.contract import Fault

_SHOWN = 5


class Faults:
    """Faults as they come; of each file the first five rows are kept, and the others counted."""

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
                lines.append(f"{file}: and {self._more[file]} rows more")
        return lines
