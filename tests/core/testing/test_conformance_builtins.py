"""Every built-in of every kind keeps what the conformance kit demands; networks with small sizes, on random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmr_core.plugins import HOME
from mmr_core.registry import Registry
from mmr_core.testing import CHECKS, Outcome, Target, check_target

REGISTRY = Registry.discover()
SMALL: dict[str, dict[str, Any]] = {
    "kmeans": {"clusters": 4},
    "linear-mf": {"rank": 8},
    "mlp": {"hidden": [16], "epochs": 3},
    "mlp-mf": {"hidden": [16], "latent": 4, "epochs": 3},
    "cmr": {"width": 16, "heads": 2, "epochs": 2},
}
NETWORKS = {"mlp", "mlp-mf", "cmr", "clip", "sentence-transformers", "timm"}
TINY_CLIP, CLIP_WIDTH = "tiny-clip-for-conformance", 64
PUBLISHED = """dataset_idx,question,answer,Small_correct,Small_cost,Large_correct,Large_cost
MathVista_1,What is one and one?,2,1,0.00001,1,0.0002
MathVista_2,"What, then, is two?",2,0,0.00001,1,0.0002
MathVista_3,,4,0,,1,0.0003
"""


def builtins(word: str) -> list[Any]:
    """The built-ins of one kind, those that need PyTorch or much time marked as slow."""
    found = [
        one
        for one in REGISTRY.discovery.contributions
        if one.word == word and one.provider.distribution == HOME and getattr(one.spec, "protocol", "paper") == "paper"
    ]
    slow = NETWORKS | {"sample"}
    return [
        pytest.param(Target(word=word, contribution=one), id=one.spec.name, marks=_slow(one.spec.name in slow))
        for one in found
    ]


def _slow(is_slow: bool) -> Any:
    return [pytest.mark.slow] if is_slow else []


def demand(outcomes: list[Outcome], *, skipped: set[str]) -> None:
    broken = [f"{outcome.name}\n{outcome.explanation()}\n{outcome.details}" for outcome in outcomes if outcome.came]
    assert not broken, "\n".join(broken)
    assert {outcome.name for outcome in outcomes if outcome.verdict == "skipped"} <= skipped
    assert any(outcome.verdict == "passed" for outcome in outcomes)


def checked(target: Target, folder: Path, **given: Any) -> list[Outcome]:
    outcomes = list(check_target(target, REGISTRY, folder, **given))
    assert [outcome.name for outcome in outcomes] == [check.name for check in CHECKS[target.word]]
    return outcomes


@pytest.mark.parametrize("target", builtins("router"))
def test_every_router_keeps_its_promises(target, tmp_path):
    name = target.contribution.spec.name
    if name in NETWORKS:
        pytest.importorskip("torch")
    demand(checked(target, tmp_path, parameters=SMALL.get(name)), skipped=set())


@pytest.mark.parametrize("target", builtins("fusion"))
def test_every_fusion_keeps_its_promises(target, tmp_path):
    demand(checked(target, tmp_path), skipped=set())


@pytest.mark.parametrize("target", builtins("encoder"))
def test_every_encoder_keeps_its_promises(target, tmp_path):
    given = ENCODERS.get(target.contribution.spec.name)
    parameters = None if given is None else given(tmp_path)
    maybe = {"strange-images", "broken-images", "strange-texts", "save-and-load"}
    demand(checked(target, tmp_path, parameters=parameters), skipped=maybe)


@pytest.mark.parametrize("target", builtins("importer"))
def test_every_importer_keeps_its_promises(target, tmp_path):
    example = EXAMPLES.get(target.contribution.spec.name)
    path = None if example is None else example(tmp_path)
    of_the_example = {"reads-its-format", "missing-is-missing", "goes-through-a-store", "damaged-files", "standard-job"}
    maybe = {"damaged-files", "nothing-there"} if _embedded(target) else set() if path else of_the_example
    demand(checked(target, tmp_path, example=path), skipped=maybe)


@pytest.mark.parametrize("target", [*builtins("dataset"), *builtins("model")])
def test_every_dataset_and_every_model_keeps_its_promises(target, tmp_path):
    demand(checked(target, tmp_path), skipped={"own-id-prefix", "members-exist", "makes-a-table"})


@pytest.mark.parametrize("target", builtins("study"))
def test_every_study_can_be_listed_and_made(target, tmp_path):
    demand(checked(target, tmp_path), skipped=set())


def _embedded(target: Target) -> bool:
    return bool(REGISTRY.importers.create(target.contribution.canonical_id).embedded)


def _clip(folder: Path) -> dict[str, Any]:
    open_clip = pytest.importorskip("open_clip")
    tower = {"layers": 1, "width": CLIP_WIDTH}
    text = {"context_length": 77, "vocab_size": 49408, "heads": 2, **tower}
    vision = {"image_size": 32, "patch_size": 16, **tower}
    (folder / f"{TINY_CLIP}.json").write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}))
    open_clip.add_model_config(folder / f"{TINY_CLIP}.json")
    return {"model": TINY_CLIP, "pretrained": None, "device": "cpu"}


def _timm(folder: Path) -> dict[str, Any]:
    pytest.importorskip("timm")
    return {"model": "test_vit", "pretrained": False, "image_size": None, "device": "cpu"}


def _sentence_transformers(folder: Path) -> dict[str, Any]:
    """A folder of a model of one layer, as its library saves it."""
    library = pytest.importorskip("sentence_transformers")
    transformers = pytest.importorskip("transformers")
    try:
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    except ModuleNotFoundError:
        from sentence_transformers.models import Pooling, Transformer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "chart", "proof", "of", "sum", "show", "number"]
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=24, **sizes)
    bare = folder / "bert"
    transformers.BertModel(config).save_pretrained(bare)
    (bare / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(bare)
    layers = [Transformer(str(bare), max_seq_length=24), Pooling(16)]
    library.SentenceTransformer(modules=layers, device="cpu").save(str(folder / "model"))
    return {"model": str(folder / "model"), "device": "cpu"}


def _published(folder: Path) -> Path:
    path = folder / "MMR_Bench.csv"
    path.write_text(PUBLISHED)
    return path


def _lm_eval(folder: Path) -> Path:
    """The samples of one run, as lm-evaluation-harness lays them out."""
    samples = [
        {
            "doc_id": number,
            "doc": {"question": f"Q{number}?"},
            "target": str(number),
            "arguments": {"gen_args_0": {"arg_0": f"Q{number}?", "arg_1": {"until": []}}},
            "resps": [[str(number)]],
            "filtered_resps": [str(number)],
            "filter": "none",
            "metrics": ["acc"],
            "doc_hash": "d" * 64,
            "prompt_hash": "p" * 64,
            "target_hash": "t" * 64,
            "acc": float(number % 2),
        }
        for number in range(4)
    ]
    run = folder / "logs" / "some-model"
    run.mkdir(parents=True)
    lines = "".join(json.dumps(sample) + "\n" for sample in samples)
    (run / "samples_toy_2025-06-01T10-11-12.123456.jsonl").write_text(lines)
    return folder / "logs"


ENCODERS = {"clip": _clip, "timm": _timm, "sentence-transformers": _sentence_transformers}
EXAMPLES = {"published": _published, "lm-eval": _lm_eval}
