"""CLIP through open_clip, the paper's encoder of questions and images, and where its weights come from.

Official tokenizer with truncation and official preprocessing; embeddings as the towers give them, not normalised,
because their norms carry signal. open_clip loads OpenAI's weights into `ViT-B-32` with the wrong activation by
default, so the activation that belongs to a set of weights is always set here. Weights are a named file, or are taken
from the hub's cache, or fetched (`hub`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import open_clip
import PIL
import torch
from PIL import Image

from mmr_core.errors import FeatureError, UnknownNameError, UsageError
from mmr_core.plugins import did_you_mean
from mmr_plugins.encoders.hub import hub_file, not_at_hand, unfetchable
from mmr_plugins.encoders.torch_inference import PRECISIONS, demand_usable, device_of, exactly, opened, valid_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIXES = (".bin", ".npz", ".pt", ".pth", ".safetensors")


def demand_known(model: str, pretrained: str | None) -> None:
    """:raises UsageError: if open_clip has no such model, or no such weights for it and no file of that name."""
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
    """The one-line error for files of clip that can neither be found nor fetched."""
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


class ClipEncoder:
    """Texts and images in one space, float32 [n, d]; d is 512 for `ViT-B-32`.

    :param model: any model of `open_clip.list_models()`; "ViT-B/32" is taken as "ViT-B-32".
    :param pretrained: a tag of open_clip, or the path of a file of weights; None: random weights, for tests.
    :param batch_size: how many texts or images go through the model at once.
    :param device: such as "cpu" or "cuda:1"; None: cuda where there is one.
    :param precision: "fp32", "fp16" or "bf16"; with fp32, TensorFloat-32 is off.
    :param quick_gelu: the weights in a file were trained with QuickGELU; of tags this is known.
    :param seed: of random weights.
    :raises UsageError: if there is no such model, weights, device or precision.
    :raises FeatureError: on first use, if weights can neither be found nor fetched, or do not fit the model.

    An image is converted to RGB as Pillow does it, then resized, cropped and scaled by the model's own transform.
    """

    modalities: ClassVar[tuple[str, ...]] = ("text", "image")

    def __init__(
        self,
        *,
        model: str = "ViT-B-32",
        pretrained: str | None = "openai",
        batch_size: int = 64,
        device: str | None = None,
        precision: str = "fp32",
        quick_gelu: bool = False,
        seed: int = 0,
    ) -> None:
        self.model = model.replace("/", "-")
        self.pretrained = pretrained
        demand_known(self.model, pretrained)
        demand_usable("clip", precision=precision, batch_size=batch_size)
        self.batch_size = batch_size
        self.device = device_of(device)
        self.precision = precision
        self.seed = seed
        by_tag = pretrained is not None and is_tag(self.model, pretrained)
        self._tag: dict[str, Any] = open_clip.get_pretrained_cfg(self.model, pretrained) if by_tag else {}
        architecture = open_clip.get_model_config(self.model)
        self.dimensions: int = architecture["embed_dim"]
        self.quick_gelu = bool(quick_gelu or self._tag.get("quick_gelu") or architecture.get("quick_gelu"))

    @property
    def fingerprint(self) -> str:
        """Everything that an embedding depends on; the weights by a digest of the whole file.

        The file is found, or fetched, and read once (600 MB for `ViT-B-32`); the model is not loaded for it.
        """
        return self._fingerprint

    def demand_at_hand(self) -> None:
        """:raises FeatureError: if the weights would have to be fetched; nothing is fetched for it."""
        if self.pretrained is not None:
            demand_weights(self.model, self.pretrained)

    @cached_property
    def _fingerprint(self) -> str:
        if self._file is None:
            weights = f"random seed={self.seed}"
        else:
            with open(self._file, "rb") as file:
                digest = file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
            weights = f"{self.pretrained if self._tag else 'file'} {digest}"
        return (
            f"clip model={self.model} weights={weights} quick_gelu={self.quick_gelu} precision={self.precision}"
            f" open_clip={open_clip.__version__} torch={torch.__version__} pillow={PIL.__version__}"
        )

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [n, d]; what is longer than the model's context is cut, as the official tokenizer cuts it."""

        def embed(batch: Sequence[str]) -> torch.Tensor:
            tokens = self._tokenizer([valid_text(text) for text in batch]).to(self.device)
            network, _ = self._loaded
            return network.encode_text(tokens, normalize=False)  # type: ignore[no-any-return]

        return self._in_batches(texts, embed)

    def encode_image(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """float32 [n, d].

        :raises FeatureError: if an image cannot be opened; it names the file.
        """
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as readers:

            def embed(batch: Sequence[Path]) -> torch.Tensor:
                network, _ = self._loaded  # before any reader asks for it
                pixels = torch.stack(list(readers.map(self._pixels, batch)))  # [b, 3, height, width]
                pixels = pixels.to(device=self.device, dtype=PRECISIONS[self.precision])
                return network.encode_image(pixels, normalize=False)  # type: ignore[no-any-return]

            return self._in_batches(paths, embed)

    def _in_batches(self, inputs: Sequence[Any], embed: Callable[[Any], torch.Tensor]) -> NDArray[np.float32]:
        embedded = [np.zeros((0, self.dimensions), dtype=np.float32)]
        with torch.inference_mode(), exactly(self.precision, self.device):
            for start in range(0, len(inputs), self.batch_size):
                embedded.append(embed(inputs[start : start + self.batch_size]).float().cpu().numpy())
        return np.concatenate(embedded)

    def _pixels(self, path: Path) -> torch.Tensor:
        """float32 [3, height, width]."""
        _, preprocess = self._loaded
        return preprocess(opened(path))  # type: ignore[no-any-return]

    @cached_property
    def _file(self) -> Path | None:
        return None if self.pretrained is None else weights_file(self.model, self.pretrained)

    @cached_property
    def _tokenizer(self) -> Callable[[list[str]], torch.Tensor]:
        # Some models have their tokenizer on the hub.
        try:
            return open_clip.get_tokenizer(self.model)  # type: ignore[no-any-return]
        except Exception as error:
            raise unfetched(f"the tokenizer of {self.model}", error) from error

    @cached_property
    def _loaded(self) -> tuple[Any, Callable[[Image.Image], Any]]:
        """The network in evaluation mode, and the transform that belongs to its weights."""
        file = self._file
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                network, _, preprocess = open_clip.create_model_and_transforms(
                    self.model,
                    pretrained=None if file is None else str(file),
                    precision=self.precision,
                    device=self.device,
                    force_quick_gelu=self.quick_gelu,
                    image_mean=self._tag.get("mean"),
                    image_std=self._tag.get("std"),
                    image_interpolation=self._tag.get("interpolation"),
                    image_resize_mode=self._tag.get("resize_mode"),
                    pretrained_image=False,
                    pretrained_text=False,
                )
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise FeatureError(
                f"open_clip could not load {self.model} ({type(error).__name__}: {reason})",
                where=str(file or "random weights"),
                fix="check that the weights are complete and belong to this model",
            ) from error
        return network.eval(), preprocess
