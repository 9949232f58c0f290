"""Image embeddings by any backbone of the timm library: the pooled features before its classifier.

Resizing, cropping and scaling are those that belong to the weights. Embeddings are as the backbone gives them, not
normalised, because their norms carry signal.
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
import PIL
import timm
import torch
import torchvision
from timm.data import create_transform, resolve_data_config
from timm.models import load_state_dict

from mmr_core.errors import FeatureError, UnknownNameError, UsageError
from mmr_core.plugins import did_you_mean
from mmr_plugins.encoders.hub import hub_file, not_at_hand, unfetchable
from mmr_plugins.encoders.torch_inference import PRECISIONS, demand_usable, device_of, exactly, opened

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

ENCODER = "timm"


class TimmEncoder:
    """Images as float32 [n, d]; d is 384 for `vit_small_patch14_dinov2`, as wide as the texts of `all-MiniLM-L6-v2`.

    :param model: any model of `timm.list_models()`, with the tag of its weights after a dot or with its first tag.
    :param checkpoint: the path of a file of weights to use instead of those that timm names.
    :param pretrained: False without a checkpoint means random weights, for tests.
    :param image_size: the side of the square that images become, in pixels; None: the model's own (518 for the
        default model, which costs five times as much).
    :param batch_size: how many images go through the model at once.
    :param device: such as "cpu" or "cuda:1"; None: cuda where there is one.
    :param precision: "fp32", "fp16" or "bf16"; with fp32, TensorFloat-32 is off.
    :param seed: of random weights.
    :raises UsageError: if there is no such model, weights, device or precision, or no image of that size.
    :raises FeatureError: on first use, if weights can neither be found nor fetched, or do not fit the model.
    """

    modalities: ClassVar[tuple[str, ...]] = ("image",)

    def __init__(
        self,
        *,
        model: str = "vit_small_patch14_dinov2.lvd142m",
        checkpoint: str | None = None,
        pretrained: bool = True,
        image_size: int | None = 224,
        batch_size: int = 64,
        device: str | None = None,
        precision: str = "fp32",
        seed: int = 0,
    ) -> None:
        self._source = _source(model, released=pretrained and checkpoint is None)
        self.model = f"{self._source.architecture}.{self._source.tag}" if self._source.hf_hub_id else model
        if checkpoint is not None and not Path(checkpoint).expanduser().is_file():
            raise UsageError("there is no such file of weights", where=checkpoint, fix="give the path of one")
        if image_size is not None and image_size < 1:
            raise UsageError(f"{ENCODER} cannot make images {image_size} pixels wide", fix="use 224, or leave it out")
        demand_usable(ENCODER, precision=precision, batch_size=batch_size)
        self.checkpoint = checkpoint
        self.pretrained = pretrained
        self.image_size: int = image_size or self._source.input_size[-1]
        self.batch_size = batch_size
        self.device = device_of(device)
        self.precision = precision
        self.seed = seed

    @property
    def fingerprint(self) -> str:
        """Everything that an embedding depends on; the weights by a digest of the whole file.

        The file is found, or fetched, and read once; the model is not loaded for it.
        """
        return self._fingerprint

    def demand_at_hand(self) -> None:
        """:raises FeatureError: if the weights would have to be fetched; nothing is fetched for it."""
        if self.checkpoint is None and self.pretrained:
            # The hub's client raises all sorts of errors; each means the same to the reader.
            try:
                hub_file(self._source.hf_hub_id, _names(self._source), fetch=False)
            except Exception as error:
                raise not_at_hand(f"the weights of {self.model}", encoder=ENCODER, parameter="checkpoint") from error

    def encode_image(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """float32 [n, d].

        :raises FeatureError: if an image cannot be opened; it names the file.
        """
        network, preprocess = self._loaded
        embedded = [np.zeros((0, self._width), dtype=np.float32)]
        with (
            torch.inference_mode(),
            exactly(self.precision, self.device),
            ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as readers,
        ):
            for start in range(0, len(paths), self.batch_size):
                batch = paths[start : start + self.batch_size]
                pixels = torch.stack(list(readers.map(lambda path: preprocess(opened(path)), batch)))  # [b, 3, s, s]
                rows = network(pixels.to(device=self.device, dtype=PRECISIONS[self.precision]))
                embedded.append(rows.float().cpu().numpy())
        return np.concatenate(embedded)

    @cached_property
    def _fingerprint(self) -> str:
        if self._file is None:
            weights = f"random seed={self.seed}"
        else:
            with open(self._file, "rb") as file:
                weights = file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
        return (
            f"{ENCODER} model={self.model} weights={weights} image_size={self.image_size} precision={self.precision}"
            f" timm={timm.__version__} torch={torch.__version__} torchvision={torchvision.__version__}"
            f" pillow={PIL.__version__}"
        )

    @cached_property
    def _file(self) -> Path | None:
        """The file with the weights, fetched if it has to be; None: weights are random."""
        if self.checkpoint is not None:
            return Path(self.checkpoint).expanduser()
        if not self.pretrained:
            return None
        try:
            return hub_file(self._source.hf_hub_id, _names(self._source))
        except Exception as error:
            what = f"the weights of {self.model}"
            raise unfetchable(what, error, encoder=ENCODER, parameter="checkpoint") from error

    def _weights_in(self, file: Path) -> dict[str, Any]:
        """The weights without those of a classifier, declared complete: only then is timm strict."""
        if self._source.custom_load:
            return {"file": str(file)}
        state = load_state_dict(str(file))
        classifiers = self._source.classifier or ()
        for name in (classifiers,) if isinstance(classifiers, str) else classifiers:
            for part in ("weight", "bias"):
                state.pop(f"{name}.{part}", None)
        return {"state_dict": state, "num_classes": 0}

    @cached_property
    def _width(self) -> int:
        network, _ = self._loaded
        blank = torch.zeros(1, 3, self.image_size, self.image_size)
        with torch.inference_mode():
            rows = network(blank.to(device=self.device, dtype=PRECISIONS[self.precision]))
        return int(rows.shape[1])

    @cached_property
    def _loaded(self) -> tuple[Any, Callable[[Image.Image], torch.Tensor]]:
        """The backbone in evaluation mode, and the transform that belongs to its weights."""
        file = self._file
        # Transformers are built for one size of image; to others their positions are adapted as weights are loaded.
        resized = self._source.fixed_input_size and self.image_size != self._source.input_size[-1]
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                network = timm.create_model(
                    self.model,
                    pretrained=file is not None,
                    pretrained_cfg_overlay={} if file is None else self._weights_in(file),
                    num_classes=0,
                    **({"img_size": self.image_size} if resized else {}),
                )
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise FeatureError(
                f"timm could not load {self.model} ({type(error).__name__}: {reason})",
                where=str(file or "random weights"),
                fix="check that the weights are complete and fit this model, and that it takes images of this size",
            ) from error
        data = resolve_data_config({"input_size": (3, self.image_size, self.image_size)}, model=network)
        network = network.to(device=self.device, dtype=PRECISIONS[self.precision]).eval()
        return network, create_transform(**data, is_training=False)


def _source(model: str, *, released: bool) -> Any:
    """What timm knows of a model's weights.

    :param released: whether weights of timm's are wanted.
    :raises UsageError: if there is no such model or tag, or no weights available by name.
    """
    if not timm.is_model(model):
        known = timm.list_models()
        raise UnknownNameError(
            f"timm has no model {model!r}{did_you_mean(model.partition('.')[0], known)}",
            fix="'timm.list_models()' names them all",
        )
    architecture, _, tag = model.partition(".")
    tags = [name.partition(".")[2] for name in timm.list_models(architecture, pretrained=True)]
    if tag and tag not in tags:
        raise UnknownNameError(
            f"timm has no weights {tag!r} for {architecture}{did_you_mean(tag, tags)}",
            fix=f"use one of {', '.join(tags)}" if tags else "leave the tag out, and give a checkpoint",
        )
    source = timm.get_pretrained_cfg(model)
    if released and not (source and source.hf_hub_id):
        raise UsageError(
            f"timm names no weights of {model} on the hub",
            where=f"encoder {ENCODER!r}",
            fix="fetch them yourself and give the file by the parameter checkpoint",
        )
    return source


def _names(source: Any) -> list[str]:
    """The names that the weights can have in their repository; timm takes the first that is there."""
    if source.hf_hub_filename:
        return [str(source.hf_hub_filename)]
    return ["model.safetensors", "pytorch_model.bin"]
