"""What commands print with: results on stdout, everything else on stderr, colour only on a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from rich.console import Console
from rich.markup import escape

from mmr_core.contracts import Progress
from mmr_core.errors import PluginError
from mmr_core.registry import Registry

STRICT_VARIABLE = "MMR_STRICT_PLUGINS"


def console() -> Console:
    """The console for results."""
    return Console()


def messages() -> Console:
    """The console for warnings, errors and progress."""
    return Console(stderr=True)


def warn(line: str) -> None:
    """Prints one warning line on stderr."""
    messages().print(f"[yellow]warning:[/yellow] {escape(line)}", soft_wrap=True, highlight=False)


def note(line: str) -> None:
    """Prints one line of plain information on stderr."""
    messages().print(escape(line), soft_wrap=True, highlight=False, style="dim")


def print_json(value: Any) -> None:
    """Prints JSON, and nothing else, on stdout."""
    print(json.dumps(value, indent=2, allow_nan=False))


@cache
def registry() -> Registry:
    """The registry of this process; warns once, in one line each, about plugins that are left out.

    :raises PluginError: if a plugin failed and the environment asks for strictness.
    """
    found = Registry.discover()
    for failure in found.failures:
        if os.environ.get(STRICT_VARIABLE, "") not in ("", "0"):
            raise PluginError(str(failure), fix=f"unset {STRICT_VARIABLE} to go on", details=failure.traceback)
        warn(f"{failure}; see 'mmr plugins list'")
    for provider, seconds in found.discovery.slow.items():
        warn(f"{provider} took {seconds:.1f} s to import, for which every command waits; see 'mmr plugins check'")
    return found


@contextmanager
def progress(*, shown: bool = True) -> Iterator[Progress]:
    """A progress bar per task on stderr; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    target = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=target, transient=True, disable=not (shown and target.is_terminal)) as bars:
        tasks: dict[str, Any] = {}

        def report(task: str, done: int, total: int) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done, total=total, visible=done < total)

        yield report
