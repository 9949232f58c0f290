"""The prompts and images of VL-RouterBench, which lie beside its matrices as JSON lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs.log_files import found, json_lines

if TYPE_CHECKING:
    from mmr_core.logs import LogSource

_PROMPTS = ("prompt", "text", "question")
_PLACES = ("uri", "path")


@dataclass(frozen=True, kw_only=True)
class Text:
    """What a sample asks: its prompt, and the path of its image where there is such a file."""

    prompt: str
    image: str | None


def texts_under(root: Path, source: LogSource) -> dict[str, Text]:
    """Prompts and images by `sample_id`; empty where there is no folder `BENCHMARKS`. Faulty lines are told."""
    texts: dict[str, Text] = {}
    folder = root / "BENCHMARKS"
    for file in found(folder, "*_samples.jsonl") if folder.is_dir() else ():
        try:
            for row, sample in json_lines(file, source):
                native = sample.get("sample_id")
                if isinstance(native, str) and native.strip():
                    texts[native.strip()] = Text(prompt=_prompt(sample), image=_image(sample.get("assets"), root))
                else:
                    source.fault(file, "has no sample_id", row=row)
        except DataError as error:
            source.fault(file, error)
    return texts


def _prompt(sample: dict[str, Any]) -> str:
    return next((sample[name] for name in _PROMPTS if isinstance(sample.get(name), str)), "")


def _image(assets: object, root: Path) -> str | None:
    """The first image that is a file of the benchmark's folder; images inside of tables (`image_tsv`) are none."""
    for asset in assets if isinstance(assets, list) else ():
        if isinstance(asset, dict) and asset.get("type") == "image":
            for place in (asset[name] for name in _PLACES if isinstance(asset.get(name), str) and asset[name]):
                path = (root / place.replace("\0", "")).resolve()
                if path.is_relative_to(root.resolve()) and path.is_file():
                    return str(path)
    return None
