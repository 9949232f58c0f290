"""Checks the folder of a submission: which files, of what kind and size; only then reads it, once and bounded.

Nothing is opened before `lstat` has shown that it is a plain file with a name and a size that a submission may have,
and everything is opened relative to the one descriptor of its folder, so that what was checked is what is read. Links,
devices, pipes and sockets are never opened. Pickles are recognised by name and by their first bytes, and never loaded.
What the bytes mean is up to `manifest` and `decisions`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from mmr_core.errors import UsageError
from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.submission.manifest import MANIFEST, SLUG

KIB, MIB = 1 << 10, 1 << 20

PARQUET = "decisions.parquet"
CSV_GZ = "decisions.csv.gz"
README = "README.md"
WHEELS = "wheels"

LIMITS: Mapping[str, int] = MappingProxyType(
    {MANIFEST: 64 * KIB, PARQUET: 512 * MIB, CSV_GZ: 512 * MIB, README: MIB, f"{WHEELS}/*.whl": 50 * MIB}
)
"""The largest size in bytes of each kind of file; for wheels, of all together."""

WHEEL_COUNT = 20
LISTED = 200
"""How many names of a folder are read; a submission has a handful."""

NAME = re.compile(r"[A-Za-z0-9._+-]{1,200}")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderContents:
    """The content of a submission's folder, as it was read.

    :param slug: the folder's name.
    :param is_folder: false if there is nothing to read.
    :param manifest: the bytes of submission.toml; None if it is missing or was refused.
    :param decisions: the name and the bytes of the decisions file; None as above.
    :param wheels: the sha256 of each wheel by file name, to compare with when it is installed.
    :param digest: blake2b-16 hex of the files that define the submission; see `digest_of`.
    """

    slug: str
    is_folder: bool = True
    manifest: bytes | None = None
    decisions: tuple[str, bytes] | None = None
    wheels: Mapping[str, str] = field(default_factory=dict)
    digest: str
    findings: tuple[Finding, ...]


def submission_folders(submissions: Path) -> list[Path]:
    """The folders of all submissions, sorted by name; anything that is not a folder is included, to be refused.

    :raises UsageError: if there is no such folder.
    """
    if not submissions.is_dir():
        raise UsageError("there is no such folder", where=str(submissions), fix="give --submissions")
    notes = {README} if (submissions / README).is_file() else set()
    return sorted(path for path in submissions.iterdir() if not path.name.startswith(".") and path.name not in notes)


def look(folder: Path) -> FolderContents:
    """Checks a submission's folder and reads the files that it may have; opens nothing that is refused."""
    # a name that is not a slug may hold anything, even bytes that are not text; it is published in printable letters
    slug = folder.name if SLUG.fullmatch(folder.name) else _shown(folder.name)
    findings = [] if SLUG.fullmatch(slug) else [finding("bad-slug", slug or ".", "the folder's name is not a slug")]
    refusal = _not_a_folder(folder)
    if refusal is not None:
        return FolderContents(slug=slug, is_folder=False, digest=digest_of({}), findings=(*findings, refusal))
    read: dict[str, bytes] = {}
    wheels: dict[str, _Digests] = {}
    place = slug
    try:
        with _opened_folder(folder) as handle:
            entries, noticed = _entries(handle, "")
            findings += noticed
            for entry in entries:
                if entry.name == WHEELS and stat.S_ISDIR(entry.mode):
                    place = WHEELS
                    with _opened_folder(Path(WHEELS), handle) as inner:
                        wheels, noticed = _read_wheels(inner)
                else:
                    content, noticed = _read(entry, LIMITS.get(entry.name), handle)
                    if content is not None:
                        read[entry.name] = content
                findings += noticed
    except OSError as error:
        findings.append(_unreadable(place, error))
    if PARQUET in read and CSV_GZ in read:
        findings.append(finding("unexpected-file", CSV_GZ, f"there is {PARQUET} too; a submission has one of them"))
    name = next((name for name in (PARQUET, CSV_GZ) if name in read), None)
    return FolderContents(
        slug=slug,
        manifest=read.get(MANIFEST),
        decisions=None if name is None else (name, read[name]),
        wheels={name: both.sha256 for name, both in wheels.items()},
        digest=digest_of(
            {name: blake2b(read[name]).digest() for name in read if name != README}
            | {f"{WHEELS}/{name}": both.blake2b for name, both in wheels.items()}
        ),
        findings=tuple(findings),
    )


def digest_of(parts: Mapping[str, bytes]) -> str:
    """The identity of a submission: blake2b-16 hex over the sorted names and digests of the files that define it.

    These are the manifest as written, the decisions file and the wheels. README.md is left out, because nothing in it
    is scored. `supersedes` is part of the manifest and so of the identity, as a commit's parent is part of the commit:
    a version that returns to an older one's decisions is still a new version, so the chain of versions has no cycle.
    A digest names bytes that exist before it is written down anywhere, so no manifest has to contain its own.

    :param parts: blake2b digest of each file by its path in the folder.
    """
    state = blake2b(digest_size=16)
    for name in sorted(parts):
        for word in (name.encode(), parts[name]):
            state.update(len(word).to_bytes(8, "big") + word)
    return state.hexdigest()


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One name in a folder, with the facts from `lstat`."""

    name: str
    place: str
    mode: int
    size: int
    links: int
    identity: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class _Digests:
    blake2b: bytes
    sha256: str


def _not_a_folder(folder: Path) -> Finding | None:
    try:
        mode = os.lstat(folder).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return finding("bad-slug", folder.name or ".", "there is no such folder")
    if stat.S_ISDIR(mode):
        return None
    return finding("not-a-plain-file", folder.name or ".", f"the submission itself is {_kind(mode)}, not a folder")


@contextmanager
def _opened_folder(path: Path, within: int | None = None) -> Iterator[int]:
    handle = os.open(path, _FLAGS | os.O_DIRECTORY, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


def _entries(handle: int, prefix: str) -> tuple[list[_Entry], list[Finding]]:
    """The entries of a folder, sorted by name, without names that no submission may have."""
    with os.scandir(handle) as found:
        names = sorted(entry.name for entry in islice(found, LISTED + 1))
    if len(names) > LISTED:
        return [], [finding("unexpected-file", prefix or ".", f"there are more than {LISTED} names in it", names)]
    strange = [name for name in names if not NAME.fullmatch(name)]
    findings = [finding("strange-name", prefix + _shown(name), "the name has other characters") for name in strange]
    findings += _alike(names, prefix)
    entries = []
    for name in names:
        if name in strange:
            continue
        facts = os.lstat(name, dir_fd=handle)
        entries.append(
            _Entry(
                name=name,
                place=prefix + name,
                mode=facts.st_mode,
                size=facts.st_size,
                links=facts.st_nlink,
                identity=(facts.st_dev, facts.st_ino),
            )
        )
    return entries, findings


def _alike(names: Sequence[str], prefix: str) -> list[Finding]:
    """Names that would be one file where case is ignored."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.casefold(), []).append(name)
    return [
        finding("strange-name", prefix + _shown(group[0]), "names differ only in case", group)
        for group in groups.values()
        if len(group) > 1
    ]


def _refusal(entry: _Entry, limit: int | None) -> Finding | None:
    """Why an entry must not be opened; None if it may be."""
    if not stat.S_ISREG(entry.mode):
        if stat.S_ISDIR(entry.mode):
            return finding("unexpected-file", entry.place, "no submission has such a folder")
        return finding("not-a-plain-file", entry.place, f"it is {_kind(entry.mode)}; it was not opened")
    if entry.links > 1:
        return finding("not-a-plain-file", entry.place, f"it is one of {entry.links} hard links; it was not opened")
    if entry.name.lower().endswith(PICKLE_SUFFIXES):
        return finding("pickle", entry.place, "its name is that of a pickle; it was not opened")
    if limit is None:
        return finding("unexpected-file", entry.place, "no submission has such a file; it was not opened")
    if entry.size > limit:
        return finding("too-large", entry.place, f"{entry.size:,} bytes, and {limit:,} are allowed; it was not opened")
    return None


def _read(entry: _Entry, limit: int | None, handle: int) -> tuple[bytes | None, list[Finding]]:
    """The bytes of a file, or what is wrong with it."""
    refusal = _refusal(entry, limit)
    if refusal is not None or limit is None:
        return None, [] if refusal is None else [refusal]
    try:
        content = _bytes_of(entry, limit, handle)
    except OSError as error:
        return None, [_unreadable(entry.place, error)]
    if content is None:
        return None, [finding("not-a-plain-file", entry.place, "it changed while it was being read")]
    if looks_pickled(content, archive=entry.name.endswith(".whl")):
        return None, [finding("pickle", entry.place, "it starts like a pickle")]
    return content, []


def _bytes_of(entry: _Entry, limit: int, handle: int) -> bytes | None:
    """At most `limit` bytes through one descriptor; None if it is not the file that was checked, or it changed."""
    opened = os.open(entry.name, _FLAGS, dir_fd=handle)
    with os.fdopen(opened, "rb") as file:
        facts = os.fstat(opened)
        same = (facts.st_dev, facts.st_ino) == entry.identity and stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1
        if not same or facts.st_size > limit:
            return None
        content = file.read(facts.st_size + 1)
    return content if len(content) == facts.st_size else None


def _read_wheels(handle: int) -> tuple[dict[str, _Digests], list[Finding]]:
    entries, findings = _entries(handle, f"{WHEELS}/")
    limit = LIMITS[f"{WHEELS}/*.whl"]
    if len(entries) > WHEEL_COUNT:
        few = f"{len(entries)} files, and {WHEEL_COUNT} are allowed; none was opened"
        return {}, [*findings, finding("too-large", WHEELS, few)]
    total = sum(entry.size for entry in entries if stat.S_ISREG(entry.mode))
    if total > limit:
        small = f"{total:,} bytes in all, and {limit:,} are allowed; none was opened"
        return {}, [*findings, finding("too-large", WHEELS, small)]
    read: dict[str, _Digests] = {}
    for entry in entries:
        content, noticed = _read(entry, limit if entry.name.endswith(".whl") else None, handle)
        findings += noticed
        if content is not None:
            read[entry.name] = _Digests(blake2b=blake2b(content).digest(), sha256=sha256(content).hexdigest())
    return read, findings


def _unreadable(place: str, error: OSError) -> Finding:
    return finding("not-a-plain-file", place, f"it cannot be opened and read: {error.strerror or error}")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFREG: "a file",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")


def _shown(name: str) -> str:
    """A name of any bytes and characters, made visible."""
    return "".join(
        letter if letter.isascii() and letter.isprintable() and letter != " " else _escaped(letter) for letter in name
    )


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as the file system gives it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy", ".npz", ".dill", ".ckpt")
"""Suffixes of formats that are pickles or may hold one; NumPy's files are assumed to, without being opened."""

HEAD = 512
"""How many leading bytes are examined."""

_NUMPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"


def looks_pickled(content: bytes, *, archive: bool = False) -> bool:
    """Whether content starts like a pickle of protocol 2 to 5, a NumPy array of objects or a PyTorch file.

    :param archive: whether a zip archive is expected here, whatever it holds.
    """
    head = content[:HEAD]
    pickled = len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5
    objects = head.startswith(_NUMPY) and (b"'|O'" in head or b"'O'" in head)
    packed = head.startswith(_ZIP) and (b"data.pkl" in head or b".npy" in head)
    return pickled or objects or (packed and not archive)
