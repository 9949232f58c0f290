"""Backbones of timm, on its tiny test architectures with random weights: no network, no download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

timm = pytest.importorskip("timm")
torch = pytest.importorskip("torch")

import huggingface_hub  # noqa: E402
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled  # noqa: E402
from PIL import Image  # noqa: E402

from mmr_core.contracts import Encoder  # noqa: E402
from mmr_core.errors import FeatureError, UnknownNameError, UsageError  # noqa: E402
from mmr_core.features import EncodedFeatures, FeatureCache  # noqa: E402
from mmr_core.outcomes import OutcomeTable  # noqa: E402
from mmr_plugins.encoders.timm_image import TimmEncoder  # noqa: E402

TINY, CONVOLUTIONS = "test_vit", "test_resnet"
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def tiny(**options: Any) -> TimmEncoder:
    return TimmEncoder(**{"model": TINY, "image_size": None, "device": "cpu", **options})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the tiny transformer, its classifier included, as they are released."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(timm.create_model(TINY).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def encoder(weights: Path) -> TimmEncoder:
    return tiny(checkpoint=str(weights))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(8):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (30 + 5 * i, 60, 3), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """A function that sets what one function of the hub's client does; the others fail."""

    def forbidden(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the network was asked")

    for name in ("hf_hub_download", "get_hf_file_metadata"):
        monkeypatch.setattr(huggingface_hub, name, forbidden)
    return lambda name, function: monkeypatch.setattr(huggingface_hub, name, function)


def nothing_cached(repository: str, filename: str, *, local_files_only: bool = False) -> str:
    assert local_files_only
    raise LocalEntryNotFoundError("not here")


def test_it_is_an_encoder_of_images(encoder: TimmEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.modalities == ("image",)


def test_images_get_the_features_before_the_classifier_unnormalised(
    encoder: TimmEncoder, weights: Path, pictures: list[Path]
) -> None:
    network = timm.create_model(TINY).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    preprocess = timm.data.create_transform(**timm.data.resolve_data_config({}, model=network), is_training=False)
    rows = []
    for path in pictures:
        with torch.inference_mode():
            pixels = preprocess(Image.open(path).convert("RGB"))[None]
            rows.append(network.forward_head(network.forward_features(pixels), pre_logits=True)[0].numpy())
    ours = encoder.encode_image(pictures)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.stack(rows), **TOLERANCE)
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).min() > 0.01


def test_batches_of_one_equal_batches_of_eight(encoder: TimmEncoder, weights: Path, pictures: list[Path]) -> None:
    single = tiny(checkpoint=str(weights), batch_size=1)
    np.testing.assert_allclose(single.encode_image(pictures), encoder.encode_image(pictures), **TOLERANCE)
    np.testing.assert_array_equal(encoder.encode_image(pictures), encoder.encode_image(pictures))


def test_weights_without_a_classifier_are_taken_and_give_the_same(
    encoder: TimmEncoder, weights: Path, tmp_path: Path, pictures: list[Path]
) -> None:
    state = {k: v for k, v in torch.load(weights, weights_only=True).items() if not k.startswith("head.")}
    torch.save(state, tmp_path / "backbone.pt")
    ours = tiny(checkpoint=str(tmp_path / "backbone.pt")).encode_image(pictures)
    np.testing.assert_array_equal(ours, encoder.encode_image(pictures))


def test_weights_of_which_one_is_missing_are_refused(weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)
    del state["blocks.0.norm1.weight"]
    torch.save(state, tmp_path / "less.pt")
    with pytest.raises(FeatureError, match=r"less\.pt: timm could not load"):
        tiny(checkpoint=str(tmp_path / "less.pt")).encode_image([])


def test_nothing_gives_no_rows(encoder: TimmEncoder, pictures: list[Path]) -> None:
    assert encoder.encode_image([]).shape == (0, encoder.encode_image(pictures[:1]).shape[1])


def test_batch_statistics_are_those_of_training(pictures: list[Path]) -> None:
    made = tiny(model=CONVOLUTIONS, pretrained=False)
    together = made.encode_image(pictures)
    apart = np.concatenate([made.encode_image([path]) for path in pictures])
    np.testing.assert_allclose(together, apart, **TOLERANCE)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_images_of_every_mode_are_encoded(encoder: TimmEncoder, tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tiff" if mode == "CMYK" else "picture.png")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    assert Image.open(path).mode == mode
    assert np.isfinite(encoder.encode_image([path])).all()


def test_a_broken_image_is_named(encoder: TimmEncoder, pictures: list[Path]) -> None:
    pictures[3].write_bytes(pictures[3].read_bytes()[:200])
    with pytest.raises(FeatureError, match=r"3\.png: the image cannot be opened .*--bad-images mask"):
        encoder.encode_image(pictures)


@pytest.mark.parametrize("model", [TINY, CONVOLUTIONS])
def test_images_may_have_another_size_than_the_models_own(model: str, tmp_path: Path, pictures: list[Path]) -> None:
    torch.manual_seed(3)
    path = tmp_path / "weights.pt"
    torch.save(timm.create_model(model).state_dict(), path)
    own, smaller = (tiny(model=model, checkpoint=str(path), image_size=size) for size in (None, 96))
    assert own.image_size == 160
    assert smaller._loaded[1](Image.open(pictures[0])).shape == (3, 96, 96)
    one, other = own.encode_image(pictures), smaller.encode_image(pictures)
    assert one.shape == other.shape
    assert not np.allclose(one, other, **TOLERANCE)


def test_low_precision_still_gives_float32_near_the_rest(
    encoder: TimmEncoder, weights: Path, pictures: list[Path]
) -> None:
    low = tiny(checkpoint=str(weights), precision="bf16").encode_image(pictures)
    exact = encoder.encode_image(pictures)
    assert low.dtype == np.float32
    assert not np.array_equal(low, exact)
    assert (low * exact).sum() / np.linalg.norm(low) / np.linalg.norm(exact) > 0.99


def test_random_weights_follow_their_seed_and_leave_torchs_alone(pictures: list[Path]) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    one, again, other = (tiny(pretrained=False, seed=seed).encode_image(pictures[:1]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fingerprint_tells_everything_apart_that_encodes_differently(weights: Path, tmp_path: Path) -> None:
    retrained = torch.load(weights, weights_only=True)
    retrained["norm.weight"][0] += 1
    torch.save(retrained, tmp_path / "other.pt")
    options: list[dict[str, Any]] = [
        {"pretrained": False},
        {"pretrained": False, "seed": 1},
        {"checkpoint": str(weights)},
        {"checkpoint": str(weights), "precision": "bf16"},
        {"checkpoint": str(weights), "image_size": 96},
        {"checkpoint": str(tmp_path / "other.pt")},
        {"checkpoint": str(weights), "model": CONVOLUTIONS},
    ]
    prints = [tiny(**some).fingerprint for some in options]
    assert len(set(prints)) == len(options)
    (tmp_path / "renamed.pt").write_bytes(weights.read_bytes())
    assert tiny(checkpoint=str(tmp_path / "renamed.pt"), batch_size=3).fingerprint == prints[2]


def test_the_default_is_as_wide_as_the_default_texts_and_can_be_made_for_224_pixels() -> None:
    made = TimmEncoder(pretrained=False, device="cpu")
    assert made.model == "vit_small_patch14_dinov2.lvd142m"
    assert made.encode_image([]).shape == (0, 384)
    assert made._loaded[0].patch_embed.img_size == (224, 224)


def test_a_second_run_neither_encodes_nor_loads_the_model(
    table: Callable[..., OutcomeTable], weights: Path, tmp_path: Path
) -> None:
    rows, train = table(instances=5, images=True), np.ones(5, dtype=bool)
    for _ in range(2):
        encoder = tiny(checkpoint=str(weights))
        cache = FeatureCache(tmp_path / "cache")
        EncodedFeatures(text_encoder=None, image_encoder=encoder, cache=cache).features(rows, train)
    assert (cache.encoded, cache.reused) == (0, 5)
    assert "_loaded" not in vars(encoder)


def test_weights_in_the_hubs_cache_are_used_without_asking_it(
    weights: Path, pictures: list[Path], hub: Callable[[str, Any], None]
) -> None:
    def cached(repository: str, filename: str, *, local_files_only: bool = False) -> str:
        assert local_files_only
        assert repository == "timm/test_vit.r160_in1k"
        if filename != "pytorch_model.bin":
            raise LocalEntryNotFoundError("not here")
        return str(weights)

    hub("hf_hub_download", cached)
    made = tiny()
    made.demand_at_hand()
    expected = tiny(checkpoint=str(weights)).encode_image(pictures)
    np.testing.assert_array_equal(made.encode_image(pictures), expected)


def test_weights_that_are_not_cached_are_downloaded_but_not_to_find_out_whether_they_are_there(
    weights: Path, hub: Callable[[str, Any], None]
) -> None:
    hub("hf_hub_download", nothing_cached)
    made = tiny()
    with pytest.raises(FeatureError, match=r"test_vit\.r160_in1k are not on this machine"):
        made.demand_at_hand()

    def download(repository: str, filename: str, *, local_files_only: bool = False) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return str(weights)

    hub("hf_hub_download", download)
    hub("get_hf_file_metadata", lambda address, timeout: None)
    assert made._file == weights


@pytest.mark.parametrize("error", [OfflineModeIsEnabled("offline mode"), ConnectionError("no route\nto host")])
def test_weights_that_cannot_be_fetched_are_one_line_with_the_ways_out(
    error: Exception, hub: Callable[[str, Any], None]
) -> None:
    def unreachable(address: str, timeout: float) -> None:
        raise error

    hub("hf_hub_download", nothing_cached)
    hub("get_hf_file_metadata", unreachable)
    with pytest.raises(FeatureError, match="could not be fetched") as caught:
        _ = tiny().fingerprint
    line = str(caught.value)
    for part in (type(error).__name__, "HF_HOME", "parameter checkpoint", "--encoder lite", "--features FILE.npz"):
        assert part in line
    assert "\n" not in line


def test_weights_of_another_model_or_half_a_file_are_one_line(weights: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.pt"
    half.write_bytes(weights.read_bytes()[:1000])
    foreign = tmp_path / "foreign.pt"
    torch.save({"weight": torch.zeros(3)}, foreign)
    for path in (half, foreign):
        with pytest.raises(FeatureError, match=rf"{path.name}: timm could not load test_vit") as caught:
            tiny(checkpoint=str(path)).encode_image([])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"model": "resnet51"}, "no model 'resnet51', did you mean"),
        ({"model": "resnet50.nothing"}, "no weights 'nothing' for resnet50"),
        ({"model": "coatnet_0_224"}, "names no weights of coatnet_0_224"),
        ({"checkpoint": "absent/file.pt"}, "absent/file.pt: there is no such file of weights"),
        ({"image_size": 0}, "images 0 pixels wide"),
        ({"precision": "int8"}, "use one of fp32, fp16, bf16"),
        ({"batch_size": 0}, "batches of 0"),
        ({"device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        TimmEncoder(**options)


def test_an_unknown_model_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError):
        TimmEncoder(model="nothing_like_it")


def test_a_model_of_which_timm_names_no_weights_takes_a_checkpoint(weights: Path) -> None:
    assert TimmEncoder(model="coatnet_0_224", checkpoint=str(weights)).model == "coatnet_0_224"
