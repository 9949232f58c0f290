"""Fills templates in and puts the files where they belong: all of them, or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mmr_core.errors import UsageError
from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_core.plugins import HOME
from mmr_core.testing.scaffold.naming import CLASS_SUFFIX, Names

SUFFIX = ".template"
COMMON = "common"
PACKAGE, COMPONENT = "PACKAGE", "COMPONENT"
"""Stand in paths of templates for the names of the package and of the component."""


def render(names: Names) -> dict[str, str]:
    """The files of a new plugin: their text by their path within its folder, in the order of the paths."""
    from jinja2 import Environment, StrictUndefined

    # Python, TOML, YAML and Markdown all use braces, so templates use other marks.
    environment = Environment(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,
    )
    facts = {
        **asdict(names),
        "a_kind": f"{'An' if names.kind[0] in 'aeiou' else 'A'} {names.kind}",
        "group": ENTRY_POINT_GROUP,
        "requirement": _requirement(),
        "is_class": names.kind in CLASS_SUFFIX,
    }
    root = files("mmr_core.testing.scaffold") / "templates"
    found = {**_templates(root / COMMON), **_templates(root / names.kind)}
    return {
        path.replace(PACKAGE, names.package).replace(COMPONENT, names.name): environment.from_string(text).render(facts)
        for path, text in sorted(found.items())
    }


def write(names: Names, contents: Mapping[str, str], folder: Path) -> Path:
    """Writes a new plugin into a new folder of its distribution's name, and gives that folder.

    :param folder: what it is made in; made where it does not exist.
    :raises UsageError: if there is something of that name already.
    """
    home = folder / names.distribution
    if home.exists() or home.is_symlink():
        raise UsageError("it exists already, and nothing is overwritten", where=str(home), fix="name another --dir")
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{names.distribution}-", dir=folder))
    try:
        for path, text in contents.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8", newline="\n")
        draft.chmod(0o755)
        # A folder that came into being meanwhile makes this fail, unless it is empty.
        draft.rename(home)
    except OSError as error:
        raise UsageError(
            f"it could not be written ({error.strerror or error})", where=str(home), fix="name another --dir"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def _templates(folder: Traversable, within: str = "") -> dict[str, str]:
    """The texts of a folder of templates, by the paths of what they become."""
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _templates(entry, f"{within}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            found[f"{within}{entry.name.removesuffix(SUFFIX)}"] = entry.read_text("utf-8")
    return found


def _requirement() -> str:
    """The releases of this distribution that a plugin of today can be expected to work with."""
    major, minor = version(HOME).split(".")[:2]
    upper = f"0.{int(minor) + 1}" if major == "0" else str(int(major) + 1)
    return f"{HOME}>={major}.{minor},<{upper}"
