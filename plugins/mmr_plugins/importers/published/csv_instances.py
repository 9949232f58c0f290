"""What the ids of a published table say: the dataset of each instance, and where its image is.

An id is `<prefix>_<rest>`. `Prefixes` takes it apart, `Pictures` finds its image, and `Instances` does both for the
rows of one sheet, and makes up a dataset where no plugin knows the prefix.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DataError
from mmr_core.specs import MODALITIES, DatasetSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_plugins.importers.published.csv_sheet import Block, CsvSheet

EXTENSIONS = (".jpg", ".png", ".jpeg", ".webp")
"""In order of preference; upper case is as good."""
_ID, _IMAGE = "dataset_idx", "img_path"
_UNSAFE = re.compile(r"[^a-z0-9._-]+")


class Instances:
    """Datasets and images of the rows of one sheet, block by block.

    :param made_up: the names given to datasets that no plugin knows, by their prefix.
    :param respelt: the registered datasets met under another prefix than theirs, by that prefix.
    """

    def __init__(self, sheet: CsvSheet, datasets: Sequence[DatasetSpec]) -> None:
        self.made_up: dict[str, str] = {}
        self.respelt: dict[str, str] = {}
        self._sheet = sheet
        self._datasets = datasets
        self._prefixes = Prefixes(datasets)
        self._pictures = Pictures(sheet.path.parent)
        self._seen: set[str] = set()
        self._found: dict[str, _Prefix] = {}

    def of(self, block: Block) -> tuple[NDArray[np.int32], list[Path | None]]:
        """Per row of a block the number of its id prefix, and its image. Blocks are to be given in order of rows.

        :raises DataError: if an id is empty, occurs twice, or names no dataset.
        """
        cells = block.columns.get(_IMAGE)
        codes = np.empty(len(block), dtype=np.int32)
        images: list[Path | None] = []
        for i, idx in enumerate(block.columns[_ID]):
            row = block.start + i
            self._demand_new(idx, row)
            try:
                prefix, rest, spec = self._prefixes.part(idx)
            except DataError as error:
                raise DataError(error.what, where=self._place(row, idx), fix=error.fix) from None
            found = self._found.get(prefix)
            if found is None:
                found = self._found[prefix] = _Prefix(code=len(self._found), row=row, idx=idx, spec=spec)
            image = self._pictures.of(prefix, rest, spec, None if cells is None else cells[i])
            found.has_images |= image is not None
            codes[i] = found.code
            images.append(image)
        return codes, images

    def specs(self) -> list[DatasetSpec]:
        """The dataset of each prefix so far, by its number; one that is made up has images if a row so far has.

        :raises DataError: if no name can be made of an unknown prefix, or two datasets would share one.
        """
        taken = {spec.name for spec in self._datasets}
        specs: list[DatasetSpec] = []
        for prefix, found in self._found.items():
            if found.spec is None:
                spec = self._made_up(prefix, found, taken)
                taken.add(spec.name)
                self.made_up[prefix] = spec.name
            else:
                spec = found.spec
                if prefix != spec.id_prefix:
                    self.respelt[prefix] = spec.name
            specs.append(spec)
        return specs

    def _demand_new(self, idx: str, row: int) -> None:
        if not idx.strip():
            raise DataError("the id is empty", where=self._place(row, idx), fix="write <dataset>_<id>")
        if idx in self._seen:
            first = next(
                block.start + block.columns[_ID].index(idx)
                for block in self._sheet.blocks()
                if idx in block.columns[_ID]
            )
            raise DataError(
                f"id {idx!r} occurs twice, first in row {first + 1}",
                where=self._place(row, idx),
                fix="remove one of the rows",
            )
        self._seen.add(idx)

    def _made_up(self, prefix: str, found: _Prefix, taken: set[str]) -> DatasetSpec:
        where = self._place(found.row, found.idx)
        name = _UNSAFE.sub("-", prefix.lower()).lstrip("._-")
        if not name:
            raise DataError(
                f"no dataset name can be made of the id prefix {prefix!r}", where=where, fix="rename the dataset"
            )
        if name in taken:
            raise DataError(
                f"the id prefix {prefix!r} would become the dataset {name!r}, which is another one",
                where=where,
                fix="rename one of the two",
            )
        return DatasetSpec(
            name=name,
            title=prefix,
            scenario="other",
            modalities=MODALITIES if found.has_images else ("text",),
            id_prefix=prefix,
        )

    def _place(self, row: int, idx: str) -> str:
        return self._sheet.place(row, _ID, idx)


@dataclass(kw_only=True)
class _Prefix:
    """An id prefix of a sheet: its number, its first row and id, its dataset (None if unknown), if it has images."""

    code: int
    row: int
    idx: str
    spec: DatasetSpec | None
    has_images: bool = False


class Prefixes:
    """Finds the dataset of an id among the registered ones.

    Prefixes contain underscores, and so may ids, so the longest spelling that fits wins; among those of one length
    an id prefix before an alias or a name, and the exact case before any other. An id that none fits is split at
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

    def part(self, idx: str) -> tuple[str, str, DatasetSpec | None]:
        """Takes an id apart: its prefix, the rest, and the dataset, which is None where no plugin knows it.

        :raises DataError: if it has no prefix, or two datasets claim it.
        """
        for length in self._lengths:
            if idx[length : length + 1] == "_" and length + 1 < len(idx):
                prefix = idx[:length]
                owners = self._owners.get(prefix) or self._folded.get(prefix.casefold())
                if owners:
                    if len(owners) > 1:
                        raise DataError(
                            f"the id prefix {prefix!r} is claimed by the datasets {owners[0].name!r} and "
                            f"{owners[1].name!r}",
                            fix="uninstall one of the plugins that describe them",
                        )
                    return prefix, idx[length + 1 :], owners[0]
        prefix, _, rest = idx.rpartition("_")
        if not prefix or not rest:
            raise DataError(f"id {idx!r} names no dataset", fix="write it as <dataset>_<id>")
        return prefix, rest, None


class Pictures:
    """The images beside one CSV; each folder is listed once.

    :param base: the folder that the CSV is in.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._folders: dict[str, Path] = {}
        self._files: dict[Path, frozenset[str]] = {}
        self._stems: dict[Path, dict[str, str]] = {}

    def of(self, prefix: str, rest: str, spec: DatasetSpec | None, cell: str | None) -> Path | None:
        """The image of an instance: where `img_path` says, else in the dataset's folder; None if it has none.

        An instance of a registered dataset that has images gets the path where its image should be, even if no file
        is there. A path in a cell is relative to the CSV; one that leads to no file gives way to an image that is in
        the dataset's folder.

        :param cell: what `img_path` says; None where the table has no such column.
        """
        if cell is not None:
            named = cell.strip()
            if not named:
                return None
            given = self._base / named
            if given.name in self._names(given.parent):
                return given
            return self._there(prefix, rest, spec) or given
        if spec is None:
            return self._there(prefix, rest, spec)
        if "image" in spec.modalities:
            return self._there(prefix, rest, spec) or self._folder(spec.folder) / f"{rest}{EXTENSIONS[0]}"
        return None

    def _there(self, prefix: str, rest: str, spec: DatasetSpec | None) -> Path | None:
        """The image file of an id in the dataset's folder, or in one named as the prefix; None if there is none."""
        for name in (prefix,) if spec is None or spec.folder == prefix else (spec.folder, prefix):
            folder, stem = self._folder(name), rest
            if "/" in rest or os.sep in rest or rest == ".":
                # An id with a slash names a file in a folder below.
                folder, stem = (folder / rest).parent, Path(rest).name
            file = self._images_in(folder).get(stem)
            if file is not None:
                return folder / file
        return None

    def _folder(self, name: str) -> Path:
        if name not in self._folders:
            self._folders[name] = self._base / name
        return self._folders[name]

    def _images_in(self, folder: Path) -> dict[str, str]:
        """The image files in a folder by their names without extension; of several the preferred one."""
        if folder not in self._stems:
            ranked = sorted(
                (name for name in self._names(folder) if Path(name).suffix.lower() in EXTENSIONS),
                key=lambda name: (EXTENSIONS.index(Path(name).suffix.lower()), name),
                reverse=True,
            )
            self._stems[folder] = {os.path.splitext(name)[0]: name for name in ranked}
        return self._stems[folder]

    def _names(self, folder: Path) -> frozenset[str]:
        if folder not in self._files:
            try:
                self._files[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._files[folder] = frozenset()
        return self._files[folder]
