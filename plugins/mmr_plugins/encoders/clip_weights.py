"""Where the weights of an open_clip model are: in a file that was named, in the hub's cache, or to be fetched.

This is the one place that talks to a network. What is in the cache is used without asking anybody, and a hub that
does not answer is given up after one question, so that a machine without a network gets its one line at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip

from mmr_core.errors import FeatureError, UnknownNameError, UsageError
from mmr_core.plugins import did_you_mean

_SUFFIXES = (".bin", ".npz", ".pt", ".pth", ".safetensors")
_ANSWER_WITHIN_S = 10.0


def demand_known(model: str, pretrained: str | None) -> None:
    """:raises UsageError: if open_clip has no such model, or no such weights for it and no file is so called."""
    known = open_clip.list_models()
    if model not in known:
        raise UnknownNameError(
            f"open_clip has no model {model!r}{did_you_mean(model, known)}",
            fix="'open_clip.list_models()' names them all",
        )
    if pretrained is None or is_tag(model, pretrained) or Path(pretrained).expanduser().is_file():
        return
    if Path(pretrained).suffix in _SUFFIXES or Path(pretrained).name != pretrained:
        raise UsageError("there is no such file of weights", where=pretrained, fix="give the path of one, or a tag")
    tags = [tag for name, tag in open_clip.list_pretrained() if name == model]
    raise UnknownNameError(
        f"open_clip has no weights {pretrained!r} for {model}{did_you_mean(pretrained, tags)}",
        fix=f"use one of {', '.join(tags)}, or the path of a file" if tags else "give the path of a file",
    )


def is_tag(model: str, pretrained: str) -> bool:
    """Whether open_clip knows weights by this name, rather than a file."""
    return bool(open_clip.get_pretrained_cfg(model, pretrained))


def weights_file(model: str, pretrained: str) -> Path:
    """The file with the weights, fetched if it has to be.

    :raises FeatureError: if it has to be and cannot.
    """
    if not is_tag(model, pretrained):
        return Path(pretrained).expanduser()
    # Hubs, their clients and the layers below them raise all sorts of errors; each means the same to the reader.
    try:
        return Path(_fetched(open_clip.get_pretrained_cfg(model, pretrained)))
    except Exception as error:
        raise unfetchable(f"the weights {pretrained!r} of {model}", error) from error


def unfetchable(what: str, error: Exception) -> FeatureError:
    """The one line for everything that a network should have brought."""
    reason = str(error).strip().partition("\n")[0]
    return FeatureError(
        f"{what} could not be fetched ({type(error).__name__}: {reason})",
        where="encoder 'clip'",
        fix=(
            "set HF_HOME to a cache that holds them (copied from another machine), name a file by the encoder's"
            " parameter pretrained, use --encoder lite, or bring embeddings with --features FILE.npz"
        ),
    )


def _fetched(source: dict[str, Any]) -> str:
    """The path of the file that open_clip itself would fetch: from the hub where it is there, else by its address."""
    repository, _, name = source.get("hf_hub", "").rpartition("/")
    if not repository:
        return str(open_clip.download_pretrained(source))
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    if name:
        names = [str(Path(name).with_suffix(".safetensors")), name]
    else:
        names = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    for candidate in names:
        try:
            return str(huggingface_hub.hf_hub_download(repository, candidate, local_files_only=True))
        except EntryNotFoundError:
            continue
    for candidate in names:
        # Asked for a download at once, the client would repeat itself for most of a minute without a network.
        address = huggingface_hub.hf_hub_url(repository, candidate)
        try:
            huggingface_hub.get_hf_file_metadata(address, timeout=_ANSWER_WITHIN_S)
        except EntryNotFoundError:
            continue
        return str(huggingface_hub.hf_hub_download(repository, candidate))
    raise FileNotFoundError(f"{repository} has neither of {' and '.join(names)}")
