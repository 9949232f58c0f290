"""Every code that validation knows has an example here, which is refused for that and says where.

`COVERED` are the stages of this file; codes of later stages have their examples in the attack suite, `attacks/`.
"""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mmr_leaderboard.findings import CODES, EXAMPLES, Finding
from mmr_leaderboard.submission.manifest import Pins
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.skeleton import write_skeleton
from mmr_leaderboard.submission.statements import placeholder_findings
from mmr_leaderboard.submission.validation import judge, judge_all, judge_change

COVERED = ("folder", "manifest", "decisions", "change")
SLUG = "my-entry"
EXPECTED = Expected(
    pins=Pins(table="1" * 32, split="2" * 32, pool="3" * 32),
    test_ids=("Toy_1", "Toy_2", "Toy_3"),
    pool=("small", "large-2.5"),
    references=("oracle", "model:small", "model:large-2.5"),
)
HEADER = "instance_id,operating_point,model\n"
ROWS = [f"Toy_{i},0.5,small\n" for i in (1, 2, 3)]
PROBABILITIES = "instance_id,operating_point,small,large-2.5\n"

Example = Callable[[Path], tuple[Finding, ...]]
MADE: dict[str, tuple[str, Example]] = {}


def example(code: str, where: str) -> Callable[[Example], Example]:
    """Registers what makes a submission refused with a code, and the place that has to be named."""

    def register(make: Example) -> Example:
        MADE[code] = (where, make)
        return make

    return register


def plugin(folder: Path, slug: str = SLUG) -> Path:
    """A valid plugin submission."""
    write_skeleton(slug, folder, EXPECTED, "plugin", router=slug)
    return folder / slug


def decisions(folder: Path, text: str = HEADER + "".join(ROWS), slug: str = SLUG) -> Path:
    """A submission with these decisions."""
    write_skeleton(slug, folder, EXPECTED, "decisions")
    (folder / slug / "decisions.csv.gz").write_bytes(gzip.compress(text.encode()))
    return folder / slug


def edited(submission: Path, old: str, new: str) -> Path:
    manifest = submission / "submission.toml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))
    return submission


def judged(submission: Path) -> tuple[Finding, ...]:
    return judge(submission, EXPECTED, pinned=True).findings


@example("bad-slug", "submission.toml, slug")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(edited(plugin(folder), 'slug = "my-entry"', 'slug = "your-entry"'))


@example("unexpected-file", "setup.py")
def _(folder: Path) -> tuple[Finding, ...]:
    (plugin(folder) / "setup.py").write_text("print()")
    return judged(folder / SLUG)


@example("strange-name", "read\\x20me.md")
def _(folder: Path) -> tuple[Finding, ...]:
    (plugin(folder) / "read me.md").write_text("hello")
    return judged(folder / SLUG)


@example("not-a-plain-file", "README.md")
def _(folder: Path) -> tuple[Finding, ...]:
    (plugin(folder) / "README.md").symlink_to("/etc/hostname")
    return judged(folder / SLUG)


@example("too-large", "decisions.parquet")
def _(folder: Path) -> tuple[Finding, ...]:
    write_skeleton(SLUG, folder, EXPECTED, "decisions")
    with open(folder / SLUG / "decisions.parquet", "wb") as file:
        os.truncate(file.fileno(), 5 << 30)
    return judged(folder / SLUG)


@example("pickle", "decisions.parquet")
def _(folder: Path) -> tuple[Finding, ...]:
    write_skeleton(SLUG, folder, EXPECTED, "decisions")
    (folder / SLUG / "decisions.parquet").write_bytes(pickle.dumps({"a": 1}))
    return judged(folder / SLUG)


@example("archive-bomb", "decisions.parquet")
def _(folder: Path) -> tuple[Finding, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_skeleton(SLUG, folder, EXPECTED, "decisions")
    same = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_001, pa.int8()), ["Toy_1"])
    pq.write_table(
        pa.table(dict.fromkeys(("instance_id", "operating_point", "model"), same)), folder / SLUG / "decisions.parquet"
    )
    return judged(folder / SLUG)


@example("bad-manifest", "submission.toml, authors")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(edited(plugin(folder), 'authors = ["Your Name"]', "authors = []"))


@example("stale-pins", "submission.toml, pins.split")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(edited(plugin(folder), "2" * 32, "9" * 32))


@example("test-split-used", "submission.toml, data_used[0]")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(edited(plugin(folder), '["mmr-v1 training split"]', '["mmr-v1 Test  Split"]'))


@example("misleading-name", "submission.toml, display_name")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(edited(plugin(folder), '"My entry"', '"Oracle, cost-aware"'))


@example("placeholder", "submission.toml, authors[0]")
def _(folder: Path) -> tuple[Finding, ...]:
    manifest = judge(plugin(folder), EXPECTED, pinned=True).manifest
    assert manifest is not None
    return tuple(placeholder_findings(manifest))[:1]


@example("badge-without-source", "submission.toml, source.license")
def _(folder: Path) -> tuple[Finding, ...]:
    source = f'[source]\nurl = "https://example.org/x/y"\ncommit = "{"a" * 40}"\nopen_source = true\n[pins]'
    return judged(edited(plugin(folder), "[pins]", source))


@example("reference-row", "submission.toml, router.name")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(edited(plugin(folder), 'name = "my-entry"', 'name = "mmr-bench/random"'))


@example("transductive", "submission.toml, router.fusion_params.scope")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(
        edited(plugin(folder), "seed = 0", 'seed = 0\nfusion = "adaptive"\nfusion_params = {scope = "batch"}')
    )


@example("missing-decisions", "decisions.parquet")
def _(folder: Path) -> tuple[Finding, ...]:
    write_skeleton(SLUG, folder, EXPECTED, "decisions")
    return judged(folder / SLUG)


@example("duplicate-entry", "decisions")
def _(folder: Path) -> tuple[Finding, ...]:
    first = decisions(folder)
    second = decisions(folder, (HEADER + "".join(reversed(ROWS))).replace("0.5", "cheap"), slug="other-entry")
    return judge_all([first, second], EXPECTED, {}, pinned=True)[0].findings


@example("changed-without-supersedes", "submission.toml, supersedes")
def _(folder: Path) -> tuple[Finding, ...]:
    return judge_all([decisions(folder)], EXPECTED, {SLUG: "0" * 32}, pinned=True)[0].findings


@example("unreadable-decisions", "decisions.csv.gz")
def _(folder: Path) -> tuple[Finding, ...]:
    (decisions(folder) / "decisions.csv.gz").write_bytes(gzip.compress((HEADER * 99).encode())[:-12])
    return judged(folder / SLUG)


@example("extra-column", "decisions.csv.gz")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER.replace("model", "model,cost") + "".join(ROWS).replace("small", "small,0")))


@example("missing-column", "decisions.csv.gz")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, "instance_id,model\nToy_1,small\n"))


@example("missing-instance", "decisions.csv.gz")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER + "".join(ROWS[1:])))


@example("unknown-instance", "decisions.csv.gz, column instance_id")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER + "".join(ROWS) + "Toy_4,0.5,small\n"))


@example("two-decisions", "decisions.csv.gz")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER + "".join(ROWS) + "Toy_1,0.5,large-2.5\n"))


@example("null-decision", "decisions.csv.gz, column model")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER + "".join(ROWS).replace("Toy_2,0.5,small", "Toy_2,0.5,")))


@example("model-not-in-pool", "decisions.csv.gz, column model")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER + "".join(ROWS).replace("Toy_2,0.5,small", "Toy_2,0.5,nan")))


@example("bad-probability", "decisions.csv.gz")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, PROBABILITIES + "Toy_1,a,0.5,0.5\nToy_2,a,1.5,-0.5\nToy_3,a,1,0\n"))


@example("too-many-points", "decisions.csv.gz, column operating_point")
def _(folder: Path) -> tuple[Finding, ...]:
    return judged(decisions(folder, HEADER + "".join(row.replace("0.5", str(p)) for p in range(257) for row in ROWS)))


@example("change-outside", "leaderboard/board.py")
def _(folder: Path) -> tuple[Finding, ...]:
    return judge_change(b"submissions/my-entry/submission.toml\0leaderboard/board.py\0").findings


def test_every_code_of_validation_has_an_example(stages_shown: Mapping[str, tuple[str, ...]]) -> None:
    assert stages_shown["submission"] == COVERED
    assert set(MADE) == {code.name for code in CODES.values() if code.stage in COVERED}


@pytest.mark.parametrize("code", sorted(MADE))
def test_the_example_is_refused_for_its_code_alone_and_at_its_place(code: str, tmp_path: Path) -> None:
    where, make = MADE[code]
    findings = make(tmp_path)
    assert [found.code for found in findings] == [code]
    found = findings[0]
    assert found.where == where
    assert found.message
    assert found.count >= len(found.examples) <= EXAMPLES
    assert "\n" not in str(found)


def test_what_the_examples_are_made_of_is_valid(tmp_path: Path) -> None:
    assert judged(plugin(tmp_path)) == ()
    assert judged(decisions(tmp_path, slug="other-entry")) == ()
