"""What a job holds, byte by byte: no test outcome, no name, no place, and no image of a row that is not in it."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.features.aligned import View
from mmr_core.outcomes import object_array
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import prepare
from mmr_core.splits import validation_mask
from mmr_leaderboard.child.job_reader import read_job
from mmr_leaderboard.jobs.anonymity import Naming, collect
from mmr_leaderboard.jobs.entry_run import run_entry
from mmr_leaderboard.jobs.job_writer import JobContent, RouterRequest, Runtime, write_job
from mmr_leaderboard.jobs.material import Material, material
from mmr_leaderboard.jobs.plans import answer_job, placebo_job, recheck_job, validation_job
from mmr_leaderboard.sandbox.contract import Limits, ProcessEnd

REQUEST = RouterRequest(distribution="mmr-bench", name="linear")
KINDS = ("answer", "recheck", "validation", "placebo")


def content_of(kind: str, stuff: Material, modality: View = "multimodal") -> JobContent:
    plans = {"answer": answer_job, "validation": validation_job, "placebo": placebo_job}
    return recheck_job(stuff, modality).content if kind == "recheck" else plans[kind](stuff, modality)


def written(
    folder: Path,
    kind: str,
    stuff: Material,
    runtime: Runtime,
    *,
    modality: View = "multimodal",
    request: RouterRequest = REQUEST,
    naming: Naming | None = None,
    shared: bool = False,
) -> Path:
    """A job folder; with its images in it unless they are shared."""
    job, gallery = folder / "job", stuff.galleries["answer" if kind == "placebo" else kind]
    content = content_of(kind, stuff, modality)
    naming = naming or Naming()
    images = write_job(job, content, request, runtime, gallery=gallery, naming=naming, shared=shared)
    assert images == (gallery.folder if shared else job / "images")
    return job


def everything_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(kind: str, stuff: Material) -> np.ndarray:
    """The rows of the column whose outcomes the job may hold."""
    return stuff.fit_again if kind == "validation" else stuff.train


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_folder_tells_outcomes_names_or_places(kind, stuff, runtime_with, tmp_path):
    job = written(tmp_path, kind, stuff, runtime_with())
    table, known = stuff.column.table, rows_of(kind, stuff)
    files = everything_in(job)
    assert {path.name for path in job.iterdir()} == {
        "images",
        "job.json",
        "queries.json",
        "queries.npz",
        "training.json",
        "training.npz",
    }
    content = b"\0".join([*files.values(), *(str(path.relative_to(job)).encode() for path in files)])
    hidden = np.setdiff1d(np.arange(len(table)), known)
    for row in hidden:
        for cost in table.cost[row][~np.isnan(table.cost[row])]:
            assert cost.tobytes() not in content
            assert repr(float(cost)).encode() not in content
    for words in (set(table.dataset), table.instance_id, {str(path) for path in table.image}, {"a test"}):
        for word in words:
            assert word.encode() not in content
    assert str(table.image[0].parent).encode() not in content
    assert all(cost.tobytes() in content for cost in table.cost[known].ravel() if not np.isnan(cost))


def test_answers_and_categories_of_instances_are_in_no_job(stuff, runtime_with, tmp_path):
    n = len(stuff.column.table)
    table = replace(
        stuff.column.table,
        answer=object_array(f"ANSWER-{i}-" for i in range(n)),
        category=object_array(f"CATEGORY-{i}-" for i in range(n)),
    )
    stuff = replace(stuff, column=replace(stuff.column, table=table))
    for kind in KINDS:
        content = b"".join(everything_in(written(tmp_path / kind, kind, stuff, runtime_with())).values())
        assert b"ANSWER-" not in content
        assert b"CATEGORY-" not in content


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shared", [True, False])
def test_images_are_those_of_the_rows_alike_in_all_but_the_picture(kind, shared, stuff, runtime_with, tmp_path):
    content = content_of(kind, stuff)
    job = written(tmp_path, kind, stuff, runtime_with(), shared=shared)
    folder = Path(json.loads((job / "job.json").read_text())["images"])
    files = sorted(folder.iterdir())
    wanted = {path.read_bytes() for path in (*content.training.features.images, *content.queries.images)}
    assert {path.read_bytes() for path in files} == wanted
    facts = [path.stat() for path in files]
    assert {(stat.S_IMODE(fact.st_mode), fact.st_mtime_ns, fact.st_nlink) for fact in facts} == {(0o444, 10**18, 1)}


def test_a_job_holds_no_image_of_other_rows(stuff, runtime_with, tmp_path):
    table = stuff.column.table
    job = written(tmp_path, "recheck", stuff, runtime_with())
    there = {path.read_bytes() for path in (job / "images").iterdir()}
    absent = np.setdiff1d(stuff.test, stuff.test[stuff.rechecked])
    assert len(absent) > 20
    assert not there & {table.image[row].read_bytes() for row in absent}


def test_kinds_of_jobs_share_no_image_file_and_no_name(stuff):
    names = [set(gallery.names.values()) for gallery in stuff.galleries.values()]
    assert len(set.union(*names)) == sum(map(len, names))


def test_copies_are_made_in_an_order_that_tells_nothing(stuff, tmp_path):
    paths = [path for path in stuff.column.table.image if path is not None]
    orders = []
    for name in ("one", "two"):
        gallery = collect(paths, tmp_path / name, Naming())
        made = sorted(gallery.folder.iterdir(), key=lambda file: file.stat().st_ctime_ns)
        assert made == sorted(made)
        orders.append(sorted(paths, key=gallery.names.__getitem__))
    assert orders[0] != orders[1]
    assert paths not in orders


def test_two_jobs_have_no_id_in_common_and_a_repeat_has_all(stuff, runtime_with, tmp_path):
    naming = Naming()
    first, other, repeat = (
        written(tmp_path / str(i), "answer", stuff, runtime_with(), naming=one, shared=True)
        for i, one in enumerate((naming, Naming(), naming))
    )
    ids = [
        set(json.loads((job / "queries.json").read_text())["ids"])
        | set(json.loads((job / "training.json").read_text())["ids"])
        for job in (first, other, repeat)
    ]
    assert ids[0].isdisjoint(ids[1])
    assert len(ids[0]) == len(stuff.train) + len(stuff.test)
    contents = [{path.relative_to(job): c for path, c in everything_in(job).items()} for job in (first, repeat)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("modality", ["text", "image"])
def test_a_track_hides_the_other_modality_from_the_folder(modality, stuff, runtime_with, tmp_path):
    job = written(tmp_path, "recheck", stuff, runtime_with(), modality=modality)
    read = read_job(job)
    for rows in (read.training.features, read.queries.features):
        if modality == "text":
            assert all(image is None for image in rows.images)
            assert not rows.embeddings.image.any()
            assert not rows.light.image_size.any()
        else:
            assert not any(rows.questions)
            assert not rows.embeddings.text.any()
            assert not rows.light.text_length.any()
    assert bool(list((job / "images").iterdir())) == (modality == "image")


def test_an_entry_with_its_own_encoder_gets_no_embeddings(stuff, runtime_with, tmp_path):
    request = RouterRequest(distribution="mmr-bench", name="linear", encoder="lite")
    job = written(tmp_path, "answer", stuff, runtime_with(), request=request)
    with np.load(job / "training.npz") as arrays:
        assert not {"text", "image"} & set(arrays.files)
        assert not arrays["norms"].any()
    texts = json.loads((job / "job.json").read_text())["encoder_texts"]
    assert texts == [stuff.column.table.question[row] for row in stuff.train]


def test_the_folder_reads_back_as_it_was_written(stuff, runtime_with, tmp_path):
    content = content_of("recheck", stuff)
    job = read_job(written(tmp_path, "recheck", stuff, runtime_with()))
    np.testing.assert_array_equal(job.utility, content.training.utility)
    np.testing.assert_array_equal(job.cost, content.training.cost)
    np.testing.assert_array_equal(job.validation, content.training.validation)
    assert job.pool == stuff.column.table.models
    assert job.cost_scale == stuff.column.cost_scale
    for read, given in ((job.training, content.training.features), (job.queries, content.queries)):
        np.testing.assert_array_equal(read.features.embeddings.text, given.embeddings.text)
        np.testing.assert_array_equal(read.features.embeddings.image, given.embeddings.image)
        np.testing.assert_array_equal(read.features.embeddings.norms, given.embeddings.norms)
        np.testing.assert_array_equal(read.features.embeddings.mask, given.embeddings.mask)
        np.testing.assert_array_equal(read.features.light.text_length, given.light.text_length)
        np.testing.assert_array_equal(read.features.light.image_size, given.light.image_size)
        assert read.features.light.scenario == given.light.scenario
        assert read.features.questions == given.questions
        assert [path.read_bytes() for path in read.features.images] == [path.read_bytes() for path in given.images]
    assert job.asks[0].each
    assert job.asks[4].ids is not None
    assert not {*job.asks[4].ids} & {*job.queries.ids}


def test_the_recheck_asks_about_half_of_the_test_rows_and_variants_of_some(stuff):
    plan = recheck_job(stuff, "multimodal")
    half = len(stuff.test) // 2
    single, shuffled, canonical, again, renamed, respaced, reencoded = plan.content.asks
    assert len(stuff.rechecked) == len(shuffled.rows) == len(canonical.rows) == len(again.rows) == half
    assert (single.each, len(single.rows)) == (True, half)
    assert sorted(shuffled.rows) == list(canonical.rows) != list(shuffled.rows)
    assert renamed.renamed
    questions, images = plan.content.queries.questions, plan.content.queries.images
    for variant, of in zip(respaced.rows, plan.variants["whitespace-flips"], strict=True):
        assert questions[variant] != questions[of]
        assert questions[variant].split() == questions[of].split()
        assert images[variant] == images[of]
    for variant, of in zip(reencoded.rows, plan.variants["image-flips"], strict=True):
        assert questions[variant] == questions[of]
        assert images[variant].read_bytes() != images[of].read_bytes()
    sizes = plan.content.queries.light.image_size
    np.testing.assert_array_equal(sizes[reencoded.rows], sizes[plan.variants["image-flips"]])
    embeddings = plan.content.queries.embeddings
    assert not np.array_equal(embeddings.image[reencoded.rows], embeddings.image[plan.variants["image-flips"]])
    np.testing.assert_array_equal(embeddings.text[reencoded.rows], embeddings.text[plan.variants["image-flips"]])


def test_the_placebo_is_the_same_in_every_run(stuff, column, source, tmp_path):
    again = material(column, source, workspace=tmp_path)
    for name in ("train", "test", "placebo_utility", "placebo_cost"):
        np.testing.assert_array_equal(getattr(again, name), getattr(stuff, name))


def test_which_queries_are_asked_again_follows_from_a_seed_that_nobody_knows(column, source, tmp_path):
    chosen = []
    for number, seed in enumerate((7, 7, None, None)):
        (tmp_path / str(number)).mkdir()
        chosen.append(material(column, source, workspace=tmp_path / str(number), seed=seed).rechecked.tolist())
    assert chosen[0] == chosen[1]
    assert chosen[2] != chosen[3]


def test_every_folder_is_gone_whatever_happens_to_its_process(stuff, runtime_with, tmp_path):
    seen = []

    class Watching:
        method = "unsafe"

        def run(self, command, view, limits, answer):
            job = Path(command[-1])
            seen.append((job, job.is_dir(), view.scratch.is_dir(), list(view.scratch.iterdir()), answer.exists()))
            assert command[1:3] == ["-sP", "-S"]
            assert view.readable == (job,)
            return ProcessEnd(end="timeout", status=-9, said="", seconds=1.0)

    done = run_entry(REQUEST, runtime_with(), stuff, Watching(), Limits(), workspace=tmp_path)
    assert [found.code for found in done.findings] == ["timeout"]
    assert [fact[1:] for fact in seen] == [(True, True, [], False)]
    assert list(tmp_path.iterdir()) == []


def test_a_job_without_validation_rows_has_no_operating_point(table, source, forked, runtime_with, tmp_path):
    own = table(models=3, instances=40, datasets=("tiny",), images=True)
    own = own.take(~validation_mask(own.dataset, own.instance_id))
    column = prepare(own, own.spec_of("tiny"), source, Options())
    assert not (column.validation & column.table.complete).any()
    stuff = material(column, source, workspace=tmp_path / "material")
    done = run_entry(REQUEST, runtime_with(), stuff, forked, Limits(), workspace=tmp_path)
    assert done.trade_off is None
    assert done.findings == ()
    assert done.placebo is not None
