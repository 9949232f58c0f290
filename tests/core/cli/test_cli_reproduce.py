"""`mmr reproduce` as a person meets it, with the studies and routers of a plugin that counts its fits."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mmr_core.cli import main
from mmr_core.cli.arguments import registry
from mmr_core.cli.inputs import lineup
from mmr_core.registry import Registry

PLUGIN = '''
import os
import signal
from pathlib import Path

import numpy as np

from mmr_core.contracts import Prediction
from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec
from mmr_core.studies import Cell, Entry, Exhibit, Finding, Gap, Line, Sheet, StudyReport, Unavailable
from mmr_core.results import averaged


class Counted:
    """Predicts training means; writes down each fit, and stops at the third where somebody listens."""

    default_fusion = None

    def __init__(self, *, seed=0, tilt=0.0, breaks=False):
        self.seed, self.tilt, self.breaks = seed, tilt, breaks

    def fit(self, training):
        if self.breaks:
            raise ArithmeticError("as it was told")
        fits = Path(os.environ["TOY_FITS"])
        with open(fits, "a") as file:
            file.write(f"{type(self).__name__} {self.seed} {len(training)}\\n")
        ear = os.environ.get("TOY_EAR")
        if ear and len(fits.read_text().splitlines()) == 3:
            Path(ear).write_text("the third fit\\n")
            signal.pause()
        self.utility, self.cost = np.nanmean(training.utility, axis=0), np.nanmean(training.cost, axis=0)
        return self

    def predict(self, queries):
        length = queries.light.text_length[:, None] * np.arange(len(self.utility))
        return Prediction(utility=self.utility + self.tilt * length, cost=np.tile(self.cost, (len(queries), 1)))


class Plodding(Counted):
    """Calls itself slow."""


class Marks:
    """One table and one finding of the plugin's own routers on every column."""

    title = "marks of counted routers"

    def cells(self, setting):
        own = [router for router in setting.routers if router in ("counted", "plodding")]
        for spec in setting.columns:
            yield Cell(test=spec.name)
            for router in own:
                yield from (Cell(test=spec.name, router=router, seed=seed) for seed in setting.seeds)

    def report(self, setting, results):
        records = [record for record in results.of(self.cells(setting)) if record.kind == "router"]
        if not records:
            raise Unavailable("no router was measured")
        nauc = averaged(records, "nauc")
        lines = tuple(Line(label=r.name, entries=(Entry.of(r.estimate("nauc")),)) for r in records)
        sheet = Sheet(header=("router", "nAUC"), lines=lines)
        return StudyReport(
            exhibits=(Exhibit(name="marks", title="Marks", caption="Of counted routers.", sheet=sheet),),
            findings=(
                Finding(
                    name="counting matters",
                    rule="It holds where nAUC lies above 0.",
                    holds=nauc.low > 0,
                    estimate=nauc,
                    words=f"nAUC is {nauc.value:.3f} [on average].",
                    published="nothing of the kind",
                ),
            ),
            gaps=(Gap(what="a second finding", reason="nobody looked for one"),),
            remarks=("Counted routers say little.",),
        )


class Absent(Marks):
    def cells(self, setting):
        raise Unavailable("this table has no smells")


class Clumsy(Marks):
    def report(self, setting, results):
        raise KeyError("dropped")


@hookimpl
def mmr_register_routers():
    yield ComponentSpec(kind="router", name="counted", target="mmr_toy_studies:Counted", summary="counts fits")
    yield ComponentSpec(
        kind="router", name="plodding", target="mmr_toy_studies:Plodding", summary="counts fits", slow=True
    )


@hookimpl
def mmr_register_studies():
    for name in ("marks", "absent", "clumsy"):
        yield ComponentSpec(
            kind="study", name=name, target=f"mmr_toy_studies:{name.title()}", summary="a study of a test"
        )
'''
DATASETS = ("GSM8K", "MMLU")
QUICK = ("--router", "counted", "--draws", "20", "--jobs", "1")


@pytest.fixture(autouse=True)
def plugin(tmp_path, monkeypatch) -> Iterator[Path]:
    """Installs the plugin for this process and those that it starts, with a cache and a record of fits of their own."""
    folder = tmp_path / "plugin"
    info = folder / "mmr_toy_studies-0.1.dist-info"
    info.mkdir(parents=True)
    (folder / "mmr_toy_studies.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmr-toy-studies\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[mmr.plugins.v1]\ntoy = mmr_toy_studies\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TOY_FITS", str(tmp_path / "fits"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.syspath_prepend(str(folder))
    registry.cache_clear()
    yield folder
    sys.modules.pop("mmr_toy_studies", None)
    registry.cache_clear()


@pytest.fixture
def data(tmp_path) -> Path:
    """A published table of two datasets without images."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "dataset_idx": f"{dataset}_{i}",
            "question": "How much is " + "1 + " * (i % 5) + "1?",
            "answer": "5",
            "Cheap_correct": int(rng.random() < 0.4),
            "Cheap_cost": f"{1e-6 * rng.uniform(0.5, 2):.3g}",
            "Dear_correct": int(rng.random() < 0.7),
            "Dear_cost": f"{1e-4 * rng.uniform(0.5, 2):.3g}",
        }
        for dataset in DATASETS
        for i in range(80)
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    with open(folder / "MMR_Bench.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def reproduce(data, tmp_path) -> Callable[..., int]:
    """A function that runs the command on that table with words of the test's, and gives its exit code."""

    def run(*words: str, out: str = "out", quick: tuple[str, ...] = QUICK) -> int:
        return main(["reproduce", *words, "--data", str(data), "--out", str(tmp_path / out), *quick])

    return run


@pytest.fixture
def fits(tmp_path) -> Callable[[], list[str]]:
    """A function that gives every fit so far: the router, its seed, how much it learned from."""
    return lambda: (tmp_path / "fits").read_text().splitlines() if (tmp_path / "fits").exists() else []


def test_findings_are_printed_in_words_and_everything_is_written(reproduce, tmp_path, capsys):
    assert reproduce("marks") == 0
    printed = capsys.readouterr()
    for words in ("counting matters", "holds", "[on average]", "nothing of the kind", "a second finding"):
        assert words in printed.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"marks.md", "marks.csv", "marks.tex", "findings.json", "report.html", "results.parquet"} <= names


def test_the_report_says_what_was_typed_and_what_could_not_be_made(reproduce, data, tmp_path):
    assert reproduce("marks", "absent") == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "mmr reproduce marks absent --data" in page
    assert "this table has no smells" in page
    assert "Counted routers say little." in page


def test_json_is_all_that_stands_on_stdout(reproduce, tmp_path, capsys):
    assert reproduce("marks", "absent", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    [finding] = told["findings"]
    assert finding["name"] == "counting matters"
    assert finding["holds"] is True
    assert told["unavailable"] == {"absent": "this table has no smells"}
    assert {Path(file).name for file in told["files"]} >= {"report.html", "marks.csv"}
    assert all(Path(file).is_file() for file in told["files"])


def test_every_seed_and_column_is_fitted_once(reproduce, fits):
    assert reproduce("marks") == 0
    assert len(fits()) == len(set(fits())) == 3 * 2  # seeds, datasets


def test_what_is_finished_is_not_fitted_again(reproduce, fits, capsys):
    assert reproduce("marks", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    before = fits()
    assert reproduce("marks", "--json", out="again") == 0
    second = json.loads(capsys.readouterr().out)
    assert fits() == before
    assert second["findings"] == first["findings"]
    assert first["cells"] == {"measured": 8, "kept": 0, "failed": 0}  # six fits, and the references of two datasets
    assert second["cells"] == {"measured": 0, "kept": 8, "failed": 0}


def test_a_parameter_that_is_set_reaches_the_router(reproduce, fits, capsys):
    assert reproduce("marks", "--json") == 0
    first = json.loads(capsys.readouterr().out)["findings"][0]
    assert reproduce("marks", "--json", "--set", "counted.tilt=0.01") == 0
    assert len(fits()) == 2 * 6
    assert json.loads(capsys.readouterr().out)["findings"][0]["value"] != first["value"]


def test_a_parameter_that_no_router_has_is_refused_before_any_work(reproduce, fits, capsys):
    assert reproduce("marks", "--set", "counted.tlit=1") == 2
    assert "no parameter 'tlit', did you mean 'tilt'?" in capsys.readouterr().err
    assert fits() == []


def test_a_study_that_nobody_knows_is_refused_with_the_nearest_names(reproduce, tmp_path, capsys):
    assert reproduce("mraks", "absent") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "unknown study 'mraks', did you mean 'marks'" in line
    assert not (tmp_path / "out").exists()


def test_nothing_that_can_be_made_is_a_failure_with_its_reason(reproduce, tmp_path, capsys):
    assert reproduce("absent") == 1
    printed = capsys.readouterr()
    assert "not made: absent: this table has no smells" in printed.out
    assert "nothing could be made from this table" in printed.err
    assert not (tmp_path / "out").exists()


def test_a_study_that_raises_is_named_and_the_others_are_written(reproduce, tmp_path, capsys):
    assert reproduce("clumsy", "marks") == 1
    assert "study 'clumsy' failed: KeyError: 'dropped'" in capsys.readouterr().err
    assert (tmp_path / "out" / "marks.md").is_file()
    assert "KeyError" in (tmp_path / "out" / "report.html").read_text()


def test_a_router_that_raises_is_named_and_the_others_are_written(reproduce, tmp_path, capsys):
    quick = ("--router", "counted,plodding", *QUICK[2:])
    assert reproduce("marks", "--set", "plodding.breaks=true", quick=quick) == 1
    assert "router 'plodding' failed on dataset 'gsm8k': ArithmeticError: as it was told" in capsys.readouterr().err
    assert "counted" in (tmp_path / "out" / "marks.csv").read_text()


def test_a_slow_router_takes_part_only_where_it_is_asked_for():
    shelf = Registry.discover(trusts=lambda distribution: distribution == "mmr-toy-studies").routers
    usual, left_out = lineup(None, shelf, {})
    assert [entrant.name for entrant in usual] == ["counted"]
    assert left_out == {"plodding": "it is slow, so it only runs if --router names it"}
    everyone, left_out = lineup("all", shelf, {})
    assert [entrant.name for entrant in everyone] == ["counted", "plodding"]
    assert left_out == {}


def test_broken_images_end_the_run_before_any_fit(reproduce, data, fits, tmp_path, capsys):
    table = data / "MMR_Bench.csv"
    table.write_text(table.read_text().replace("GSM8K", "MathVision"))
    assert reproduce("marks") == 1
    assert "80 image files" in capsys.readouterr().err
    assert fits() == []
    assert not (tmp_path / "out").exists()


def test_a_table_with_too_many_gaps_is_a_failure_unless_that_is_allowed(reproduce, data, capsys):
    table = data / "MMR_Bench.csv"
    lines = table.read_text().splitlines()
    holes = [re.sub(r",[01],[^,]+$", ",,", line) if "GSM8K_1" in line else line for line in lines]
    table.write_text("\n".join(holes) + "\n")
    assert reproduce("marks") == 1
    assert "router 'counted' failed on dataset 'gsm8k'" in capsys.readouterr().err
    assert reproduce("marks", "--allow-incomplete") == 0


def test_a_place_for_the_report_is_demanded_and_it_is_no_file(data, tmp_path, capsys, fits):
    assert main(["reproduce", "marks", "--data", str(data), *QUICK]) == 2
    assert "--out" in capsys.readouterr().err
    (tmp_path / "taken").write_text("mine")
    assert main(["reproduce", "marks", "--data", str(data), "--out", str(tmp_path / "taken"), *QUICK]) == 2
    assert "is a file; name a folder" in capsys.readouterr().err
    assert fits() == []


@pytest.fixture
def stopped(data, tmp_path) -> Callable[[int], subprocess.CompletedProcess[str]]:
    """A function that sends a signal to a run that is in the middle of its third fit, and gives what came of it."""

    def stop(number: int) -> subprocess.CompletedProcess[str]:
        ear = tmp_path / "ear"
        os.mkfifo(ear)
        words = ["reproduce", "marks", "--data", str(data), "--out", str(tmp_path / "out"), *QUICK]
        command = [sys.executable, "-c", "import sys; from mmr_core.cli import main; sys.exit(main())", *words]
        with subprocess.Popen(
            command, env={**os.environ, "TOY_EAR": str(ear)}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert ear.read_text() == "the third fit\n"
            process.send_signal(number)
            printed, told = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, printed, told)

    return stop


def test_a_killed_run_goes_on_where_it_was(stopped, reproduce, fits, tmp_path):
    assert stopped(signal.SIGKILL).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    cut_off = fits()
    assert len(cut_off) == 3
    assert reproduce("marks") == 0
    assert len(fits()) == 6 + 1  # the fit that was cut off is made again, and no other
    assert fits().count(cut_off[-1]) == 2


def test_an_interrupted_run_says_how_to_go_on(stopped, reproduce, fits, tmp_path):
    ended = stopped(signal.SIGINT)
    assert ended.returncode == 130
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1] == (
        "warning: interrupted: finished parts are kept, and the same command continues from there"
    )
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out").exists()
    finished = fits()[:2]
    assert reproduce("marks") == 0
    assert all(fits().count(fit) == 1 for fit in finished)
