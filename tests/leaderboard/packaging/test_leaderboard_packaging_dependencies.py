"""Which files of the runner's libraries submitted code sees, shown with distributions made by hand."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from mmr_core.errors import MMRError
from mmr_leaderboard.packaging import dependencies as libraries
from mmr_leaderboard.packaging.dependencies import Dependencies, links

REQUIRED = {"mmr-bench": ("small", "large; extra == 'torch'", "absent"), "small": ("pip", "deep[more]")}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dependencies]:
    """A function that installs distributions of these files, each named once, and gives what a runner would bring.

    A file whose name ends in "/" is a folder with a module in it. `entry_points` are those of `small`.
    """

    def install(
        files: dict[str, tuple[str, ...]], *, required: dict[str, tuple[str, ...]] = REQUIRED, entry_points: str = ""
    ) -> Dependencies:
        homes = {}
        for name, names in files.items():
            site = tmp_path / ("elsewhere" if name == "elsewhere" else "site")
            described = site / f"{name}-1.0.dist-info"
            described.mkdir(parents=True)
            lines = [f"Requires-Dist: {line}" for line in required.get(name, ())]
            (described / "METADATA").write_text("\n".join([f"Name: {name}", "Version: 1.0", *lines, ""]))
            (described / "entry_points.txt").write_text(entry_points if name == "small" else "")
            recorded = [file + "module.py" if file.endswith("/") else file for file in names]
            recorded.append(f"{described.name}/METADATA")
            (described / "RECORD").write_text("".join(f"{file},,\n" for file in recorded))
            for file in recorded:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                (site / file).touch()
            homes[name] = metadata.PathDistribution(described)

        def find(name: str) -> metadata.Distribution:
            if name not in homes:
                raise metadata.PackageNotFoundError(name)
            return homes[name]

        monkeypatch.setattr(libraries.metadata, "distribution", find)
        return libraries.dependencies.__wrapped__()

    return install


def test_what_is_required_directly_or_not_is_brought_and_nothing_else(installed):
    found = installed({"mmr-bench": ("own/",), "small": ("small/",), "large": ("large/",), "deep": ("deep.py",),
                       "pip": ("pip/",), "stranger": ("stranger/",)})  # fmt: skip
    assert found.versions == {"small": "1.0", "large": "1.0", "deep": "1.0"}
    assert found.modules == {"small", "large", "deep"}


def test_files_that_act_at_the_start_or_lie_outside_are_left_out(installed, tmp_path):
    files = ("small/", "small.libs/", "start.pth", "../bin/tool", "__pycache__/small.cpython-311.pyc", "single.py")
    found = installed({"mmr-bench": (), "small": files})
    assert set(found.entries) == {
        "small", "small.libs", "single.py", "__pycache__/small.cpython-311.pyc", "small-1.0.dist-info",
    }  # fmt: skip
    folder = links(found, tmp_path / "cache")
    assert (folder / "small" / "module.py").resolve() == (tmp_path / "site" / "small" / "module.py").resolve()
    assert (folder / "__pycache__" / "small.cpython-311.pyc").is_symlink()


def test_another_plugin_is_no_library_even_where_it_is_required(installed):
    found = installed({"mmr-bench": (), "small": ("small/",)}, entry_points="[mmr.plugins.v1]\nsmall = small\n")
    assert found.versions == {}


def test_a_library_in_editable_form_is_an_error_that_says_how_to_mend_it(installed):
    with pytest.raises(MMRError, match=r"package small: .*editable.*pip install --force-reinstall small"):
        installed({"mmr-bench": (), "small": ("__editable___small.pth",)})


def test_a_distribution_of_nothing_but_requirements_is_fine(installed):
    found = installed({"mmr-bench": (), "small": (), "deep": ("deep/",)})
    assert found.modules == {"deep"}


def test_one_name_in_two_places_is_an_error(installed):
    required = {"mmr-bench": ("small", "elsewhere")}
    with pytest.raises(MMRError, match="two places"):
        installed({"mmr-bench": (), "small": ("shared/",), "elsewhere": ("shared/",)}, required=required)


def test_a_distribution_of_which_no_files_are_known_is_an_error(installed, monkeypatch):
    monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda *_: None)
    with pytest.raises(MMRError, match="which files"):
        list(libraries._entries("small", metadata.PathDistribution(Path("/nowhere/small-1.0.dist-info"))))
