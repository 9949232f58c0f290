"""`mmr leaderboard run`, `publish` and `sign-off` as a person meets them: exit codes, what is printed, what is left."""

from __future__ import annotations

import json

import pytest

from mmr_core.cli import main
from mmr_leaderboard.findings import finding
from mmr_leaderboard.publish.log import read_log
from mmr_leaderboard.publish.publication import read_board
from mmr_leaderboard.ranking import board_run as run_module


@pytest.fixture
def mmr(ground, capsys, monkeypatch):
    """A function that runs `mmr leaderboard` on the ground and gives exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(ground.folder)

    def call(*words, out=None):
        folder = ground.published if out is None else out
        where = ["--submissions", str(ground.submissions)] if words[0] == "run" else []
        code = main(["leaderboard", *map(str, words), *where, "--out", str(folder)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def held(folder):
    """Every file of a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_publishes_everything_and_check_agrees(mmr, ground, stage):
    ground.decide("by-hand")
    ground.plug("router", "knn")
    stage.answer("knn")
    code, out, err = mmr("run")
    assert code == 0, err
    assert "By hand" in out
    assert "oracle" in out
    assert {"leaderboard.json", "LEADERBOARD.md", "leaderboard.csv", "choices.json", "audit.jsonl"} <= held(
        ground.published
    ).keys()
    assert [(event.event, event.slug) for event in read_log(ground.published).events] == [
        ("added", "by-hand"),
        ("added", "router"),
    ]
    assert ground.asked == ["knn"]
    assert err.strip().splitlines()[-1] == f"the site begins at {ground.published}/site/index.html"
    before = held(ground.published)
    code, _, err = mmr("run", "--check")
    assert (code, err.strip().splitlines()[-1]) == (0, f"{ground.published} is what a run gives")
    assert ground.asked == ["knn", "knn"], "a check trusts nothing that was kept"
    code, _, err = mmr("run")
    assert code == 0
    assert "2 verdicts were kept from earlier runs; 1 of them, drawn at random, were computed anew" in err
    assert held(ground.published).keys() == before.keys()


def test_json_on_stdout_is_the_published_document_and_nothing_else(mmr, ground):
    ground.decide("by-hand")
    code, out, _ = mmr("run", "--json")
    assert code == 0
    assert json.loads(out) == json.loads((ground.published / "leaderboard.json").read_text())


def test_a_submission_without_a_row_makes_the_run_fail_with_its_reason_and_publishes_the_rest(mmr, ground, stage):
    ground.decide("by-hand")
    ground.plug("router", "knn")
    stage.answer("knn", policy=None, findings=(finding("raised", "the fit", "it raised [bold]ZeroDivisionError"),))
    code, _, err = mmr("run")
    assert code == 1
    assert "router has no row: raised: the fit: it raised [bold]ZeroDivisionError" in err
    assert [entry.slug for entry in read_board(ground.published).entries] == ["by-hand"]
    # What is published is all the same what a run gives.
    assert mmr("run", "--check")[0] == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda folder: (folder / "LEADERBOARD.md").write_text("x"),
            "LEADERBOARD.md is not what leaderboard.json gives",
        ),
        (lambda folder: (folder / "leaderboard.csv").unlink(), "leaderboard.csv is missing"),
        (lambda folder: (folder / "site" / "evil.html").write_text("x"), "site/evil.html does not belong"),
        (lambda folder: (folder / "choices.json").unlink(), "choices.json is missing"),
        (lambda folder: (folder / "audit.jsonl").unlink(), "added is not in the record: by-hand"),
    ],
)
def test_check_fails_where_a_published_file_is_not_what_it_should_be(mmr, ground, damage, said):
    ground.decide("by-hand")
    assert mmr("run")[0] == 0
    damage(ground.published)
    before = held(ground.published)
    code, _, err = mmr("run", "--check")
    assert code == 1
    assert said in err
    assert held(ground.published) == before


def test_check_fails_where_a_figure_was_raised_in_all_files_at_once(mmr, ground):
    ground.decide("by-hand")
    assert mmr("run")[0] == 0
    file = ground.published / "leaderboard.json"
    board = json.loads(file.read_text())
    board["entries"][0]["metrics"]["nauc"]["value"] += 0.01
    file.write_text(json.dumps(board))
    assert mmr("publish", file)[0] == 0  # now every derived file agrees with the lie
    code, _, err = mmr("run", "--check")
    assert code == 1
    assert "entry 'by-hand', metrics.nauc.value: published" in err
    assert "1 differences" in err


def test_check_fails_where_a_valid_submission_is_absent_and_where_one_is_gone(mmr, ground):
    ground.decide("by-hand", 1)
    assert mmr("run")[0] == 0
    ground.decide("another", 2)
    code, _, err = mmr("run", "--check")
    assert code == 1
    assert "entry 'another' is not published" in err
    assert mmr("run")[0] == 0
    for file in sorted((ground.submissions / "by-hand").iterdir()):
        file.unlink()
    (ground.submissions / "by-hand").rmdir()
    code, _, err = mmr("run", "--check")
    assert code == 1
    assert "entry 'by-hand' is published and a fresh run has none" in err
    assert mmr("run")[0] == 0
    assert read_log(ground.published).entries.keys() == {"another"}


@pytest.mark.parametrize(
    ("words", "tampered"),
    [
        (("run",), b"{}\n"),
        (("run",), b"\xff\xfe\n"),
        (("run",), b"[" * 5000 + b"\n"),
        (("run", "--check"), b"\xff\xfe\n"),
        (("publish", "published"), b'{"at": "yesterday"}\n'),
        (("sign-off",), b"\xff\xfe\n"),
    ],
)
def test_a_broken_record_is_one_line_and_nothing_is_replaced(mmr, ground, words, tampered):
    mmr("run")
    (ground.published / "audit.jsonl").write_bytes(tampered)
    before = held(ground.published)
    given = (*words, "by-hand", "placebo-skill", "--by", "Ada", "--why", "looked") if words[0] == "sign-off" else words
    code, out, err = mmr(*given)
    assert code == 1
    assert "audit.jsonl, line 1" in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert held(ground.published) == before
    assert out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"{", "is not JSON"),
        (b"[]", "is not a leaderboard"),
        (b'{"schema_version": 7, "entries": []}', "has schema version '7'"),
        (b'{"schema_version": 1, "entries": []}', "breaks schema version 1 at"),
        (b'{"schema_version": NaN, "entries": []}', "is not JSON"),
        (b"\xff", "is not JSON"),
    ],
)
@pytest.mark.parametrize("words", [("run", "--check"), ("publish", "elsewhere")])
def test_a_broken_document_is_one_line(mmr, ground, words, content, said):
    broken = ground.folder / ("published" if words[0] == "run" else "elsewhere")
    broken.mkdir()
    if content is not None:
        (broken / "leaderboard.json").write_bytes(content)
    code, out, err = mmr(*words)
    assert code == 1
    assert out == ""
    [line] = err.strip().splitlines()[-1:]
    assert line.startswith("error: ")
    assert said in line
    assert ground.asked == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--unsafe", "--isolation", "landlock"), "--unsafe and --isolation exclude each other"),
        (("run", "--wheelhouse", "nowhere"), "--wheelhouse nowhere"),
        (("run", "--isolation", "prayer"), "prayer"),
        (("run", "--jobs", "0"), "--jobs"),
        (("run", "--out", "file"), "--out file: not a folder"),
        (("sign-off", "x", "placebo-skill", "--by", "Ada", "--why", "looked"), "no entry 'x' is on the board"),
        (("sign-off", "x", "two-decisions", "--by", "Ada", "--why", "looked"), "cannot be signed off"),
        (("sign-off", "x", "whitespace-flips", "--by", "Ada", "--why", "looked"), "cannot be signed off"),
        (("sign-off", "x", "placebo-skill"), "--by"),
    ],
)
def test_wrong_use_is_told_before_anything_is_run(mmr, ground, stage, words, said):
    ground.plug("router", "knn")
    (ground.folder / "file").write_text("mine")
    if "--out" in words:
        code, out, err = mmr(*words[:1], out=words[-1])
    else:
        code, out, err = mmr(*words)
    assert code == 2, err
    assert said in err
    assert "Traceback" not in err
    assert out == ""
    assert ground.asked == []
    assert not ground.published.exists()
    assert (ground.folder / "file").read_text() == "mine"


def test_a_table_that_is_not_there_is_one_line(mmr, ground):
    code, out, err = mmr("run", "--data", "nowhere")
    assert (code, out) == (1, "")
    [line] = err.strip().splitlines()
    assert line.startswith("error: nowhere: there is no such file or folder")
    assert not ground.published.exists()


def test_an_absent_folder_of_submissions_is_wrong_use(ground, capsys, monkeypatch):
    monkeypatch.chdir(ground.folder)
    assert main(["leaderboard", "run", "--submissions", "nowhere", "--out", "published"]) == 2
    assert "nowhere: there is no such folder; give --submissions" in capsys.readouterr().err
    assert not ground.published.exists()


def test_publishing_what_a_run_wrote_elsewhere_gives_the_same_bytes(mmr, ground, capsys):
    ground.decide("by-hand")
    assert mmr("run")[0] == 0
    elsewhere = ground.folder / "elsewhere"
    assert mmr("publish", ground.published, out=elsewhere)[0] == 0
    one, other = held(ground.published), held(elsewhere)
    assert one.pop("audit.jsonl")
    assert other.pop("audit.jsonl")
    assert one == other
    assert read_log(elsewhere).entries == read_log(ground.published).entries


def test_a_document_without_its_choices_is_published_with_a_warning(mmr, ground):
    ground.decide("by-hand")
    assert mmr("run")[0] == 0
    (ground.published / "choices.json").unlink()
    code, _, err = mmr("publish", ground.published / "leaderboard.json", out=ground.folder / "elsewhere")
    assert code == 0
    assert "has no choices.json" in err


def test_a_sign_off_takes_effect_with_the_next_run(mmr, ground, stage):
    ground.plug("router", "knn")
    stage.answer("knn", right=0.9, placebo=0.9)
    code, _, err = mmr("run")
    assert code == 0
    assert "router is flagged: placebo-skill" in err
    assert read_board(ground.published).entries[0].rank is None
    code, out, err = mmr("sign-off", "router", "placebo-skill", "--by", "Ada", "--why", "it was looked at")
    assert (code, out) == (0, "")
    assert "it takes effect with the next run" in err
    code, _, err = mmr("run", "--check")
    assert code == 1
    assert "audit.signed_off" in err
    code, _, err = mmr("run")
    assert code == 0
    assert "flagged: placebo-skill" not in err
    assert read_board(ground.published).entries[0].rank == 1
    assert mmr("run", "--check")[0] == 0
    assert [event.event for event in read_log(ground.published).events] == ["added", "signed off"]


def test_an_interruption_leaves_what_was_published_and_says_so_in_one_line(mmr, ground, stage, monkeypatch):
    ground.decide("by-hand")
    assert mmr("run")[0] == 0
    before = held(ground.published)

    def interrupted(board):
        raise KeyboardInterrupt

    stopped = []
    monkeypatch.setattr(run_module, "stop_all", lambda: stopped.append(True))
    ground.plug("router", "knn")
    stage.runs["knn"] = interrupted
    code, out, err = mmr("run")
    assert code == 130
    assert stopped == [True]
    assert held(ground.published) == before
    assert out == ""
    assert "Traceback" not in err
    said = [line for line in err.splitlines() if line.startswith(("warning", "error"))]
    assert said == ["warning: interrupted: everything that was running was stopped, and what is published is unchanged"]
    assert err.strip().endswith(said[0])


def test_a_kill_between_publication_and_record_is_mended_by_the_next_run(mmr, ground, monkeypatch):
    old = ground.decide("by-hand", 1)
    assert mmr("run")[0] == 0
    ground.decide("by-hand", 2, supersedes=old)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mmr_leaderboard.publish.log.append", killed)
        assert mmr("run")[0] != 0
    assert mmr("run", "--check")[0] == 1
    assert mmr("run")[0] == 0
    assert [event.event for event in read_log(ground.published).events] == ["added", "superseded"]
    assert mmr("run", "--check")[0] == 0


def test_a_full_disk_leaves_what_was_published(mmr, ground, monkeypatch):
    ground.decide("by-hand", 1)
    assert mmr("run")[0] == 0
    before = held(ground.published)
    ground.decide("another", 2)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("mmr_leaderboard.publish.replacement._write", full)
        code, _, err = mmr("run")
    assert code == 1
    assert "No space left on device" in err.strip().splitlines()[-1]
    assert held(ground.published) == before
