"""Judges submissions by what they hold, before anything of them runs: each by itself, then beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmr_core.contracts import Progress, no_progress
from mmr_core.plugins import HOME
from mmr_core.runner.references import is_reference
from mmr_leaderboard.findings import Finding, finding, refused
from mmr_leaderboard.submission.decisions import DecidedPoints, read_decisions
from mmr_leaderboard.submission.folder import CSV_GZ, MANIFEST, PARQUET, WHEELS, Contents, look
from mmr_leaderboard.submission.manifest import Manifest
from mmr_leaderboard.submission.pins import UNIFORM, Expected
from mmr_leaderboard.submission.reading import read_manifest
from mmr_leaderboard.submission.splits_named import names_test_split
from mmr_leaderboard.submission.transductive import transductive_settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Submission:
    """One submission and what was found about it.

    :param slug: the folder's name.
    :param manifest: None if it could not be read.
    :param decisions: None for plugins, and where they could not be read.
    :param wheels: sha256 of each wheel of the folder, by file name, as it was looked at.
    :param digest: its identity; see `folder.digest_of`.
    :param findings: in the order in which a submitter mends them.
    """

    slug: str
    folder: Path
    manifest: Manifest | None
    decisions: DecidedPoints | None
    wheels: Mapping[str, str]
    digest: str
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether it cannot be run or ranked as it is."""
        return refused(self.findings)


def judge(folder: Path, expected: Expected, *, pinned: bool) -> Submission:
    """Judges one submission by itself. Whatever lies in the folder, it raises nothing because of it.

    :param pinned: whether `expected` is of the official table, which plugins pin too; on another table only decisions
        have to be made for it.
    """
    contents = look(folder)
    findings = list(contents.findings)
    manifest, wrong = _manifest(contents)
    findings += wrong
    decisions = None
    if manifest is not None:
        findings += _statements(manifest, contents, expected, pinned=pinned)
    if contents.decisions is not None and (manifest is None or manifest.kind == "decisions"):
        decisions, wrong = read_decisions(*contents.decisions, expected)
        findings += wrong
    return Submission(
        slug=contents.slug,
        folder=folder,
        manifest=manifest,
        decisions=decisions,
        wheels=contents.wheels,
        digest=contents.digest,
        findings=tuple(findings),
    )


def judge_all(
    folders: Sequence[Path],
    expected: Expected,
    scored: Mapping[str, str],
    *,
    pinned: bool,
    progress: Progress = no_progress,
) -> list[Submission]:
    """Judges submissions by themselves and beside each other, in the order given.

    :param scored: the digest of the published version of each entry, by slug.
    """
    what = "reading submissions"
    alone = []
    for done, folder in enumerate(folders):
        progress(what, done, len(folders))
        alone.append(judge(folder, expected, pinned=pinned))
    progress(what, len(folders), len(folders))
    return beside_each_other(alone, scored)


def beside_each_other(submissions: Sequence[Submission], scored: Mapping[str, str]) -> list[Submission]:
    """The same submissions with what is found by comparing them with each other and with what is published.

    Of entries with the same decisions (or, for plugins, the same router made the same way) the one that is published
    stays as it is and the others are refused; where none is published, all are. A published entry that has changed
    must name the published digest in `supersedes`, and counts as new where it now repeats another entry. Submissions
    that are refused anyway repeat nothing, so that a broken copy takes nobody's place away.
    """
    more: dict[int, list[Finding]] = {i: [] for i in range(len(submissions))}
    for i, one in enumerate(submissions):
        before = scored.get(one.slug)
        manifest = one.manifest
        if manifest is not None and before not in (None, one.digest) and manifest.supersedes != before:
            now = "it names none" if manifest.supersedes is None else f"it names {manifest.supersedes}"
            told = f"the version that was scored is {before}, this is {one.digest}, and {now}"
            more[i].append(finding("changed-without-supersedes", f"{MANIFEST}, supersedes", told))
    alike: dict[object, list[int]] = {}
    for i, one in enumerate(submissions):
        alike.setdefault((None if one.refused else _content(one)) or i, []).append(i)
    for group in alike.values():
        published = [i for i in group if scored.get(submissions[i].slug) == submissions[i].digest]
        for i in group if len(group) > 1 else []:
            others = [submissions[j].slug for j in group if j != i]
            if i not in published:
                where = MANIFEST if submissions[i].decisions is None else "decisions"
                told = f"{submissions[i].slug} decides as {', '.join(others[:5])} does"
                more[i].append(finding("duplicate-entry", where, told, others))
    return [replace(one, findings=(*one.findings, *more[i])) for i, one in enumerate(submissions)]


def _content(submission: Submission) -> object | None:
    """What two entries must not have in common; None if that is not known."""
    if submission.decisions is not None:
        return submission.decisions.content()
    if submission.manifest is None or submission.manifest.router is None:
        return None
    router = submission.manifest.router
    made = router.model_dump_json(exclude={"hashes", "dependencies", "requirement"})
    return (router.distribution, router.version, submission.manifest.track, made)


def _manifest(contents: Contents) -> tuple[Manifest | None, list[Finding]]:
    if contents.manifest is not None:
        return read_manifest(contents.manifest)
    if not contents.is_folder or any(found.where == MANIFEST for found in contents.findings):
        return None, []  # told already
    return None, [finding("bad-manifest", MANIFEST, "there is no such file")]


def _statements(manifest: Manifest, contents: Contents, expected: Expected, *, pinned: bool) -> Iterator[Finding]:
    """What is wrong with what the manifest states."""
    if manifest.slug != contents.slug:
        yield finding("bad-slug", f"{MANIFEST}, slug", f"it is {manifest.slug!r} and the folder is {contents.slug!r}")
    yield from _files(manifest, contents)
    if pinned or manifest.kind == "decisions":
        yield from _pins(manifest, expected)
    yield from _data(manifest)
    source = manifest.source
    if source is not None and source.open_source:
        missing = [name for name, given in (("license", source.license), ("commit", source.commit)) if not given]
        if missing:
            told = f"open_source is true and {' and '.join(missing)} not given"
            yield finding("badge-without-source", f"{MANIFEST}, source.{missing[0]}", told)
    if manifest.router is not None:
        name = manifest.router.name
        if is_reference_row(name, expected):
            yield finding("reference-row", f"{MANIFEST}, router.name", f"{name!r} is a reference row")
        for place, told in transductive_settings(manifest.router):
            yield finding("transductive", f"{MANIFEST}, {place}", told)


def is_reference_row(name: str, expected: Expected) -> bool:
    """Whether a router of this name would be a row that stands among the references anyway."""
    short = name.strip().casefold().removeprefix(f"{HOME}/")
    return is_reference(short) or short == UNIFORM or short in {known.casefold() for known in expected.references}


def _files(manifest: Manifest, contents: Contents) -> Iterator[Finding]:
    """Files that are there and should not be, or the other way round."""
    places = {found.where for found in contents.findings}
    if manifest.kind == "plugin" and contents.decisions is not None:
        yield finding("unexpected-file", contents.decisions[0], "a plugin's decisions are made by the runner")
    if manifest.kind == "decisions":
        if contents.wheels:
            yield finding("unexpected-file", WHEELS, "a submission of decisions installs nothing", [*contents.wheels])
        if contents.decisions is None and not places.intersection((PARQUET, CSV_GZ)):
            yield finding("missing-decisions", PARQUET, f"there is neither {PARQUET} nor {CSV_GZ}")


def _pins(manifest: Manifest, expected: Expected) -> Iterator[Finding]:
    for pin in ("table", "split", "pool"):
        stated, due = getattr(manifest.pins, pin), getattr(expected.pins, pin)
        if stated != due:
            yield finding("stale-pins", f"{MANIFEST}, pins.{pin}", f"it is {stated} where {due} is due")


def _data(manifest: Manifest) -> Iterator[Finding]:
    for place in ("data_used", "selection_data"):
        for i, said in enumerate(getattr(manifest, place)):
            if names_test_split(said):
                yield finding("test-split-used", f"{MANIFEST}, {place}[{i}]", f"{said!r} names the test split")
