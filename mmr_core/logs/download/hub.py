"""What the hub says of a dataset: its commit, and its files with sizes and checksums.

Everything that is asked of the hub goes through huggingface_hub (the extra `download`), so that HF_TOKEN, HF_ENDPOINT
and proxies count as they do everywhere. What a hub states is not trusted: a path that leaves its folder is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from mmr_core.errors import DataError, MissingExtraError, MMRError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a published table, as the hub states it.

    :param path: relative, with "/" between folders; checked to stay inside its folder.
    :param size: in bytes.
    :param kind: "sha256", or "git-sha1", which is the SHA-1 of "blob <size>\\\\0" and the content.
    :param checksum: hexadecimal.
    """

    path: str
    size: int
    kind: Literal["sha256", "git-sha1"]
    checksum: str


def checksum_of(file: Path, wanted: RemoteFile, *, step: Callable[[int], None] = lambda n: None) -> str:
    """The checksum of a local file, of the kind that the hub states for it.

    :param step: called with the number of bytes read each time.
    """
    state = hashlib.sha256() if wanted.kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if wanted.kind == "git-sha1":
        state.update(f"blob {file.stat().st_size}\0".encode())
    with open(file, "rb") as content:
        while block := content.read(BLOCK):
            state.update(block)
            step(len(block))
    return state.hexdigest()


def is_whole(file: Path, wanted: RemoteFile) -> bool:
    """Whether a local file is there with the size and the checksum that the hub states."""
    return file.is_file() and file.stat().st_size == wanted.size and checksum_of(file, wanted) == wanted.checksum


ANSWER_WITHIN_S = 20.0
TOKEN_FIX = "set HF_TOKEN to a token that may read it, and accept its terms on its page"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A dataset on the hub at one commit.

    :param commit: 40 hexadecimal digits.
    """

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def ask_hub(repository: str, revision: str, *, endpoint: str | None = None) -> Snapshot:
    """The files of a dataset at a revision.

    :param endpoint: the hub's address; that of HF_ENDPOINT, or the public one, where None.
    :raises MissingExtraError: without huggingface_hub.
    :raises UsageError: if there is no such dataset or revision, or it may not be read.
    :raises DataError: if what the hub states cannot be used.
    :raises MMRError: if the hub does not answer.
    """
    client = hub_client()
    with hub_errors(repository, revision):
        stated = client.HfApi(endpoint=endpoint).dataset_info(
            repository, revision=revision, files_metadata=True, timeout=ANSWER_WITHIN_S
        )
    commit = str(stated.sha or "")
    if not _COMMIT.fullmatch(commit):
        raise DataError(f"expected a commit from the hub, got {commit!r}", where=repository)
    files = tuple(_remote_file(sibling, repository) for sibling in stated.siblings or ())
    _demand_distinct(files, repository)
    return Snapshot(repository=repository, commit=commit, files=files)


def address_of(snapshot: Snapshot, file: RemoteFile, *, endpoint: str | None = None) -> str:
    """Where a file of a snapshot is fetched."""
    address: str = hub_client().hf_hub_url(
        snapshot.repository, file.path, repo_type="dataset", revision=snapshot.commit, endpoint=endpoint
    )
    return address


@contextmanager
def hub_errors(repository: str, revision: str) -> Iterator[None]:
    """Turns what the hub's client and the layers below it raise into one line.

    :raises MMRError: for each of them.
    """
    errors = hub_client().errors
    try:
        yield
    except MMRError:
        raise
    except errors.GatedRepoError as error:
        raise UsageError("may not be read without its authors' permission", where=repository, fix=TOKEN_FIX) from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(
            "there is no such dataset on the hub, or it is not public", where=repository, fix=TOKEN_FIX
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(
            f"has no revision {revision!r}", where=repository, fix="name a commit, a branch or a tag with --revision"
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise UsageError("the hub must not be contacted", where="HF_HUB_OFFLINE", fix="unset it to download") from error
    except Exception as error:
        raise MMRError(
            f"the hub gave no usable answer ({reason_of(error)})",
            where=repository,
            fix="check the network, proxies and HF_ENDPOINT, and try again: what is there already stays",
        ) from error


def reason_of(error: Exception) -> str:
    """The name of an error and the first line of what it says."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def hub_client() -> Any:
    """The package huggingface_hub.

    :raises MissingExtraError: if it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise MissingExtraError("downloads need huggingface_hub", fix="pip install 'mmr-bench[download]'") from error
    return huggingface_hub


def _remote_file(sibling: Any, repository: str) -> RemoteFile:
    path, large = str(sibling.rfilename), sibling.lfs
    _demand_safe(path, repository)
    size = sibling.size if large is None else large.size
    checksum = sibling.blob_id if large is None else large.sha256
    if not isinstance(size, int) or size < 0 or not re.fullmatch(r"[0-9a-f]{40,64}", str(checksum)):
        raise DataError("the hub states no size or no checksum", where=f"{repository}, file {path!r}")
    return RemoteFile(path=path, size=size, kind="git-sha1" if large is None else "sha256", checksum=str(checksum))


def _demand_safe(path: str, repository: str) -> None:
    """Refuses a path that could mean a place outside its folder, on any system."""
    parts = PurePosixPath(path).parts
    wrong = (
        not parts
        or path.startswith("/")
        or any(part in ("..", ".") for part in path.split("/"))
        or any(letter in path for letter in "\\:")
        or not path.isprintable()
        or any(_RESERVED.fullmatch(part) for part in parts)
        or parts[0] in (".mmr-download", ".git")
    )
    if wrong:
        raise DataError(
            f"the hub states a file {path!r}, which may not be written",
            where=repository,
            fix="nothing was fetched; tell its publisher",
        )


def _demand_distinct(files: tuple[RemoteFile, ...], repository: str) -> None:
    """Refuses names that one file system takes for one, or that are a folder of others."""
    seen: dict[str, str] = {}
    folders = {parent.as_posix().casefold() for file in files for parent in PurePosixPath(file.path).parents}
    for file in files:
        key = file.path.casefold()
        if key in seen or key in folders:
            raise DataError(
                f"the hub states two files for one place, {file.path!r}", where=repository, fix="nothing was fetched"
            )
        seen[key] = file.path
