"""`mmr leaderboard init` writes what `mmr leaderboard validate` takes; the documentation says what both know."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from mmr_core.cli import main
from mmr_core.errors import DataError, UsageError
from mmr_core.outcomes import OutcomeTable
from mmr_core.plugins import HOME
from mmr_core.store import OutcomeStore
from mmr_leaderboard.submission.documentation import page
from mmr_leaderboard.submission.manifest import Manifest, Pins, read_manifest
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.renewal import renew
from mmr_leaderboard.submission.skeleton import write_skeleton
from mmr_leaderboard.submission.validation import judge

DOCS = Path(__file__).parents[3] / "docs" / "submissions.md"
EXPECTED = Expected(
    pins=Pins(table="1" * 32, split="2" * 32, pool="3" * 32),
    test_ids=("Toy_1", "Toy,2"),
    pool=("small", "large"),
    references=(),
)
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mmr(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A function that runs `mmr leaderboard` in an empty folder and gives exit code, stdout and stderr."""
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        code = main(["leaderboard", *(str(word) for word in words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def store(table: Callable[..., OutcomeTable], tmp_path: Path) -> Path:
    OutcomeStore(tmp_path / "store").add(table(models=3, instances=60))
    return tmp_path / "store"


def manifest_of(folder: Path) -> Manifest:
    manifest, findings = read_manifest((folder / "submission.toml").read_bytes())
    assert findings == []
    assert manifest is not None
    return manifest


def filled_in(folder: Path) -> None:
    """Replaces the examples of the template."""
    manifest = folder / "submission.toml"
    text = manifest.read_text().replace("Your Name", "Ada Lovelace").replace("you@example.org", "ada@analytical.engine")
    manifest.write_text(text)


@pytest.mark.parametrize("kind", ["plugin", "decisions"])
def test_what_init_writes_is_valid_but_for_absent_decisions(mmr: Call, store: Path, tmp_path: Path, kind: str) -> None:
    code, _, said = mmr("init", "my-entry", "--kind", kind, "--data", store)
    assert code == 0
    assert "my-entry/submission.toml" in said
    code, out, _ = mmr("validate", "my-entry", "--data", store)
    assert code == 1
    assert [line.split(":")[1].strip() for line in out.splitlines()][-2:] == ["placeholder", "placeholder"]
    filled_in(tmp_path / "submissions" / "my-entry")
    code, out, _ = mmr("validate", "my-entry", "--data", store)
    if kind == "plugin":
        assert code == 0
        assert out.startswith("my-entry: valid (")
    else:
        assert code == 1
        assert out.startswith("my-entry: missing-decisions: decisions.parquet: ")
        assert out.count("\n") == 1


def test_a_template_names_every_test_instance_and_no_model(mmr: Call, store: Path, tmp_path: Path) -> None:
    assert mmr("init", "my-entry", "--kind", "decisions", "--template", "--data", store)[0] == 0
    filled_in(tmp_path / "submissions" / "my-entry")
    path = tmp_path / "submissions" / "my-entry" / "decisions.csv.gz"
    code, out, _ = mmr("validate", "--data", store, "--json")
    found = json.loads(out)["submissions"][0]
    assert code == 1
    assert [one["code"] for one in found["findings"]] == ["null-decision"]
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace(",0,\n", ",0,model-1\n").encode()))
    code, out, _ = mmr("validate", "--data", store, "--json")
    assert code == 0
    assert json.loads(out)["submissions"][0]["valid"] is True


def test_wheels_are_copied_and_their_hashes_written(tmp_path: Path) -> None:
    names = ("my_router-0.1.2-py3-none-any.whl", "more-2.0-py3-none-any.whl")
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    written = write_skeleton(
        "my-entry", tmp_path / "submissions", EXPECTED, "plugin", wheels=[tmp_path / name for name in names]
    )
    folder = tmp_path / "submissions" / "my-entry"
    assert written == [folder / "submission.toml", folder / "wheels" / names[1], folder / "wheels" / names[0]]
    router = manifest_of(folder).router
    assert router is not None
    assert router.requirement == "my-router==0.1.2"
    assert router.hashes == (f"sha256:{hashlib.sha256(names[0].encode()).hexdigest()}",)
    assert [one.requirement for one in router.dependencies] == ["more==2.0"]
    assert judge(folder, EXPECTED, pinned=True).findings == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("init", "My-Entry"), "not a slug"),
        (("init", "../x"), "not a slug"),
        (("init", "a" * 64), "not a slug"),
        (("init", "my-entry", "--requirement", "x>=1"), "not pinned"),
        (("init", "my-entry", "--kind", "decisions", "--router", "x"), "no router"),
        (("init", "my-entry", "--template"), "by the runner"),
        (("init", "my-entry", "--router", "nope"), "no built-in router is called 'nope'"),
        (("init", "my-entry", "--router", "nope", "--requirement", "mmr-bench==0.1.0"), "no built-in router"),
        (("init", "my-entry", "--update"), "there is no such submission"),
        (("init", "my-entry", "--update", "--router", "knn"), "changes only hashes"),
        (("validate", "nobody"), "no submission 'nobody'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_two(
    mmr: Call, store: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "submissions").mkdir()
    code, out, err = mmr(*words, "--data", store)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert list((tmp_path / "submissions").iterdir()) == []


@pytest.mark.parametrize("name", ["x.zip", "x.whl", "a-1-py3-none-an y.whl"])
def test_what_is_no_wheel_is_not_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="not named like a wheel"):
        write_skeleton("my-entry", tmp_path / "submissions", EXPECTED, "plugin", wheels=[tmp_path / name])


def test_an_update_renews_hashes_versions_and_pins_and_keeps_the_rest(tmp_path: Path) -> None:
    first, second = (tmp_path / f"my_router-{number}-py3-none-any.whl" for number in ("0.1.2", "0.1.3"))
    other = tmp_path / "more-2.0-py3-none-any.whl"
    for path in (first, second, other):
        path.write_bytes(path.name.encode())
    write_skeleton("my-entry", tmp_path, EXPECTED, "plugin", router="mine", wheels=[first, other])
    filled_in(tmp_path / "my-entry")
    manifest = tmp_path / "my-entry" / "submission.toml"
    manifest.write_text(manifest.read_text().replace("seed = 0", "seed = 7  # my lucky number"))
    before = manifest.read_text()
    pins = Pins(table="4" * 32, split="5" * 32, pool="6" * 32)

    renew("my-entry", tmp_path, replace(EXPECTED, pins=pins), wheels=[second])

    after = manifest_of(tmp_path / "my-entry")
    assert after.pins == pins
    assert after.router is not None
    assert after.router.requirement == "my-router==0.1.3"
    assert after.router.hashes == (f"sha256:{hashlib.sha256(second.read_bytes()).hexdigest()}",)
    assert after.router.dependencies[0].hashes == (f"sha256:{hashlib.sha256(other.read_bytes()).hexdigest()}",)
    assert sorted(path.name for path in (tmp_path / "my-entry" / "wheels").iterdir()) == [other.name, second.name]
    old, new = before.splitlines(), manifest.read_text().splitlines()
    assert len(old) == len(new)
    assert len([1 for pair in zip(old, new, strict=True) if pair[0] != pair[1]]) == 5


def test_an_update_takes_no_wheel_that_is_not_required(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger-1.0-py3-none-any.whl"
    stranger.write_bytes(b"x")
    write_skeleton("my-entry", tmp_path, EXPECTED, "plugin", router="mine", requirement="my-router==0.1.2")
    with pytest.raises(UsageError, match="not required"):
        renew("my-entry", tmp_path, EXPECTED, wheels=[stranger])


def test_init_never_overwrites(tmp_path: Path) -> None:
    write_skeleton("my-entry", tmp_path, EXPECTED, "plugin")
    before = (tmp_path / "my-entry" / "submission.toml").read_bytes()
    with pytest.raises(UsageError, match="already exists"):
        write_skeleton("my-entry", tmp_path, EXPECTED, "decisions")
    (tmp_path / "a-link").symlink_to("nowhere")
    with pytest.raises(UsageError, match="already exists"):
        write_skeleton("a-link", tmp_path, EXPECTED, "plugin")
    assert (tmp_path / "my-entry" / "submission.toml").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-link", "my-entry"]


def test_what_a_submitter_types_cannot_leave_its_string(tmp_path: Path) -> None:
    name = 'x"\n[pins]\\\x7f é'
    write_skeleton("my-entry", tmp_path, EXPECTED, "plugin", router=name)
    content = (tmp_path / "my-entry" / "submission.toml").read_bytes()
    findings = read_manifest(content)[1]
    assert [found.where for found in findings] == ["submission.toml, router.name"]


def test_a_change_outside_is_refused_and_the_changed_submission_is_judged(
    mmr: Call, store: Path, tmp_path: Path
) -> None:
    assert mmr("init", "my-entry", "--data", store)[0] == 0
    filled_in(tmp_path / "submissions" / "my-entry")
    own = f"{HOME}=={version(HOME)}"
    assert mmr("init", "other-entry", "--data", store, "--router", "linear", "--requirement", own)[0] == 0
    listed = tmp_path / "changed"
    listed.write_bytes(b"submissions/my-entry/submission.toml\0")
    code, out, _ = mmr("validate", "--changed-files", listed, "--data", store)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["my-entry"]
    listed.write_bytes(b"submissions/my-entry/submission.toml\0.github/x\n\xff\0")
    code, out, _ = mmr("validate", "--changed-files", listed, "--data", store)
    assert code == 1
    assert out.startswith("change: change-outside: .github/x\\x0a\\xff: ")


def test_a_list_of_changes_is_read_from_standard_input_and_a_withdrawal_is_no_fault(
    mmr: Call, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "submissions").mkdir()
    given = io.TextIOWrapper(io.BytesIO(b"submissions/gone-entry/submission.toml\0"))
    monkeypatch.setattr(sys, "stdin", given)
    code, out, _ = mmr("validate", "--changed-files", "-", "--data", store)
    assert (code, out) == (0, "gone-entry: withdrawn\n")


def test_hostile_folders_are_told_on_plain_lines(mmr: Call, store: Path, tmp_path: Path) -> None:
    (tmp_path / "submissions" / "<script>\x1b[31m\n").mkdir(parents=True)
    (tmp_path / "submissions" / "stray").write_text("")
    code, out, _ = mmr("validate", "--data", store)
    assert code == 1
    assert all(line.isprintable() for line in out.splitlines())
    assert {line.split(": ")[1] for line in out.splitlines()} == {"bad-slug", "bad-manifest", "not-a-plain-file"}


def test_the_page_on_submissions_is_up_to_date() -> None:
    text = DOCS.read_text("utf-8")
    assert page(text) == text, "run: python -m mmr_leaderboard.submission.documentation docs/submissions.md"


def test_a_page_without_markers_is_told() -> None:
    with pytest.raises(DataError, match="markers"):
        page("nothing here")


def test_wheels_are_looked_at_before_anything_runs(mmr: Call, store: Path, tmp_path: Path) -> None:
    import zipfile

    wheel = tmp_path / "mmr_router_mine-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mine.pth", "import os")
    assert mmr("init", "my-entry", "--data", store, "--router", "mine", "--wheel", wheel)[0] == 0
    code, out, _ = mmr("validate", "my-entry", "--data", store)
    assert code == 1
    assert out.startswith("my-entry: hostile-wheel: ")


def test_a_requirement_without_hashes_is_refused_and_one_that_may_be_on_the_index_is_not(
    mmr: Call, store: Path, tmp_path: Path
) -> None:
    asked = ("--data", store, "--router", "mine", "--requirement", "mmr-router-mine==0.1.0")
    assert mmr("init", "my-entry", *asked)[0] == 0
    code, out, _ = mmr("validate", "my-entry", "--data", store)
    assert code == 1
    assert out.startswith("my-entry: bad-requirement: ")
    path = tmp_path / "submissions" / "my-entry" / "submission.toml"
    filled_in(path.parent)
    path.write_text(path.read_text().replace("hashes = []", f'hashes = ["sha256:{"0" * 64}"]'))
    code, out, _ = mmr("validate", "my-entry", "--data", store)
    assert code == 0
