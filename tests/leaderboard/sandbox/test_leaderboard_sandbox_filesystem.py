"""From the paths of a view to links, mounts and empty folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmr_core.errors import DataError
from mmr_leaderboard.sandbox.contract import View
from mmr_leaderboard.sandbox.filesystem import MANY, SHARED_MEMORY, interpreter, interpreter_paths, layout


@pytest.fixture
def place(tmp_path):
    """A folder whose own path holds no links, with an empty scratch folder in it."""
    real = tmp_path.resolve()
    (real / "scratch").mkdir()
    return real


def layout_of(place, *readable):
    return layout(View(readable=tuple(readable), scratch=place / "scratch"))


def links_of(found):
    return {path: target for path, target in found.links if path != SHARED_MEMORY}


def test_plain_paths_are_mounted_where_they_are(place):
    (place / "folder").mkdir()
    (place / "file").touch()
    found = layout_of(place, place / "folder", place / "file")
    assert found.mounts == (place / "file", place / "folder")
    assert links_of(found) == {}
    assert found.scratch == place / "scratch"


def test_what_lies_in_a_readable_folder_is_not_mounted_again(place):
    (place / "folder" / "inner").mkdir(parents=True)
    assert layout_of(place, place / "folder" / "inner", place / "folder").mounts == (place / "folder",)


def test_links_on_the_way_are_made_anew(place):
    (place / "usr" / "lib").mkdir(parents=True)
    (place / "lib").symlink_to("usr/lib")
    (place / "alias").symlink_to(place / "lib")
    found = layout_of(place, place / "alias")
    assert found.mounts == (place / "usr" / "lib",)
    assert links_of(found) == {place / "alias": str(place / "lib"), place / "lib": "usr/lib"}


def test_a_path_through_a_linked_folder_leads_where_it_does(place):
    (place / "real" / "deep").mkdir(parents=True)
    (place / "real" / "deep" / "file").touch()
    (place / "short").symlink_to("./real/../real/deep/")
    found = layout_of(place, place / "short" / "file")
    assert found.mounts == (place / "real" / "deep" / "file",)
    assert set(links_of(found)) == {place / "short"}


def test_links_within_a_readable_folder_are_there_already(place):
    (place / "folder").mkdir()
    (place / "folder" / "file").touch()
    (place / "folder" / "link").symlink_to("file")
    found = layout_of(place, place / "folder", place / "folder" / "link")
    assert (found.mounts, links_of(found)) == ((place / "folder",), {})


def test_a_folder_that_is_listed_whole_but_for_packages_is_mounted_at_once(place):
    library = place / "library"
    for number in range(MANY):
        (library / f"module{number}").mkdir(parents=True)
    (library / "site-packages" / "wanted").mkdir(parents=True)
    (library / "site-packages" / "unwanted").mkdir()
    listed = [library / f"module{number}" for number in range(MANY)]
    found = layout_of(place, *listed, library / "site-packages" / "wanted")
    assert found.mounts == (library, library / "site-packages" / "wanted")
    assert found.emptied == (library / "site-packages",)


def test_a_folder_that_holds_anything_else_is_mounted_piece_by_piece(place):
    library = place / "library"
    for number in range(MANY):
        (library / f"module{number}").mkdir(parents=True)
    (library / "hidden").mkdir()
    listed = [library / f"module{number}" for number in range(MANY)]
    found = layout_of(place, *listed)
    assert set(found.mounts) == set(listed)
    assert found.emptied == ()


def test_devices_are_left_to_the_sandbox(place):
    assert layout_of(place, Path("/dev/null"), Path("/dev/urandom")).mounts == ()


def test_an_absent_path_is_named(place):
    with pytest.raises(DataError, match="absent"):
        layout_of(place, place / "absent")


def test_a_relative_path_is_refused(place):
    with pytest.raises(DataError, match="relative"):
        layout_of(place, Path("here"))


def test_the_whole_file_system_is_refused(place):
    (place / "all").symlink_to("/")
    with pytest.raises(DataError, match="whole file system"):
        layout_of(place, place / "all")


def test_what_the_temporary_folder_would_cover_is_refused(place):
    (place / "scratch" / "file").touch()
    with pytest.raises(DataError, match="would be covered"):
        layout_of(place, place / "scratch" / "file")


def test_links_that_go_round_are_refused(place):
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    with pytest.raises(DataError, match="cycle"):
        layout_of(place, place / "one")


def test_the_standard_library_takes_few_mounts(place):
    assert len(layout_of(place, *interpreter_paths()).mounts) < 40


def test_the_interpreter_is_named_and_nothing_of_packages_or_users_is():
    paths = interpreter_paths()
    assert interpreter() in paths
    assert all(path.exists() for path in paths)
    assert not {"site-packages", "dist-packages"} & {part for path in paths for part in path.parts}
    assert not {Path("/"), Path("/etc"), Path("/usr"), Path("/usr/lib"), Path("/home"), Path("/root")} & set(paths)
    assert not any(str(path).startswith(("/etc/passwd", "/etc/shadow", "/home/")) for path in paths)


def test_the_compiled_modules_of_the_standard_library_can_be_imported(place):
    assert any(path.name == "lib-dynload" for path in interpreter_paths()) or not os.path.exists("/usr/lib/python3")


def test_a_link_counts_as_listed(place):
    library = place / "library"
    for number in range(MANY):
        (library / f"module{number}").mkdir(parents=True)
    (place / "elsewhere").touch()
    (library / "link").symlink_to(place / "elsewhere")
    found = layout_of(place, *library.iterdir())
    assert found.mounts == (place / "elsewhere", library)
    assert links_of(found) == {}
