"""Files of weights on the Hugging Face hub: from its cache where they are there, else fetched after one question.

What is in the cache is used without a request, and a hub that does not answer is given up after one, so
that a machine without a network gets its one line at once. Only encoders that are asked to encode come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmr_core.errors import FeatureError

ANSWER_WITHIN_S = 10.0


def hub_file(repository: str, names: Sequence[str], *, fetch: bool = True) -> Path:
    """The first of some files that the cache has, else the first that the hub has.

    :param fetch: whether the hub is asked.
    :raises FileNotFoundError: if neither has one of them.
    :raises Exception: whatever the hub's client and the layers below it raise.
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        try:
            return Path(huggingface_hub.hf_hub_download(repository, name, local_files_only=True))
        except EntryNotFoundError:
            continue
    if not fetch:
        raise FileNotFoundError(f"{repository} is not in the hub's cache")
    for name in names:
        # Asked for a download at once, the client would repeat itself for most of a minute without a network.
        address = huggingface_hub.hf_hub_url(repository, name)
        try:
            huggingface_hub.get_hf_file_metadata(address, timeout=ANSWER_WITHIN_S)
        except EntryNotFoundError:
            continue
        return Path(huggingface_hub.hf_hub_download(repository, name))
    raise FileNotFoundError(f"{repository} has neither of {' and '.join(names)}")


def hub_folder(repository: str, mark: str, *, without: Sequence[str], fetch: bool = True) -> Path:
    """A repository as a folder.

    :param mark: the file that a folder of this sort has.
    :param without: patterns of files that are not fetched.
    :param fetch: whether the hub is asked.
    :raises FileNotFoundError: if neither the cache nor the hub has that file.
    :raises Exception: whatever the hub's client and the layers below it raise.
    """
    import huggingface_hub

    try:
        return hub_file(repository, (mark,), fetch=False).parent
    except FileNotFoundError:
        if not fetch:
            raise
    address = huggingface_hub.hf_hub_url(repository, mark)
    huggingface_hub.get_hf_file_metadata(address, timeout=ANSWER_WITHIN_S)
    return Path(huggingface_hub.snapshot_download(repository, ignore_patterns=list(without)))


def unfetchable(what: str, error: Exception, *, encoder: str, parameter: str) -> FeatureError:
    """The one-line error for files that can neither be found nor fetched.

    :param encoder: whose it is.
    :param parameter: of the encoder, by which a file or folder can be named instead.
    """
    reason = str(error).strip().partition("\n")[0]
    return FeatureError(
        f"{what} could not be fetched ({type(error).__name__}: {reason})",
        where=f"encoder {encoder!r}",
        fix=(
            "set HF_HOME to a cache that holds them (copied from another machine), name a local copy by the encoder's"
            f" parameter {parameter}, use --encoder lite, or bring embeddings with --features FILE.npz"
        ),
    )


def not_at_hand(what: str, *, encoder: str, parameter: str) -> FeatureError:
    """The one-line error for weights that are not on this machine and must not be fetched."""
    return FeatureError(
        f"{what} are not on this machine",
        where=f"encoder {encoder!r}",
        fix=f"use the encoder once, which fetches them, or name a local copy by its parameter {parameter}",
    )
