"""Opens the outcome table that `--data` names: a store, an embedded table, or a file that an importer reads.

Commands get their tables only from here. Importers are found through the registry; no format is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.contracts import ImportContext, PartwiseImporter, Progress, no_progress
from mmr_core.errors import DataError, MMRError, PluginError, UnknownNameError, UsageError
from mmr_core.logs.log_importer import LogImporter
from mmr_core.outcomes import OutcomeTable
from mmr_core.plugins import did_you_mean
from mmr_core.store import OutcomeStore

if TYPE_CHECKING:
    from mmr_core.plugins import Contribution
    from mmr_core.registry import Registry
    from mmr_core.specs import ComponentSpec

Warn = Callable[[str], None]
MAPPED_CELLS = 20_000_000
"""The outcomes of a store with more cells than this are memory-mapped files in the cache; answers are left out."""


def open_table(
    data: str | Path | None,
    registry: Registry,
    *,
    cache: Path,
    warn: Warn = lambda line: None,
    progress: Progress = no_progress,
) -> OutcomeTable:
    """The table that `--data` means.

    In this order: nothing at all means the default embedded importer; the name of an embedded importer means that
    importer; a folder with `manifest.json` is a store; any other path goes to the one importer that
    recognises it. Write `./name` for a folder that has the name of an importer.

    :param cache: a folder that importers may keep things in; made where it does not exist.
    :raises UsageError: if a name or path could be meant in two ways.
    :raises DataError: if there is nothing at the path, no importer can read it, or its reader finds it faulty.
    """
    context = import_context(registry, cache=cache, warn=warn, progress=progress)
    if data is None:
        return _embedded(registry, registry.importers.default().canonical_id, context)
    name = str(data) if isinstance(data, str) else None
    if name in _names(registry):
        return _embedded(registry, name, context)
    path = Path(data)
    if not path.exists():
        raise _nothing_there(str(data), registry)
    if OutcomeStore.is_in(path):
        store = OutcomeStore.open(path)
        return store.table(arrays=cache / "outcome-arrays" if store.cells() > MAPPED_CELLS else None)
    return _read(_taker(path, registry, warn), path, context)


def import_table(
    format_name: str,
    path: Path,
    registry: Registry,
    *,
    cache: Path,
    warn: Warn = lambda line: None,
    progress: Progress = no_progress,
) -> OutcomeTable:
    """The table that the importer of this name reads at a path.

    :raises UsageError: if there is no such importer, or it reads nothing because it is embedded.
    :raises DataError: if there is nothing at the path, or the importer finds it faulty.
    """
    importer = importer_of(format_name, path, registry, warn=warn)
    return _read(importer, path, import_context(registry, cache=cache, warn=warn, progress=progress))


def read_parts(
    format_name: str | None,
    data: str,
    registry: Registry,
    *,
    cache: Path,
    warn: Warn = lambda line: None,
    progress: Progress = no_progress,
) -> Iterator[OutcomeTable]:
    """The table that `open_table` or, with a format's name, `import_table` gives: in parts if its importer can.

    :raises UsageError, DataError: as these two; `DataError` also after parts have been given.
    """
    path = Path(data)
    if format_name is None and (data in _names(registry) or not path.exists() or OutcomeStore.is_in(path)):
        yield open_table(data, registry, cache=cache, warn=warn, progress=progress)
        return
    importer = importer_of(format_name, path, registry, warn=warn)
    context = import_context(registry, cache=cache, warn=warn, progress=progress)
    if isinstance(importer, PartwiseImporter):
        yield from importer.read_parts(path, context)
    else:
        yield _read(importer, path, context)


def importer_of(format_name: str | None, path: Path, registry: Registry, *, warn: Warn = lambda line: None) -> Any:
    """The importer of this name or, without a name, the one importer that takes a path for its own.

    :raises UsageError: if there is no such importer, it reads nothing because it is embedded, or several fit.
    :raises DataError: if there is nothing at the path, or no importer knows its format.
    """
    importer = None if format_name is None else registry.importers.create(format_name)
    if importer is not None and importer.embedded:
        raise UsageError(f"importer {format_name!r} is embedded and reads no path", fix="leave the path out")
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path))
    return _taker(path, registry, warn) if importer is None else importer


def log_importer_of(
    format_name: str | None, data: str, registry: Registry, *, warn: Warn = lambda line: None
) -> LogImporter | None:
    """The importer of evaluation logs that `importer_of` finds; None if it is one of finished tables.

    Embedded tables and stores are finished tables too.

    :raises UsageError, DataError: as `importer_of`.
    """
    if format_name is None and (data in _names(registry) or not Path(data).exists() or OutcomeStore.is_in(data)):
        return None
    importer = importer_of(format_name, Path(data), registry, warn=warn)
    return importer if isinstance(importer, LogImporter) else None


def import_context(registry: Registry, *, cache: Path, warn: Warn, progress: Progress) -> ImportContext:
    """What importers may draw on; `cache` is made where it does not exist."""
    cache.mkdir(parents=True, exist_ok=True)
    return ImportContext(
        datasets=registry.datasets.all(), models=registry.models.all(), cache=cache, warn=warn, progress=progress
    )


def _names(registry: Registry) -> set[str | None]:
    return {name for item in registry.importers.specs() for name in (item.name, item.canonical_id)}


def _embedded(registry: Registry, name: str | None, context: ImportContext) -> OutcomeTable:
    importer = registry.importers.create(name or "")
    if not importer.embedded:
        raise UsageError(
            f"{name!r} is a format that is read from files, not a table",
            fix=f"give the path of the file, or './{name}' if that is its name",
        )
    return _read(importer, None, context)


def _taker(path: Path, registry: Registry, warn: Warn) -> Any:
    takers = []
    for item in registry.importers.specs():
        importer = _available(item, registry, warn)
        if importer is not None and not importer.embedded and _sniffs(importer, item, path, warn):
            takers.append((registry.importers.label(item), importer))
    if len(takers) > 1:
        names = " and ".join(repr(name) for name, _ in takers)
        raise UsageError(
            f"the formats {names} both fit",
            where=str(path),
            fix="choose with 'mmr data import FORMAT PATH --out STORE'",
        )
    if not takers:
        raise DataError(f"is not a store, and no importer knows its format{_known(registry)}", where=str(path))
    return takers[0][1]


def _read(importer: Any, path: Path | None, context: ImportContext) -> OutcomeTable:
    table = importer.read(path, context)
    if not isinstance(table, OutcomeTable):
        raise PluginError(
            f"importer {type(importer).__name__!r} gave a {type(table).__name__}, not an OutcomeTable",
            where=type(importer).__module__,
            fix="report it to the plugin's author",
        )
    return table


def _available(item: Contribution[ComponentSpec], registry: Registry, warn: Warn) -> Any | None:
    """The importer, or None with a warning where it cannot be loaded: others may read the path."""
    try:
        return registry.importers.create(item.canonical_id)
    except MMRError as error:
        warn(str(error))
        return None


def _sniffs(importer: Any, item: Contribution[ComponentSpec], path: Path, warn: Warn) -> bool:
    try:
        return bool(importer.sniff(path))
    except Exception as error:
        warn(f"importer {item.canonical_id!r} failed to look at {path}: {type(error).__name__}: {error}")
        return False


def _nothing_there(data: str, registry: Registry) -> MMRError:
    try:
        registry.importers.find(data)
    except PluginError as error:
        return error
    except UnknownNameError:
        pass
    what = "there is no such file or folder, and no embedded table of that name"
    return DataError(f"{what}{did_you_mean(data, registry.importers.names())}{_known(registry)}", where=data)


def _known(registry: Registry) -> str:
    """What there is to choose from, for a message."""
    each = "; ".join(f"{registry.importers.label(item)} ({item.spec.summary})" for item in registry.importers.specs())
    return f"; importers: {each or 'none'}"
