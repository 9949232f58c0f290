"""Submissions that are hostile before anything of them runs: wheels, folders, manifests, decisions.

Each function puts one submission into the folder of submissions; its name is the slug, unless it gives another.
`ground` is the module that builds them, handed in by `conftest.py`, which loads both.
"""

from __future__ import annotations

import gzip
import os
import pickle
import socket
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[Any, Path, Any], None]
SUBMISSIONS: dict[str, Make] = {}


def hostile(make: Make) -> Make:
    """Registers a submission under its function's name."""
    SUBMISSIONS[make.__name__.replace("_", "-")] = make
    return make


def with_wheel(ground: Any, submissions: Path, slug: str, name: str = "topics", **wheel: Any) -> Path:
    """A submission that brings a wheel of its own; gives the wheel."""
    module = slug.replace("-", "_")
    given = {"files": ground.plugin(module), "entry": module, **wheel}
    made: Path = ground.write_wheel(submissions / slug / "wheels", f"x-{slug}", **given)
    router = ground.router_of(made, name, **({"dependencies": given.pop("pinned")} if "pinned" in given else {}))
    (submissions / slug / "submission.toml").write_text(ground.manifest(slug, router))
    return made


def pinned_anew(ground: Any, submissions: Path, slug: str, wheel: Path) -> None:
    """Writes the manifest for a wheel that was changed."""
    (submissions / slug / "submission.toml").write_text(ground.manifest(slug, ground.router_of(wheel, "topics")))


# Wheels


@hostile
def wheel_with_pth(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_with_pth"), "start.pth": b"import os; os.system('id > /tmp/mmr-witness')\n"}
    with_wheel(ground, submissions, "wheel-with-pth", files=files)


@hostile
def wheel_that_starts_by_itself(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_that_starts_by_itself"), "sitecustomize.py": b"print()\n"}
    with_wheel(ground, submissions, "wheel-that-starts-by-itself", files=files)


@hostile
def wheel_with_a_numpy(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_with_a_numpy"), "numpy/__init__.py": b"array = None\n"}
    with_wheel(ground, submissions, "wheel-with-a-numpy", files=files)


@hostile
def wheel_with_an_engine(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_with_an_engine"), "mmr_core/sweep.py": b"def lambda_sweep(*given): return 1\n"}
    with_wheel(ground, submissions, "wheel-with-an-engine", files=files)


@hostile
def wheel_with_an_extra(ground: Any, submissions: Path, rows: Any) -> None:
    """A built-in router with a built-in encoder, whose library the submission brings itself."""
    slug = "wheel-with-an-extra"
    files = {"sentence_transformers/__init__.py": b"class SentenceTransformer: pass\n"}
    wheel = ground.write_wheel(submissions / slug / "wheels", f"x-{slug}", files)
    dependency = {"requirement": f"x-{slug}==1.0", "hashes": [ground.digest(wheel)]}
    router = ground.built_in("knn", encoder="sentence-transformers", dependencies=[dependency])
    (submissions / slug / "submission.toml").write_text(ground.manifest(slug, router))


@hostile
def wheel_with_a_json(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_with_a_json"), "json.py": b"dumps = str\n"}
    with_wheel(ground, submissions, "wheel-with-a-json", files=files)


@hostile
def wheel_that_escapes(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_that_escapes"), "../../../../escaped.py": b"print()\n"}
    with_wheel(ground, submissions, "wheel-that-escapes", files=files)


@hostile
def wheel_with_a_link(ground: Any, submissions: Path, rows: Any) -> None:
    wheel = with_wheel(ground, submissions, "wheel-with-a-link")
    entry = zipfile.ZipInfo("link.py")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    pinned_anew(ground, submissions, "wheel-with-a-link", wheel)


@hostile
def wheel_with_a_bomb(ground: Any, submissions: Path, rows: Any) -> None:
    files = {**ground.plugin("wheel_with_a_bomb"), "big.py": bytes(64 << 20)}
    with_wheel(ground, submissions, "wheel-with-a-bomb", files=files)


@hostile
def wheel_of_another_hash(ground: Any, submissions: Path, rows: Any) -> None:
    wheel = with_wheel(ground, submissions, "wheel-of-another-hash")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("more.py", "print()")


@hostile
def wheel_for_two(ground: Any, submissions: Path, rows: Any) -> None:
    """Describes a second distribution, which would pass for the benchmark's own."""
    described = {"mmr_bench-9.0.dist-info/entry_points.txt": b"[mmr.plugins.v1]\nx = wheel_for_two\n"}
    with_wheel(ground, submissions, "wheel-for-two", described=described)


@hostile
def source_in_place_of_a_wheel(ground: Any, submissions: Path, rows: Any) -> None:
    wheel = with_wheel(ground, submissions, "source-in-place-of-a-wheel")
    router = ground.router_of(wheel, "topics")
    wheel.unlink()
    wheel.parent.rmdir()
    (submissions / "source-in-place-of-a-wheel" / "submission.toml").write_text(
        ground.manifest("source-in-place-of-a-wheel", router)
    )


@hostile
def source_among_the_wheels(ground: Any, submissions: Path, rows: Any) -> None:
    with_wheel(ground, submissions, "source-among-the-wheels")
    (submissions / "source-among-the-wheels" / "wheels" / "x-1.0.tar.gz").write_bytes(gzip.compress(b"setup.py"))


@hostile
def requirement_without_hash(ground: Any, submissions: Path, rows: Any) -> None:
    ground.submit(submissions, "requirement-without-hash", {"requirement": "mmr-router-attackers==1.0", "name": "x"})


@hostile
def requirement_that_the_runner_brings(ground: Any, submissions: Path, rows: Any) -> None:
    router = {"requirement": "numpy==1.0", "hashes": ["sha256:" + "0" * 64], "name": "x"}
    ground.submit(submissions, "requirement-that-the-runner-brings", router)


@hostile
def wheel_that_needs_more(ground: Any, submissions: Path, rows: Any) -> None:
    with_wheel(ground, submissions, "wheel-that-needs-more", needs=("left-pad-of-somebody>=1",))


@hostile
def router_by_another_name(ground: Any, submissions: Path, rows: Any) -> None:
    with_wheel(ground, submissions, "router-by-another-name", name="topiks")


@hostile
def wheel_without_a_plugin(ground: Any, submissions: Path, rows: Any) -> None:
    with_wheel(ground, submissions, "wheel-without-a-plugin", entry="")


@hostile
def plugin_that_raises(ground: Any, submissions: Path, rows: Any) -> None:
    files = ground.plugin("plugin_that_raises", "raise RuntimeError('no plugin today')\n")
    with_wheel(ground, submissions, "plugin-that-raises", files=files)


@hostile
def plugin_that_exits(ground: Any, submissions: Path, rows: Any) -> None:
    files = ground.plugin("plugin_that_exits", "import sys\nsys.exit(0)\n")
    with_wheel(ground, submissions, "plugin-that-exits", files=files)


@hostile
def router_of_somebody_else(ground: Any, submissions: Path, rows: Any) -> None:
    """Asks for a router of a distribution that is not its own, though it is installed beside it."""
    other = "mmr-router-attackers"
    with_wheel(ground, submissions, "router-of-somebody-else", name=f"{other}/reads-the-table")


@hostile
def fusion_of_somebody_else(ground: Any, submissions: Path, rows: Any) -> None:
    slug = "fusion-of-somebody-else"
    wheel = with_wheel(
        ground, submissions, slug, files={
            path: data.replace(b"default_fusion = None", b'default_fusion = "average"')
            for path, data in ground.plugin("fusion_of_somebody_else").items()
        }
    )  # fmt: skip
    router = ground.router_of(wheel, "topics", fusion="somebody/average")
    (submissions / slug / "submission.toml").write_text(ground.manifest(slug, router))


@hostile
def topics_by_another_name(ground: Any, submissions: Path, rows: Any) -> None:
    """The honest router of somebody else in a wheel of another name, twice."""
    with_wheel(ground, submissions, "topics-by-another-name")
    with_wheel(ground, submissions, "topics-by-a-third-name")


# Folders and files


@hostile
def folder_by_a_link(ground: Any, submissions: Path, rows: Any) -> None:
    (submissions / "folder-by-a-link").symlink_to(submissions / "honest-kmeans")


@hostile
def file_in_place_of_a_folder(ground: Any, submissions: Path, rows: Any) -> None:
    (submissions / "file-in-place-of-a-folder").write_text("hello")


@hostile
def socket_in_place_of_a_folder(ground: Any, submissions: Path, rows: Any) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        here = os.getcwd()
        os.chdir(submissions)  # a socket's path may have 107 bytes
        try:
            link.bind("socket-in-place-of-a-folder")
        finally:
            os.chdir(here)


@hostile
def manifest_by_a_pipe(ground: Any, submissions: Path, rows: Any) -> None:
    (submissions / "manifest-by-a-pipe").mkdir()
    os.mkfifo(submissions / "manifest-by-a-pipe" / "submission.toml")


@hostile
def manifest_by_a_link(ground: Any, submissions: Path, rows: Any) -> None:
    (submissions / "manifest-by-a-link").mkdir()
    (submissions / "manifest-by-a-link" / "submission.toml").symlink_to("/etc/passwd")


@hostile
def folder_that_nobody_may_open(ground: Any, submissions: Path, rows: Any) -> None:
    folder = submissions / "folder-that-nobody-may-open"
    folder.mkdir()
    folder.chmod(0)


@hostile
def wheels_by_a_link(ground: Any, submissions: Path, rows: Any) -> None:
    ground.submit(submissions, "wheels-by-a-link", ground.built_in("kmeans", params={"clusters": 3}))
    (submissions / "wheels-by-a-link" / "wheels").symlink_to("/")


@hostile
def ten_thousand_files(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(submissions, "ten-thousand-files", ground.built_in("kmeans", params={"clusters": 4}))
    for number in range(10_000):
        (folder / f"{number}.txt").touch()


@hostile
def file_with_a_shell_in_its_name(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(
        submissions, "file-with-a-shell-in-its-name", ground.built_in("kmeans", params={"clusters": 5})
    )
    (folder / "$(touch owned) \n\x1b[2J.md").touch()


@hostile
def decisions_of_five_gigabytes(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(submissions, "decisions-of-five-gigabytes", pins=ground.PINS)
    with open(folder / "decisions.parquet", "wb") as file:
        file.truncate(5 << 30)


@hostile
def pickle_called_parquet(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(submissions, "pickle-called-parquet", pins=ground.PINS)
    (folder / "decisions.parquet").write_bytes(pickle.dumps({"instance_id": ["a"]}))


@hostile
def decisions_that_are_a_bomb(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(submissions, "decisions-that-are-a-bomb", pins=ground.PINS)
    head, line = gzip.compress(b"instance_id,operating_point,model\n"), f"{rows[0]['dataset_idx']},x,{ground.POOL[0]}\n"
    (folder / "decisions.csv.gz").write_bytes(head + gzip.compress(line.encode() * 1_000_000) * 200)


@hostile
def decisions_with_costs(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(submissions, "decisions-with-costs", pins=ground.PINS)
    (folder / "decisions.csv.gz").write_bytes(ground.gzipped(ground.decision_lines(rows, ground.POOL[0], cost=True)))


@hostile
def decisions_without_hard_rows(ground: Any, submissions: Path, rows: Any) -> None:
    folder = ground.submit(submissions, "decisions-without-hard-rows", pins=ground.PINS)
    (folder / "decisions.csv.gz").write_bytes(ground.gzipped(ground.decision_lines(rows[5:], ground.POOL[0])))


@hostile
def decisions_of_the_oracle(ground: Any, submissions: Path, rows: Any) -> None:
    """Choices copied from the outcomes, with an honest manifest: shown, never ranked, and flagged."""
    folder = ground.submit(submissions, "decisions-of-the-oracle", pins=ground.PINS)
    best = {}
    for row in rows:
        utility, _ = ground.outcomes(row)
        best[row["dataset_idx"]] = ground.POOL[utility.index(max(utility))]
    (folder / "decisions.csv.gz").write_bytes(ground.gzipped(ground.decision_lines(rows, best)))


# Manifests


def manifest_of(ground: Any, submissions: Path, slug: str, change: Callable[[str], str]) -> None:
    folder = ground.submit(submissions, slug, ground.built_in("kmeans", params={"clusters": 6}))
    text = (folder / "submission.toml").read_text()
    assert change(text) != text
    (folder / "submission.toml").write_text(change(text))


@hostile
def manifest_with_a_script(ground: Any, submissions: Path, rows: Any) -> None:
    """A valid entry whose every word is a tag."""
    evil = "<script>alert(1)</script>"
    ground.submit(
        submissions,
        "manifest-with-a-script",
        ground.built_in("kmeans", params={"clusters": 7}),
        display_name=evil,
        authors=[evil, '"><img src=x onerror=alert(1)>'],
        notes=f"</script>{evil} [a](javascript:alert(1)) | `x` =HYPERLINK(1)",
        external_calls=[evil],
    )


@hostile
def manifest_turned_round(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(ground, submissions, "manifest-turned-round", lambda text: text.replace('"Nobody"', '"\\u202eydoboN"'))


@hostile
def manifest_with_nul(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(ground, submissions, "manifest-with-nul", lambda text: text.replace("Nobody", "No\0body"))


@hostile
def manifest_with_an_escape(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(ground, submissions, "manifest-with-an-escape", lambda text: text.replace("Nobody", "\\u001b[2JNobody"))


@hostile
def manifest_of_a_megabyte(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(ground, submissions, "manifest-of-a-megabyte", lambda text: text.replace("Nobody", "x" * (1 << 20)))


@hostile
def manifest_nested_deeply(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(
        ground,
        submissions,
        "manifest-nested-deeply",
        lambda text: text.replace("[router]", "[router]\nparams = " + "[" * 20_000),
    )


@hostile
def manifest_with_a_path_for_a_slug(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(
        ground,
        submissions,
        "manifest-with-a-path-for-a-slug",
        lambda text: text.replace('slug = "manifest-with-a-path-for-a-slug"', 'slug = "../../published"'),
    )


@hostile
def manifest_of_somebody_else(ground: Any, submissions: Path, rows: Any) -> None:
    manifest_of(
        ground,
        submissions,
        "manifest-of-somebody-else",
        lambda text: text.replace('slug = "manifest-of-somebody-else"', 'slug = "honest-kmeans"'),
    )


@hostile
def manifest_of_a_reference(ground: Any, submissions: Path, rows: Any) -> None:
    ground.submit(submissions, "manifest-of-a-reference", ground.built_in("oracle"))


def strange_names(ground: Any, submissions: Path) -> tuple[str, ...]:
    """Folders whose names are no slugs: a twin in capitals, a shell, tags, a path, bytes that are no text."""
    names = ("Honest-Kmeans", "$(touch owned)", "<script>alert(1)</script>".replace("/", ""), "-rf", "a b\n\x1b[2Jc")
    for name in names:
        folder = submissions / name
        folder.mkdir()
        (folder / "submission.toml").write_text(ground.manifest("honest-kmeans", ground.built_in("kmeans")))
    os.mkdir(os.fsencode(submissions) + b"/\xff\xfe-no-text")
    return names
