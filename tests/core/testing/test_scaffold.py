"""New plugins: names stay as they were given, files are written all or not at all, and templates make valid code."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, is_normalized_name

from mmr_core.cli import main
from mmr_core.cli.plugin_commands import ScaffoldKind
from mmr_core.errors import UsageError
from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_core.specs import ComponentSpec
from mmr_core.testing.scaffold import SCAFFOLDED, names_for, render, write

PARTS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
NAMES = st.builds(
    lambda first, rest: first + "".join(mark + part for mark, part in rest),
    PARTS,
    st.lists(st.tuples(st.sampled_from("-_."), PARTS), max_size=3),
)


def test_the_command_knows_the_kinds_that_have_templates():
    assert tuple(ScaffoldKind) == SCAFFOLDED


@given(kind=st.sampled_from(SCAFFOLDED), name=NAMES)
def test_a_name_is_kept_and_the_others_are_valid_where_they_are_used(kind, name):
    names = names_for(kind, name)
    assert names.name == name
    assert is_normalized_name(names.distribution)
    assert names.distribution == canonicalize_name(f"mmr-{kind}-{name}")
    assert names.package.isidentifier()
    assert names.class_name.isidentifier()
    ComponentSpec(kind="router", name=name, target=f"{names.package}.module:{names.class_name}", summary="")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("My_Idea", "my-idea"), ("a--b", "a-b"), ("-a", "a"), ("a b", "a-b"), ("knn!", "knn"), ("a/../b", "a-b")],
)
def test_what_is_no_name_is_answered_with_one(name, suggestion):
    with pytest.raises(UsageError, match=f"is not a valid plugin name, did you mean '{suggestion}'"):
        names_for("router", name)


@pytest.mark.parametrize("name", ["", "\n", "---", "ü", "a" * 61])
def test_what_cannot_be_a_name_is_refused(name):
    with pytest.raises(UsageError, match="is not a valid plugin name"):
        names_for("router", name)


def test_a_name_of_a_built_in_and_a_kind_without_template_are_refused():
    with pytest.raises(UsageError, match="'mine' is the name of a built-in router"):
        names_for("router", "mine", taken={"mine"})
    with pytest.raises(UsageError, match="no template for a 'rooter', did you mean 'router'"):
        names_for("rooter", "mine")


@pytest.mark.parametrize("kind", SCAFFOLDED)
@pytest.mark.parametrize("name", ["myidea", "2.5-vl_x", "a" * 60])
def test_every_template_is_filled_in_and_valid(kind, name):
    names = names_for(kind, name)
    contents = render(names)
    assert {".gitignore", "README.md", "pyproject.toml", ".github/workflows/ci.yml"} <= set(contents)
    assert f"{names.package}/__init__.py" in contents
    for path, text in contents.items():
        assert "<<" not in text, path
        assert "<%" not in text, path
        assert text.endswith("\n"), path
        assert not re.search(r"[ \t]\n|\n\n\n\n", text), path
        if path.endswith(".py"):
            ast.parse(text)
    project = tomllib.loads(contents["pyproject.toml"])
    assert project["project"]["name"] == names.distribution
    assert project["project"]["license"] == "Apache-2.0"
    assert project["project"]["entry-points"] == {ENTRY_POINT_GROUP: {name: names.package}}
    assert "0.1.0" in Requirement(project["project"]["dependencies"][0]).specifier
    job = yaml.safe_load(contents[".github/workflows/ci.yml"])["jobs"]["test"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[:2] == ['python -m pip install -e ".[test]"', "python -m pytest"]
    assert commands[2].startswith(f"mmr plugins check {names.distribution}")
    assert all(command in contents["README.md"] for command in commands)


def test_writing_makes_every_file_and_no_other(tmp_path):
    names = names_for("router", "myidea")
    home = write(names, render(names), tmp_path / "new" / "folder")
    assert home == tmp_path / "new" / "folder" / "mmr-router-myidea"
    written = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert written == set(render(names))
    assert [path.name for path in home.parent.iterdir()] == ["mmr-router-myidea"]


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(there, tmp_path):
    home = tmp_path / "mmr-router-myidea"
    {"file": home.touch, "folder": home.mkdir, "link": lambda: home.symlink_to("nowhere")}[there]()
    with pytest.raises(UsageError, match="it already exists, and nothing is overwritten"):
        write(names_for("router", "myidea"), {"a": "b"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mmr-router-myidea"]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    contents = {"one.py": "", "one.py/two.py": ""}
    with pytest.raises(UsageError, match="could not be written"):
        write(names_for("router", "myidea"), contents, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_made_and_what_to_do_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "importer", "myidea"]) == 0
    printed = capsys.readouterr().out
    assert "mmr_importer_myidea/importer.py" in printed
    check = "mmr plugins check mmr-importer-myidea --example"
    for step in ("cd mmr-importer-myidea", 'pip install -e ".[test]"', "-m pytest", check):
        assert step in printed
    assert main(["plugins", "new", "importer", "myidea"]) == 2
    assert main(["plugins", "new", "dataset", "myidea", "--dir", "elsewhere", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(Path("elsewhere") / "mmr-dataset-myidea")
    assert all((tmp_path / told["folder"] / path).is_file() for path in told["files"])


def test_the_command_refuses_names_of_built_ins_and_kinds_that_are_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "router", "knn"]) == 2
    assert "is the name of a built-in router" in capsys.readouterr().err
    assert main(["plugins", "new", "rooter", "mine"]) == 2
    assert list(tmp_path.iterdir()) == []
