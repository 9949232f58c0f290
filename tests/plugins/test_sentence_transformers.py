"""Sentence embeddings, by a tiny BERT with random weights that is made here: no network, no download."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import huggingface_hub  # noqa: E402
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled  # noqa: E402

from mmr_core.contracts import Encoder  # noqa: E402
from mmr_core.errors import FeatureError, UsageError  # noqa: E402
from mmr_core.features import EncodedFeatures, FeatureCache  # noqa: E402
from mmr_core.outcomes import OutcomeTable  # noqa: E402
from mmr_plugins.encoders.sentence_transformers_text import SentenceTransformersEncoder  # noqa: E402

WIDTH = 32
CONTEXT = 24
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "chart", "proof", "of", "the", "sum", "more", "words")
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model as its library saves it: BERT of two layers, mean pooling, normalisation."""
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    except ModuleNotFoundError:
        from sentence_transformers.models import Normalize, Pooling, Transformer

    bare = tmp_path_factory.mktemp("bert")
    (bare / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(7)
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=CONTEXT, **sizes)
    transformers.BertModel(config).save_pretrained(bare)
    transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(bare)
    made = tmp_path_factory.mktemp("model") / "tiny"
    layers = [Transformer(str(bare), max_seq_length=CONTEXT), Pooling(WIDTH), Normalize()]
    SentenceTransformer(modules=layers, device="cpu").save(str(made))
    return made


@pytest.fixture(scope="module")
def encoder(folder: Path) -> SentenceTransformersEncoder:
    return SentenceTransformersEncoder(model=str(folder), device="cpu")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """A function that sets what one function of the hub's client does; the others fail."""

    def forbidden(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the network was asked")

    for name in ("hf_hub_download", "get_hf_file_metadata", "snapshot_download"):
        monkeypatch.setattr(huggingface_hub, name, forbidden)
    return lambda name, function: monkeypatch.setattr(huggingface_hub, name, function)


def nothing_cached(repository: str, filename: str, *, local_files_only: bool = False) -> str:
    assert local_files_only
    raise LocalEntryNotFoundError("not here")


def by_hand(folder: Path, texts: list[str]) -> np.ndarray:
    """Mean pooling over the tokens of each text, one text at a time."""
    network = transformers.BertModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        tokens = tokenizer(text, truncation=True, max_length=CONTEXT, return_tensors="pt")
        with torch.inference_mode():
            rows.append(network(**tokens).last_hidden_state[0].mean(dim=0).numpy())
    return np.stack(rows)


def test_it_is_an_encoder_of_text(encoder: SentenceTransformersEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.modalities == ("text",)


def test_embeddings_are_the_means_over_tokens_without_the_normalisation_at_the_end(
    encoder: SentenceTransformersEncoder, folder: Path
) -> None:
    texts = ["a chart", "the proof of the sum of more words"]
    ours = encoder.encode_text(texts)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, by_hand(folder, texts), **TOLERANCE)
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).min() > 0.01


def test_a_long_text_is_cut_as_the_model_cuts_it(encoder: SentenceTransformersEncoder, folder: Path) -> None:
    long = " ".join(WORDS[5 + i % 8] for i in range(400))
    np.testing.assert_allclose(encoder.encode_text([long]), by_hand(folder, [long]), **TOLERANCE)
    assert not np.allclose(encoder.encode_text([long]), encoder.encode_text([long[:20]]), **TOLERANCE)


def test_batches_of_one_equal_batches_of_eight(encoder: SentenceTransformersEncoder, folder: Path) -> None:
    texts = [f"{'more ' * i}words" for i in range(8)]
    single = SentenceTransformersEncoder(model=str(folder), device="cpu", batch_size=1)
    np.testing.assert_allclose(single.encode_text(texts), encoder.encode_text(texts), **TOLERANCE)
    np.testing.assert_array_equal(encoder.encode_text(texts), encoder.encode_text(texts))


def test_nothing_gives_no_rows(encoder: SentenceTransformersEncoder) -> None:
    assert encoder.encode_text([]).shape == (0, WIDTH)


def test_a_text_that_is_no_valid_unicode_is_encoded(encoder: SentenceTransformersEncoder) -> None:
    assert np.isfinite(encoder.encode_text(["half a \ud83d pair"])).all()


def test_low_precision_still_gives_float32_near_the_rest(encoder: SentenceTransformersEncoder, folder: Path) -> None:
    low = SentenceTransformersEncoder(model=str(folder), device="cpu", precision="bf16").encode_text(["a chart"])
    exact = encoder.encode_text(["a chart"])
    assert low.dtype == np.float32
    assert not np.array_equal(low, exact)
    assert (low * exact).sum() / np.linalg.norm(low) / np.linalg.norm(exact) > 0.99


def test_the_fingerprint_tells_everything_apart_that_encodes_differently(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (weights,) = folder.rglob("*.safetensors")
    retrained = tmp_path / "retrained"
    shutil.copytree(folder, retrained)
    tensors = load_file(weights)
    name = min(tensors)
    tensors[name] = tensors[name] + 1
    save_file(tensors, retrained / weights.relative_to(folder), metadata={"format": "pt"})
    shorter = tmp_path / "shorter"
    shutil.copytree(folder, shorter)
    (tokenizer,) = shorter.rglob("tokenizer.json")
    tokenizer.write_text(tokenizer.read_text() + "\n")

    prints = [SentenceTransformersEncoder(model=str(made)).fingerprint for made in (folder, retrained, shorter)]
    prints.append(SentenceTransformersEncoder(model=str(folder), precision="bf16").fingerprint)
    assert len(set(prints)) == 4


def test_the_fingerprint_does_not_depend_on_place_or_on_what_is_not_read(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    (moved / "README.md").write_text("Something else.")
    (moved / "onnx").mkdir()
    (moved / "onnx" / "config.json").write_text("{}")
    (weights,) = moved.rglob("*.safetensors")
    (weights.parent / "pytorch_model.bin").write_bytes(b"the same weights in another format")
    one, other = (SentenceTransformersEncoder(model=str(made), batch_size=3) for made in (folder, moved))
    assert one.fingerprint == other.fingerprint


def test_a_second_run_neither_encodes_nor_loads_the_model(
    table: Callable[..., OutcomeTable], folder: Path, tmp_path: Path
) -> None:
    rows, train = table(instances=5), np.ones(5, dtype=bool)
    for _ in range(2):
        encoder = SentenceTransformersEncoder(model=str(folder), device="cpu")
        cache = FeatureCache(tmp_path / "cache")
        EncodedFeatures(text_encoder=encoder, image_encoder=None, cache=cache).features(rows, train)
    assert (cache.encoded, cache.reused) == (0, 5)
    assert "_network" not in vars(encoder)


def test_a_model_in_the_hubs_cache_is_used_without_asking_it(folder: Path, hub: Callable[[str, Any], None]) -> None:
    def cached(repository: str, filename: str, *, local_files_only: bool = False) -> str:
        assert local_files_only
        assert repository == "sentence-transformers/all-MiniLM-L6-v2"
        return str(folder / filename)

    hub("hf_hub_download", cached)
    encoder = SentenceTransformersEncoder(device="cpu")
    encoder.demand_at_hand()
    assert encoder.fingerprint == SentenceTransformersEncoder(model=str(folder)).fingerprint
    assert encoder.encode_text(["a"]).shape == (1, WIDTH)


def test_a_model_that_is_not_cached_is_downloaded_but_not_to_find_out_whether_it_is_there(
    folder: Path, hub: Callable[[str, Any], None]
) -> None:
    hub("hf_hub_download", nothing_cached)
    encoder = SentenceTransformersEncoder(model="somebody/tiny", device="cpu")
    with pytest.raises(FeatureError, match="somebody/tiny are not on this machine"):
        encoder.demand_at_hand()
    hub("get_hf_file_metadata", lambda address, timeout: None)
    hub("snapshot_download", lambda repository, ignore_patterns: str(folder))
    assert encoder.encode_text(["a"]).shape == (1, WIDTH)


@pytest.mark.parametrize("error", [OfflineModeIsEnabled("offline mode"), ConnectionError("no route\nto host")])
def test_a_model_that_cannot_be_fetched_is_one_line_with_the_ways_out(
    error: Exception, hub: Callable[[str, Any], None]
) -> None:
    def unreachable(address: str, timeout: float) -> None:
        raise error

    hub("hf_hub_download", nothing_cached)
    hub("get_hf_file_metadata", unreachable)
    with pytest.raises(FeatureError, match="could not be fetched") as caught:
        _ = SentenceTransformersEncoder(device="cpu").fingerprint
    line = str(caught.value)
    for part in (type(error).__name__, "HF_HOME", "parameter model", "--encoder lite", "--features FILE.npz"):
        assert part in line
    assert "\n" not in line


def test_half_a_model_is_one_line(folder: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(folder, half)
    (weights,) = half.rglob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(FeatureError, match="half: sentence-transformers could not load the model") as caught:
        SentenceTransformersEncoder(model=str(half), device="cpu").encode_text(["a"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"model": "./absent/folder"}, "absent/folder: there is no such folder"),
        ({"model": "a/b/c"}, "a/b/c: there is no such folder"),
        ({"precision": "int8"}, "use one of fp32, fp16, bf16"),
        ({"batch_size": 0}, "batches of 0"),
        ({"device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        SentenceTransformersEncoder(**options)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no modules\.json"):
        SentenceTransformersEncoder(model=str(tmp_path))
