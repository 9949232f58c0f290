"""Where the weights of an open_clip model are: in a file that was named, in the hub's cache, or to be fetched.

`hub` asks; here is what to ask for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip

from mmr_core.errors import FeatureError, UnknownNameError, UsageError
from mmr_core.plugins import did_you_mean
from mmr_plugins.encoders.hub import hub_file, not_at_hand, unfetchable

_SUFFIXES = (".bin", ".npz", ".pt", ".pth", ".safetensors")


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
        return _fetched(open_clip.get_pretrained_cfg(model, pretrained))
    except Exception as error:
        raise unfetched(f"the weights {pretrained!r} of {model}", error) from error


def demand_weights(model: str, pretrained: str) -> None:
    """:raises FeatureError: if the weights are neither a file nor in the hub's cache."""
    if not is_tag(model, pretrained):
        return
    repository, names = _on_the_hub(open_clip.get_pretrained_cfg(model, pretrained))
    # As above; weights that only an address is known of may be in a cache of open_clip's own, which cannot be asked.
    try:
        hub_file(repository, names, fetch=False)
    except Exception as error:
        what = f"the weights {pretrained!r} of {model}"
        raise not_at_hand(what, encoder="clip", parameter="pretrained") from error


def unfetched(what: str, error: Exception) -> FeatureError:
    """The one line for everything of clip that a network should have brought."""
    return unfetchable(what, error, encoder="clip", parameter="pretrained")


def _fetched(source: dict[str, Any]) -> Path:
    """The path of the file that open_clip itself would fetch: from the hub where it is there, else by its address."""
    repository, names = _on_the_hub(source)
    return hub_file(repository, names) if repository else Path(open_clip.download_pretrained(source))


def _on_the_hub(source: dict[str, Any]) -> tuple[str, list[str]]:
    """The repository ("" for none) and the names that the weights can have in it."""
    repository, _, name = source.get("hf_hub", "").rpartition("/")
    if name:
        return repository, [str(Path(name).with_suffix(".safetensors")), name]
    return repository, ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
