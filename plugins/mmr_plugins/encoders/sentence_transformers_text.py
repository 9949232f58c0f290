"""Sentence embeddings of questions, by any model of the sentence-transformers library.

Tokenizer, truncation, pooling and prompts are the model's own. A normalising layer at its end is left out, because
the norms of raw embeddings carry signal; the feature builder normalises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

from mmr_core.errors import FeatureError, UsageError
from mmr_plugins.encoders.hub import hub_folder, not_at_hand, unfetchable
from mmr_plugins.encoders.torch_inference import PRECISIONS, demand_usable, device_of, exactly, valid_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENCODER = "sentence-transformers"
MARK = "modules.json"
"""The file that lists the layers of such a model."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_READ = (".json", ".txt", ".model", ".safetensors", ".bin")
_UNREAD = ("data_config.json",)
_OTHER_ENGINES = ("onnx", "openvino")
_NOT_FETCHED = ("onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.ot", "*.onnx", "*.md")


class SentenceTransformersEncoder:
    """Texts as float32 [n, d]; d is 384 for `all-MiniLM-L6-v2`.

    :param model: a name on the Hugging Face hub (without a slash: of the organisation "sentence-transformers"), or the
        path of a folder that `SentenceTransformer.save` wrote.
    :param batch_size: how many texts go through the model at once.
    :param device: such as "cpu" or "cuda:1"; None: cuda where there is one.
    :param precision: "fp32", "fp16" or "bf16", whatever the weights were saved in.
    :raises UsageError: if there is no such folder, device or precision.
    :raises FeatureError: on first use, if the model can neither be found nor fetched, or cannot be loaded.

    What is longer than the model's context is cut, as the library cuts it. No code that comes with a model is run.
    """

    modalities: ClassVar[tuple[str, ...]] = ("text",)

    def __init__(
        self,
        *,
        model: str = "all-MiniLM-L6-v2",
        batch_size: int = 64,
        device: str | None = None,
        precision: str = "fp32",
    ) -> None:
        self.model = model
        self._own_folder = _own_folder(model)
        demand_usable(ENCODER, precision=precision, batch_size=batch_size)
        self.batch_size = batch_size
        self.device = device_of(device)
        self.precision = precision

    @property
    def fingerprint(self) -> str:
        """Everything that an embedding depends on; the model by a digest of its files.

        They are found, or fetched, and read once (90 MB for `all-MiniLM-L6-v2`); the model is not loaded for it.
        """
        return self._fingerprint

    def demand_at_hand(self) -> None:
        """:raises FeatureError: if the model would have to be fetched; nothing is fetched for it."""
        if self._own_folder is None:
            # The hub's client raises all sorts of errors; each means the same to the reader.
            try:
                hub_folder(self._repository, MARK, without=_NOT_FETCHED, fetch=False)
            except Exception as error:
                raise not_at_hand(f"the weights of {self.model}", encoder=ENCODER, parameter="model") from error

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [n, d]."""
        # An empty list has no width, so one text is encoded for it.
        given = [valid_text(text) for text in texts] or [""]
        with torch.inference_mode(), exactly(self.precision, self.device):
            rows = self._network.encode(
                given,
                batch_size=self.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=False,
            )
        return np.asarray(rows, dtype=np.float32)[: len(texts)]

    @cached_property
    def _fingerprint(self) -> str:
        state = blake2b(digest_size=16)
        for name, file in _files(self._folder):
            with open(file, "rb") as content:
                digest = file_digest(content, lambda: blake2b(digest_size=16)).hexdigest()
            state.update(f"{name}\0{digest}\n".encode())
        return (
            f"{ENCODER} model={state.hexdigest()} precision={self.precision}"
            f" sentence_transformers={sentence_transformers.__version__} transformers={transformers.__version__}"
            f" torch={torch.__version__}"
        )

    @property
    def _repository(self) -> str:
        return self.model if "/" in self.model else f"sentence-transformers/{self.model}"

    @cached_property
    def _folder(self) -> Path:
        if self._own_folder is not None:
            return self._own_folder
        try:
            return hub_folder(self._repository, MARK, without=_NOT_FETCHED)
        except Exception as error:
            what = f"the sentence-transformers model {self._repository!r}"
            raise unfetchable(what, error, encoder=ENCODER, parameter="model") from error

    @cached_property
    def _network(self) -> SentenceTransformer:
        """The model in evaluation mode, without a normalising layer."""
        try:
            with _quietly():
                network = SentenceTransformer(str(self._folder), device=str(self.device), local_files_only=True)
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise FeatureError(
                f"sentence-transformers could not load the model ({type(error).__name__}: {reason})",
                where=str(self._folder),
                fix="check that the folder is complete, and that the model needs no code of its own",
            ) from error
        for name, layer in list(network.named_children()):
            if type(layer).__name__ == "Normalize":
                delattr(network, name)
        return network.to(PRECISIONS[self.precision]).eval()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the library's bar for loading weights, which would break into ours."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _own_folder(model: str) -> Path | None:
    """The folder that a model is in, or None where its name is one of the hub.

    :raises UsageError: if it is neither, or the folder holds no such model.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / MARK).is_file():
            raise UsageError(
                f"the folder has no {MARK}, so it is not a sentence-transformers model",
                where=model,
                fix="give a folder that SentenceTransformer.save wrote",
            )
        return folder
    if not _HUB_NAME.fullmatch(model):
        raise UsageError("there is no such folder", where=model, fix="give the path of one, or a name on the hub")
    return None


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What the library reads of a model, by name, sorted; of two formats of the same weights the one that it takes."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        other = name.parts[0] in _OTHER_ENGINES or name.name in _UNREAD or name.name.startswith(".")
        twice = path.suffix == ".bin" and any(path.parent.glob("*.safetensors"))
        if path.is_file() and path.suffix in _READ and not (other or twice):
            yield name.as_posix(), path
