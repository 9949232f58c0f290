"""Generates a new plugin from packaged templates: its names, its files, and the folder that they are written to.

The templates are in the folder beside this module: `common` for every kind, and one folder per kind. All names follow
from the kind and from one word, which is kept as given.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mmr_core.errors import UsageError
from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_core.plugins import HOME, did_you_mean

SCAFFOLDED = ("router", "encoder", "fusion", "dataset", "model", "importer", "study")
"""The kinds with templates."""

CLASS_SUFFIX = {"router": "Router", "encoder": "Encoder", "fusion": "Fusion", "importer": "Importer", "study": "Study"}

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
LONGEST = 60

SUFFIX = ".template"
COMMON = "common"
PACKAGE, COMPONENT = "PACKAGE", "COMPONENT"
"""Placeholders in template paths for the names of the package and of the component."""


@dataclass(frozen=True, kw_only=True)
class PluginNames:
    """The names in a new plugin.

    :param kind: one of `SCAFFOLDED`.
    :param name: of the component, as given.
    :param distribution: the installed package, normalised (PEP 503): "mmr-router-myidea".
    :param package: the imported package: "mmr_router_myidea".
    :param class_name: the component's class: "MyideaRouter"; without the kind if there is no class.
    """

    kind: str
    name: str
    distribution: str
    package: str
    class_name: str


def names_for(kind: str, name: str, *, taken: Collection[str] = ()) -> PluginNames:
    """The names of a new plugin.

    :param taken: names reserved for built-in components of this kind.
    :raises UsageError: if there is no such kind, or the name is invalid or taken.
    """
    if kind not in SCAFFOLDED:
        raise UsageError(
            f"there is no template for a {kind!r}{did_you_mean(kind, SCAFFOLDED)}",
            fix=f"use one of {', '.join(SCAFFOLDED)}",
        )
    if len(name) > LONGEST or _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} is not a valid plugin name{_suggestion(name)}",
            fix=f"use lower-case letters and digits, in parts joined by '-', '_' or '.', {LONGEST} characters at most",
        )
    if name in taken:
        raise UsageError(
            f"{name!r} is the name of a built-in {kind}",
            fix="choose another name",
        )
    parts = re.split(r"[._-]", name)
    joined = "".join(part.capitalize() for part in parts)
    suffix = CLASS_SUFFIX.get(kind, "")
    distribution = f"mmr-{kind}-{'-'.join(parts)}"
    return PluginNames(
        kind=kind,
        name=name,
        distribution=distribution,
        package=distribution.replace("-", "_"),
        class_name=f"{suffix or kind.capitalize()}{joined}" if joined[0].isdigit() else f"{joined}{suffix}",
    )


def _suggestion(name: str) -> str:
    near = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:LONGEST].strip("-")
    return f", did you mean {near!r}?" if near and near != name else ""


def render(names: PluginNames) -> dict[str, str]:
    """The files of a new plugin: text by path within its folder, ordered by path."""
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


def write(names: PluginNames, contents: Mapping[str, str], folder: Path) -> Path:
    """Writes a new plugin into a new folder named after its distribution, and returns that folder.

    :param folder: the parent folder; created if need be.
    :raises UsageError: if the plugin's folder already exists or cannot be written.
    """
    home = folder / names.distribution
    if home.exists() or home.is_symlink():
        raise UsageError("it already exists, and nothing is overwritten", where=str(home), fix="name another --dir")
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{names.distribution}-", dir=folder))
    try:
        for path, text in contents.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8", newline="\n")
        draft.chmod(0o755)
        # Fails if the folder has been created in the meantime, unless it is empty.
        draft.rename(home)
    except OSError as error:
        raise UsageError(
            f"it could not be written ({error.strerror or error})", where=str(home), fix="name another --dir"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def _templates(folder: Traversable, within: str = "") -> dict[str, str]:
    """The texts of a folder of templates, by the paths of the files that they become."""
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _templates(entry, f"{within}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            found[f"{within}{entry.name.removesuffix(SUFFIX)}"] = entry.read_text("utf-8")
    return found


def _requirement() -> str:
    """The releases of this distribution that a plugin written today should work with."""
    major, minor = version(HOME).split(".")[:2]
    upper = f"0.{int(minor) + 1}" if major == "0" else str(int(major) + 1)
    return f"{HOME}>={major}.{minor},<{upper}"
