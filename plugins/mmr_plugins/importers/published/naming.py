"""Which dataset an id belongs to, and what is left of the id without the dataset's prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from mmr_core.specs import DatasetSpec

_UNSAFE = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Named:
    """An id taken apart: `<prefix>_<rest>`; `spec` is None where no plugin knows the dataset."""

    prefix: str
    rest: str
    spec: DatasetSpec | None


class Prefixes:
    """Finds the dataset of an id among the registered ones.

    Prefixes contain underscores, and so may ids, so the longest spelling that fits wins; among those of one length
    an id prefix before an alias or a name, and the exact case before any other. An id that none fits is parted at
    its last underscore.

    :param datasets: the registered datasets; mixtures have no ids of their own.
    """

    def __init__(self, datasets: Sequence[DatasetSpec]) -> None:
        plain = [spec for spec in datasets if not spec.members]
        self._owners: dict[str, list[DatasetSpec]] = {}
        for spec in plain:
            self._owners.setdefault(spec.id_prefix, []).append(spec)
        for spec in plain:
            for spelling in (*spec.aliases, spec.name):
                self._owners.setdefault(spelling, [spec])
        self._folded = {spelling.casefold(): owners for spelling, owners in reversed(self._owners.items())}
        self._lengths = sorted({len(spelling) for spelling in self._owners}, reverse=True)

    def part(self, idx: str, where: str) -> Named:
        """Takes an id apart.

        :raises DataError: if it has no prefix, or two datasets claim it.
        """
        for length in self._lengths:
            if idx[length : length + 1] == "_" and length + 1 < len(idx):
                prefix = idx[:length]
                owners = self._owners.get(prefix) or self._folded.get(prefix.casefold())
                if owners:
                    return Named(prefix=prefix, rest=idx[length + 1 :], spec=_only(owners, prefix, where))
        prefix, _, rest = idx.rpartition("_")
        if not prefix or not rest:
            raise DataError(f"id {idx!r} names no dataset", where=where, fix="write it as <dataset>_<id>")
        return Named(prefix=prefix, rest=rest, spec=None)


def safe_name(prefix: str, where: str) -> str:
    """The canonical name of a dataset that no plugin knows.

    :raises DataError: if nothing of the prefix can be part of a name.
    """
    name = _UNSAFE.sub("-", prefix.lower()).lstrip("._-")
    if not name:
        raise DataError(f"no name can be made of the id prefix {prefix!r}", where=where, fix="rename the dataset")
    return name


def _only(owners: list[DatasetSpec], prefix: str, where: str) -> DatasetSpec:
    if len(owners) > 1:
        raise DataError(
            f"the id prefix {prefix!r} is claimed by the datasets {owners[0].name!r} and {owners[1].name!r}",
            where=where,
            fix="uninstall one of the plugins that describe them",
        )
    return owners[0]
