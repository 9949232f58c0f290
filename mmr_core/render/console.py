"""The terminal: results on stdout, messages and progress on stderr, colour only where there is a terminal.

Used by `mmr_core.cli` and by the commands that plugins mount. Importing it must stay cheap: `mmr --help` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape

from mmr_core.contracts import Progress


def console() -> Console:
    """The console for results."""
    return Console()


def messages() -> Console:
    """The console for warnings, errors and progress."""
    return Console(stderr=True)


def warn(line: str) -> None:
    """Prints a one-line warning on stderr."""
    messages().print(f"[yellow]warning:[/yellow] {escape(line)}", soft_wrap=True, highlight=False)


def note(line: str) -> None:
    """Prints one line of plain information on stderr."""
    messages().print(escape(line), soft_wrap=True, highlight=False, style="dim")


def print_json(value: Any) -> None:
    """Prints JSON, and nothing else, on stdout."""
    print(json.dumps(value, indent=2, allow_nan=False))


@contextmanager
def progress(*, shown: bool = True) -> Iterator[Progress]:
    """A progress bar per task on stderr; none if stderr is not a terminal."""
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
