"""CLIP through open_clip, on a tiny architecture with random weights: no network, no download."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

open_clip = pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

import huggingface_hub  # noqa: E402
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled  # noqa: E402
from PIL import Image  # noqa: E402

from mmr_core.contracts import Encoder  # noqa: E402
from mmr_core.errors import FeatureError, MMRError, UnknownNameError, UsageError  # noqa: E402
from mmr_core.features import EncodedFeatures, FeatureCache  # noqa: E402
from mmr_core.outcomes import OutcomeTable  # noqa: E402
from mmr_plugins.encoders.clip import ClipEncoder  # noqa: E402

TINY = "tiny-clip-for-tests"
TAG = {
    "hf_hub": "nobody/tiny/",
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
    "interpolation": "bilinear",
    "resize_mode": "squash",
    "quick_gelu": True,
}
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module", autouse=True)
def tiny_architecture(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("architecture") / f"{TINY}.json"
    tower = {"layers": 2, "width": 64}
    text = {"context_length": 77, "vocab_size": 49408, "heads": 2, **tower}
    vision = {"image_size": 32, "patch_size": 16, **tower}
    path.write_text(json.dumps({"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}))
    open_clip.add_model_config(path)


@pytest.fixture(scope="module")
def encoder(tiny_architecture: None) -> ClipEncoder:
    return ClipEncoder(model=TINY, pretrained=None, device="cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, tiny_architecture: None) -> Path:
    """A file of weights for the tiny architecture."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(open_clip.create_model(TINY).state_dict(), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(8):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (30 + 5 * i, 60, 3), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def tag(monkeypatch: pytest.MonkeyPatch) -> str:
    """A tag of the tiny architecture that open_clip knows, with the hub's functions set to fail."""
    real = open_clip.get_pretrained_cfg

    def known(model: str, name: str) -> dict[str, Any]:
        return dict(TAG) if (model, name) == (TINY, "released") else real(model, name)

    def offline(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(open_clip, "get_pretrained_cfg", known)
    monkeypatch.setattr(open_clip.factory, "get_pretrained_cfg", known)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", offline)
    return "released"


def cached(weights: Path, name: str = "open_clip_model.safetensors") -> Callable[..., str]:
    """A hub client that has one file in its cache."""

    def download(repository: str, filename: str, *, local_files_only: bool = False) -> str:
        assert local_files_only, "the network was asked"
        if filename != name:
            raise LocalEntryNotFoundError("not here")
        return str(weights)

    return download


def reference(**options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    network, _, preprocess = open_clip.create_model_and_transforms(TINY, **options)
    return network.eval(), preprocess


def test_it_is_an_encoder_of_both_modalities(encoder: ClipEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.modalities == ("text", "image")


def test_texts_and_images_get_open_clips_own_embeddings_unnormalised(
    encoder: ClipEncoder, pictures: list[Path]
) -> None:
    network, preprocess = reference()
    tokens = open_clip.get_tokenizer(TINY)(["a chart", "a proof"])
    with torch.inference_mode():
        text = network.encode_text(tokens).numpy()
        image = network.encode_image(torch.stack([preprocess(Image.open(path)) for path in pictures])).numpy()
    ours = encoder.encode_text(["a chart", "a proof"])
    np.testing.assert_allclose(ours, text, **TOLERANCE)
    np.testing.assert_allclose(encoder.encode_image(pictures), image, **TOLERANCE)
    assert ours.dtype == np.float32
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).min() > 0.01


def test_preprocessing_is_open_clips_own(encoder: ClipEncoder, pictures: list[Path]) -> None:
    _, preprocess = reference()
    for path in pictures[:2]:
        assert torch.equal(encoder._pixels(path), preprocess(Image.open(path)))


def test_a_long_text_is_cut_as_the_tokenizer_cuts_it(encoder: ClipEncoder) -> None:
    words = [f"word{i % 10}" for i in range(500)]
    tokenizer = open_clip.get_tokenizer(TINY)
    tokens = tokenizer([" ".join(words)])
    assert tokens.shape == (1, 77)
    network, _ = reference()
    with torch.inference_mode():
        expected = network.encode_text(tokens).numpy()
    np.testing.assert_allclose(encoder.encode_text([" ".join(words)]), expected, **TOLERANCE)
    np.testing.assert_allclose(encoder.encode_text([" ".join(words[:200])]), expected, **TOLERANCE)
    assert not np.allclose(encoder.encode_text([" ".join(words[:5])]), expected, **TOLERANCE)


def test_batches_of_one_equal_batches_of_eight(encoder: ClipEncoder, pictures: list[Path]) -> None:
    texts = [f"{'more ' * i}words" for i in range(8)]
    single = ClipEncoder(model=TINY, pretrained=None, device="cpu", batch_size=1)
    np.testing.assert_allclose(single.encode_text(texts), encoder.encode_text(texts), **TOLERANCE)
    np.testing.assert_allclose(single.encode_image(pictures), encoder.encode_image(pictures), **TOLERANCE)


def test_nothing_gives_no_rows(encoder: ClipEncoder) -> None:
    assert encoder.encode_text([]).shape == encoder.encode_image([]).shape == (0, 24)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_images_of_every_mode_are_encoded(encoder: ClipEncoder, tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tiff" if mode in ("CMYK", "I;16") else "picture.png")
    rng = np.random.default_rng(0)
    if mode == "I;16":
        Image.fromarray(rng.integers(0, 65536, (40, 50), dtype=np.uint16)).save(path)
    else:
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).convert(mode).save(path)
    assert Image.open(path).mode == mode
    assert np.isfinite(encoder.encode_image([path])).all()


def test_a_broken_image_is_named(encoder: ClipEncoder, pictures: list[Path]) -> None:
    pictures[3].write_bytes(pictures[3].read_bytes()[:200])
    with pytest.raises(FeatureError, match=r"3\.png: the image cannot be opened .*--bad-images mask"):
        encoder.encode_image(pictures)
    with pytest.raises(FeatureError, match=r"absent\.png"):
        encoder.encode_image([pictures[0].with_name("absent.png")])


def test_a_text_that_is_no_valid_unicode_is_encoded(encoder: ClipEncoder) -> None:
    assert np.isfinite(encoder.encode_text(["half a \ud83d pair"])).all()


def test_low_precision_still_gives_float32_near_the_rest(encoder: ClipEncoder, pictures: list[Path]) -> None:
    low = ClipEncoder(model=TINY, pretrained=None, device="cpu", precision="bf16")
    for ours, exact in (
        (low.encode_text(["a chart"]), encoder.encode_text(["a chart"])),
        (low.encode_image(pictures), encoder.encode_image(pictures)),
    ):
        assert ours.dtype == np.float32
        cosine = (ours * exact).sum() / np.linalg.norm(ours) / np.linalg.norm(exact)
        assert cosine > 0.99


def test_random_weights_follow_their_seed_and_leave_torchs_alone(encoder: ClipEncoder) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    again = ClipEncoder(model=TINY, pretrained=None, device="cpu")
    other = ClipEncoder(model=TINY, pretrained=None, device="cpu", seed=1)
    np.testing.assert_array_equal(again.encode_text(["a"]), encoder.encode_text(["a"]))
    assert not np.allclose(other.encode_text(["a"]), encoder.encode_text(["a"]))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fingerprint_tells_everything_apart_that_encodes_differently(weights: Path, tmp_path: Path) -> None:
    retrained = torch.load(weights)
    retrained["text_projection"][0, 0] += 1
    torch.save(retrained, tmp_path / "other.pt")
    (tmp_path / "renamed.pt").write_bytes(weights.read_bytes())
    options: list[dict[str, Any]] = [
        {"pretrained": None},
        {"pretrained": None, "seed": 1},
        {"pretrained": None, "precision": "bf16"},
        {"pretrained": None, "quick_gelu": True},
        {"pretrained": str(weights)},
        {"pretrained": str(tmp_path / "other.pt")},
    ]
    prints = [ClipEncoder(model=TINY, **some).fingerprint for some in options]
    assert len(set(prints)) == len(options)
    assert "random seed=1" in prints[1]
    renamed = ClipEncoder(model=TINY, pretrained=str(tmp_path / "renamed.pt"), batch_size=3, device="cpu")
    assert renamed.fingerprint == prints[4]


def test_a_file_of_weights_is_loaded(weights: Path) -> None:
    ours = ClipEncoder(model=TINY, pretrained=str(weights), device="cpu").encode_text(["a chart"])
    network, _ = reference(pretrained=str(weights))
    with torch.inference_mode():
        expected = network.encode_text(open_clip.get_tokenizer(TINY)(["a chart"])).numpy()
    np.testing.assert_allclose(ours, expected, **TOLERANCE)


def test_a_tag_comes_with_its_own_activation_and_preprocessing(
    weights: Path, tag: str, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached(weights))
    monkeypatch.setattr(open_clip.factory, "download_pretrained", lambda source, **options: str(weights))
    network, preprocess = reference(pretrained=tag, force_quick_gelu=True)
    encoder = ClipEncoder(model=TINY, pretrained=tag, device="cpu")
    assert encoder.quick_gelu
    assert "quick_gelu=True" in encoder.fingerprint
    assert f"weights={tag} " in encoder.fingerprint
    assert torch.equal(encoder._pixels(pictures[0]), preprocess(Image.open(pictures[0])))
    with torch.inference_mode():
        expected = network.encode_image(torch.stack([preprocess(Image.open(path)) for path in pictures])).numpy()
    np.testing.assert_allclose(encoder.encode_image(pictures), expected, **TOLERANCE)
    plain = ClipEncoder(model=TINY, pretrained=str(weights), device="cpu")
    assert not plain.quick_gelu
    assert not np.allclose(plain.encode_text(["a chart"]), encoder.encode_text(["a chart"]), **TOLERANCE)


def test_open_ais_weights_get_quick_gelu_and_laions_do_not() -> None:
    assert ClipEncoder().quick_gelu
    assert not ClipEncoder(pretrained="laion2b_s34b_b79k").quick_gelu
    assert ClipEncoder(model="ViT-B/32").model == "ViT-B-32"


def test_weights_in_the_hubs_cache_are_used_without_asking_it(
    weights: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached(weights, name))
        assert ClipEncoder(model=TINY, pretrained=tag)._file == weights


def test_weights_that_are_not_cached_are_downloaded(weights: Path, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repository: str, filename: str, *, local_files_only: bool = False) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        assert (repository, filename) == ("nobody/tiny", "open_clip_model.safetensors")
        return str(weights)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda address, timeout: None)
    assert ClipEncoder(model=TINY, pretrained=tag)._file == weights


def test_whether_weights_are_at_hand_is_known_without_asking_the_hub(
    weights: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached(weights))
    for pretrained in (tag, str(weights), None):
        ClipEncoder(model=TINY, pretrained=pretrained).demand_at_hand()
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached(weights, "another_name.bin"))
    with pytest.raises(FeatureError, match=f"the weights 'released' of {TINY} are not on this machine") as caught:
        ClipEncoder(model=TINY, pretrained=tag).demand_at_hand()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "failure", [OfflineModeIsEnabled("offline mode"), ConnectionError("no route\nto host"), TimeoutError("too late")]
)
def test_weights_that_cannot_be_fetched_are_one_line_with_the_ways_out(
    failure: Exception, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def nothing_cached(repository: str, filename: str, *, local_files_only: bool = False) -> str:
        assert local_files_only
        raise LocalEntryNotFoundError("not here")

    def unreachable(address: str, timeout: float) -> None:
        asked.append(address)
        raise failure

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", nothing_cached)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    encoder = ClipEncoder(model=TINY, pretrained=tag)
    with pytest.raises(FeatureError) as caught:
        _ = encoder.fingerprint
    line = str(caught.value)
    assert f"the weights 'released' of {TINY} could not be fetched ({type(failure).__name__}" in line
    for way_out in ("HF_HOME", "pretrained", "--encoder lite", "--features FILE.npz"):
        assert way_out in line
    assert "\n" not in line
    assert len(asked) == 1


def test_a_tokenizer_that_cannot_be_fetched_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(model: str) -> None:
        raise OSError("no connection")

    encoder = ClipEncoder(model=TINY, pretrained=None)
    monkeypatch.setattr(open_clip, "get_tokenizer", unreachable)
    with pytest.raises(FeatureError, match=r"the tokenizer of tiny-clip-for-tests could not be fetched \(OSError"):
        encoder.encode_text(["a"])


def test_weights_of_another_model_or_half_a_file_are_one_line(weights: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.pt"
    half.write_bytes(weights.read_bytes()[:1000])
    foreign = tmp_path / "foreign.pt"
    torch.save({"weight": torch.zeros(3)}, foreign)
    for path in (half, foreign):
        with pytest.raises(FeatureError, match=rf"{path.name}: open_clip could not load {TINY}") as caught:
            ClipEncoder(model=TINY, pretrained=str(path), device="cpu").encode_text(["a"])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"model": "ViT-B-23"}, "no model 'ViT-B-23', did you mean 'ViT-B-32'"),
        ({"pretrained": "opnai"}, "no weights 'opnai' for ViT-B-32, did you mean 'openai'"),
        ({"pretrained": "absent/file.pt"}, "absent/file.pt: there is no such file of weights"),
        ({"precision": "int8"}, "use one of fp32, fp16, bf16"),
        ({"batch_size": 0}, "batches of 0"),
        ({"device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        ClipEncoder(**options)


def test_an_unknown_model_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError):
        ClipEncoder(model="ViT")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(MMRError, match="PyTorch finds no GPU"):
        ClipEncoder(device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_embeddings_of_the_cpu(encoder: ClipEncoder, pictures: list[Path]) -> None:
    on_gpu = ClipEncoder(model=TINY, pretrained=None, device="cuda")
    np.testing.assert_allclose(on_gpu.encode_text(["a"]), encoder.encode_text(["a"]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(on_gpu.encode_image(pictures), encoder.encode_image(pictures), rtol=1e-3, atol=1e-4)


def test_a_second_run_neither_encodes_nor_loads_the_model(
    table: Callable[..., OutcomeTable], weights: Path, tmp_path: Path
) -> None:
    rows = table(instances=5, images=True)
    train = np.ones(5, dtype=bool)
    embedded = []
    for _ in range(2):
        encoder = ClipEncoder(model=TINY, pretrained=str(weights), device="cpu")
        cache = FeatureCache(tmp_path / "cache")
        source = EncodedFeatures(text_encoder=encoder, image_encoder=encoder, cache=cache)
        embedded.append(source.features(rows, train).embeddings)
    assert (cache.encoded, cache.reused) == (0, 10)
    assert "_loaded" not in vars(encoder)
    np.testing.assert_array_equal(embedded[0].text, embedded[1].text)


@pytest.mark.slow
def test_the_papers_architecture_gives_512_dimensions(pictures: list[Path]) -> None:
    encoder = ClipEncoder(pretrained=None, device="cpu")
    assert encoder.encode_text(["a chart"]).shape == (1, 512)
    assert encoder.encode_image(pictures[:2]).shape == (2, 512)
