"""Everything that is published, made from one `Leaderboard` document, written as a whole, and read back.

`render` is pure: the same document gives the same bytes. `publish` replaces what is published, with the guarantees of
`replacement`. `read_board` reads `leaderboard.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from mmr_core.errors import DataError, MMRError, UsageError
from mmr_core.render.writers import csv_text
from mmr_leaderboard.board_tables import board_data
from mmr_leaderboard.publish import replacement
from mmr_leaderboard.publish.markdown import markdown
from mmr_leaderboard.schema import SCHEMA_VERSION, Leaderboard
from mmr_leaderboard.site.pages import site

DOCUMENT = "leaderboard.json"
PAGE = "LEADERBOARD.md"
SHEET = "leaderboard.csv"
SITE = "site"

LARGEST = 256 << 20
"""Bytes; a larger file is not read as a leaderboard."""


def render(board: Leaderboard, also: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Every published file by its path relative to the folder; `leaderboard.json` comes last.

    :param also: further files that are published together with the document.
    """
    return {
        **(also or {}),
        **{f"{SITE}/{path}": content for path, content in site(board).items()},
        PAGE: markdown(board).encode(),
        SHEET: csv_text(board_data(board), quoted=True).encode(),
        DOCUMENT: (board.model_dump_json(indent=2) + "\n").encode(),
    }


def publish(board: Leaderboard, folder: Path, *, also: Mapping[str, bytes] | None = None) -> list[Path]:
    """Replaces the publication in a folder, which is made if necessary, and returns the paths of its files.

    All of `site/` belongs to the publication, so pages of former entries are removed. Everything else in the folder,
    such as `audit.jsonl`, stays. Takes the folder's lock (`mmr_core.store.atomic.exclusively`), so the caller must not
    hold it.

    :param also: further files by relative path, such as what the next run needs; replaced in the same step.
    :raises DataError: if another process is writing there.
    :raises UsageError: if `folder` is a file.
    :raises MMRError: if something cannot be written; what was published is then as it was.
    """
    contents = render(board, also)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is a file", where="--out", fix="name a folder")
    try:
        replacement.replace(folder, contents)
    except OSError as error:
        raise MMRError(
            f"the leaderboard cannot be written: {error.strerror or error}",
            where=str(error.filename or folder),
            fix="make room there or name another folder with --out; what was published is as it was",
        ) from error
    return [folder / path for path in contents]


def read_board(path: Path) -> Leaderboard:
    """Reads `leaderboard.json`, given by its own path or by that of the folder it lies in.

    :raises DataError: if there is none, or it is not JSON, of another schema version, or not such a document.
    """
    file = path / DOCUMENT if path.is_dir() else path
    where = str(file)
    content = _content(file, where)
    if not isinstance(content, dict) or "schema_version" not in content or "entries" not in content:
        raise DataError("is not a leaderboard of 'mmr leaderboard run'", where=where)
    if content["schema_version"] != SCHEMA_VERSION:
        raise DataError(
            f"has schema version {str(content['schema_version'])[:40]!r}; this program reads version {SCHEMA_VERSION}",
            where=where,
            fix="read it with the version of mmr-bench that wrote it, or run 'mmr leaderboard run'",
        )
    try:
        return Leaderboard.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the document"
        raise DataError(
            f"breaks schema version {SCHEMA_VERSION} at {place}: {first['msg']}",
            where=where,
            fix="run 'mmr leaderboard run' again",
        ) from error


def _content(file: Path, where: str) -> object:
    again = "run 'mmr leaderboard run' again"
    try:
        if not file.is_file():
            raise DataError("there is no such file", where=where, fix="name a folder that 'mmr leaderboard run' wrote")
        if file.stat().st_size > LARGEST:
            raise DataError(f"is larger than {LARGEST >> 20} MiB", where=where)
        return json.loads(file.read_bytes(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON ({error})", where=where, fix=again) from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=where) from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")
