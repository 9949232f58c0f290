"""Builds what the attack suite runs on: a small published table, wheels, submissions. Loaded by `conftest.py`."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image

from mmr_core.splits import train_mask

HERE = Path(__file__).parent
PREFIX = "MathVision"
DATASET = "mathvision"
MODELS = ("Tiny", "Small", "Large", "Giant")
TOPICS = ("a sum", "a chart", "a receipt", "a proof")
CHANCES = ((0.9, 0.9, 0.9, 0.95), (0.1, 0.2, 0.9, 0.4), (0.2, 0.9, 0.4, 0.9), (0.05, 0.1, 0.2, 0.9))
"""How often each model is right about each topic: who knows the topic knows much."""
INSTANCES = 300
NO_PINS = {"table": "1" * 32, "split": "2" * 32, "pool": "3" * 32}

Rows = list[dict[str, str]]


def write_table(folder: Path) -> Rows:
    """A table in the published layout, with images; what a question is about decides who is right."""
    stream = np.random.default_rng(7)
    images = folder / PREFIX
    images.mkdir(parents=True)
    rows = []
    for number in range(INSTANCES):
        topic = int(stream.integers(len(TOPICS)))
        noise = stream.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(images / f"{number}.png")
        row = {
            "dataset_idx": f"{PREFIX}_{number}",
            "question": f"What does {TOPICS[topic]} number {number} show?",
            "answer": str(number % 7),
        }
        for place, model in enumerate(MODELS):
            row[f"{model}_correct"] = str(int(stream.random() < CHANCES[topic][place]))
            row[f"{model}_cost"] = f"{4.0**place * 1e-6 * stream.uniform(0.5, 1.5):.6g}"
        rows.append(row)
    with open(folder / "MMR_Bench.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def tested_rows(rows: Rows) -> Rows:
    """The rows of the test split."""
    names = np.array([row["dataset_idx"] for row in rows], dtype=object)
    train = train_mask(np.array([DATASET] * len(rows), dtype=object), names)
    return [row for row, trained in zip(rows, train, strict=True) if not trained]


def outcomes(row: Mapping[str, str]) -> tuple[list[float], list[float]]:
    """Utilities and costs of one row."""
    return [float(row[f"{model}_correct"]) for model in MODELS], [float(row[f"{model}_cost"]) for model in MODELS]


def remembered(rows: Rows, folder: Path) -> str:
    """What the attackers who remember have in their wheel: the outcomes by words, by prompt and by image."""
    found: dict[str, dict[str, object]] = {"words": {}, "prompts": {}, "images": {}}
    for row in rows:
        image = folder / PREFIX / f"{row['dataset_idx'].partition('_')[2]}.png"
        found["words"][" ".join(row["question"].split())] = outcomes(row)
        found["prompts"][hashlib.sha256(row["question"].encode()).hexdigest()] = outcomes(row)
        found["images"][hashlib.sha256(image.read_bytes()).hexdigest()] = outcomes(row)
    return json.dumps(found)


def write_wheel(
    folder: Path,
    distribution: str,
    files: Mapping[str, bytes],
    *,
    entry: str = "",
    needs: tuple[str, ...] = (),
    described: Mapping[str, bytes] | None = None,
) -> Path:
    """A wheel of version 1.0 with these files; `entry` is the module of its plugin, `described` more of its files."""
    name = distribution.replace("-", "_")
    inside = f"{name}-1.0.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", "Version: 1.0", *(f"Requires-Dist: {x}" for x in needs)]
    content = {
        **files,
        f"{inside}/METADATA": "\n".join([*lines, ""]).encode(),
        f"{inside}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{inside}/entry_points.txt": f"[mmr.plugins.v1]\nit = {entry}\n".encode()} if entry else {}),
        **(described or {}),
    }
    record = io.StringIO()
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.write(f"{path},sha256={digest},{len(data)}\n")
    content[f"{inside}/RECORD"] = f"{record.getvalue()}{inside}/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            entry = zipfile.ZipInfo(path)  # of a fixed date, so that the same files are the same wheel
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return target


def attackers(folder: Path, told: Mapping[str, object], memory: str) -> Path:
    """The wheel of all attackers."""
    files = {f"attackers/{path.name}": path.read_bytes() for path in sorted((HERE / "attackers").glob("*.py"))}
    files["attackers/told.json"] = json.dumps(told).encode()
    files["attackers/remembered.json"] = memory.encode()
    return write_wheel(folder, "mmr-router-attackers", files, entry="attackers")


def digest(path: Path) -> str:
    """The hash of a wheel, as it is pinned."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def manifest(slug: str, router: Mapping[str, object] | None = None, **fields: object) -> str:
    """The text of a manifest that is valid unless `fields` make it otherwise."""
    said: dict[str, object] = {
        "schema_version": 1,
        "slug": slug,
        "display_name": slug,
        "authors": ["Nobody"],
        "contact": "nobody@example.org",
        "kind": "decisions" if router is None else "plugin",
        "track": "multimodal",
        "data_used": ["mmr-v1 training split"],
        **fields,
    }
    pins = said.pop("pins", NO_PINS)
    lines = [f"{name} = {_toml(value)}" for name, value in said.items()]
    if router is not None:
        lines += ["[router]", *(f"{name} = {_toml(value)}" for name, value in router.items())]
    assert isinstance(pins, Mapping)
    text = "\n".join([*lines, "[pins]", *(f'{name} = "{value}"' for name, value in pins.items()), ""])
    tomllib.loads(text)
    return text


def _toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def built_in(name: str, **more: object) -> dict[str, object]:
    """A router of the benchmark itself."""
    return {"requirement": f"mmr-bench=={metadata.version('mmr-bench')}", "name": name, **more}


def router_of(wheel: Path, name: str, **more: object) -> dict[str, object]:
    """A router of a wheel that was made here."""
    distribution = wheel.name.split("-")[0].replace("_", "-")
    return {"requirement": f"{distribution}==1.0", "hashes": [digest(wheel)], "name": name, **more}


def submit(submissions: Path, slug: str, router: Mapping[str, object] | None = None, **fields: object) -> Path:
    """Puts a submission there."""
    folder = submissions / slug
    folder.mkdir(parents=True)
    (folder / "submission.toml").write_text(manifest(slug, router, **fields))
    return folder


def decision_lines(rows: Rows, model_of: Mapping[str, str] | str, *, cost: bool = False) -> Iterator[str]:
    """The lines of a decisions file with one operating point."""
    yield "instance_id,operating_point,model" + (",cost" if cost else "")
    for row in rows:
        name = row["dataset_idx"]
        model = model_of if isinstance(model_of, str) else model_of[name]
        yield f"{name},only,{model}" + (",0" if cost else "")


def gzipped(lines: Iterator[str]) -> bytes:
    """A decisions file."""
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


ROUTER = """
import numpy as np
from mmr_core.contracts import Prediction
from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec


class Router:
    default_fusion = None

    def __init__(self, *, seed=0):
        self.seed = seed

    def fit(self, training):
        self.means = np.nanmean(training.utility, axis=0)
        self.cost = np.nanmean(training.cost, axis=0)
        topics = [question.split()[3] for question in training.queries.questions]
        self.utility = {
            topic: np.nanmean(training.utility[[each == topic for each in topics]], axis=0) for topic in set(topics)
        }
        return self

    def predict(self, queries):
        utility = np.array([self.utility.get(question.split()[3], self.means) for question in queries.questions])
        return Prediction(utility=utility, cost=np.tile(self.cost, (len(queries), 1)))


@hookimpl
def mmr_register_routers():
    yield ComponentSpec(kind="router", name="topics", target="MODULE:Router", summary="Means by topic.")
"""
"""An honest router: the training means of the topic that the question names."""


def plugin(module: str, before: str = "") -> dict[str, bytes]:
    """The files of a plugin of one honest router, with something in front."""
    return {f"{module}.py": (before + ROUTER.replace("MODULE", module)).encode()}
