"""The checks of an encoder: what `mmr_core.contracts.Encoder` promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.contracts import Encoder
from mmr_core.errors import FeatureError
from mmr_core.specs import MODALITIES
from mmr_core.testing.contract_check import Broken, Check, NotApplicable
from mmr_core.testing.practice_data import pictures, questions
from mmr_core.testing.shared_checks import (
    LISTING_CHECK,
    check_parameters,
    checked_rows,
    measured_job,
    require_same_rows,
    restored_copy,
)
from mmr_core.testing.subjects import EncoderSubject

CONTRACT = "mmr_core.contracts.Encoder"
STRANGE_TEXTS = (
    "",
    " \n\t",
    "x",
    "\u4f60\u597d, \u0645\u0631\u062d\u0628\u0627",
    "\U0001f9ee \U0001f600",
    "\x00\x07",
    "1" * 20000,
    "words " * 4000,
)
JOB_TEXTS, JOB_IMAGES = 500, 100

Encode = Callable[[Sequence[Any]], Any]


def _interface(subject: EncoderSubject) -> str:
    encoder = subject.make()
    modalities = getattr(encoder, "modalities", None)
    if not isinstance(modalities, tuple) or not modalities or not set(modalities) <= set(MODALITIES):
        raise Broken(f"modalities is {modalities!r}", expected="modalities, a tuple of 'text' and 'image'")
    absent = [f"encode_{one}" for one in modalities if not callable(getattr(encoder, f"encode_{one}", None))]
    if absent:
        raise Broken(f"it has modalities {modalities} but no {absent[0]}")
    if "fit" in dir(encoder) and subject.ready(questions(20)) is None:
        raise Broken("fit returned None", expected="fit returns the fitted encoder, self")
    return " and ".join(modalities)


def _fingerprint(subject: EncoderSubject) -> str:
    texts = questions(30)
    first, second = subject.ready(texts).fingerprint, subject.ready(texts).fingerprint
    if not isinstance(first, str) or not first:
        raise Broken(f"fingerprint is {first!r}", expected="a non-empty string")
    if first != second:
        raise Broken(f"two identical encoders have {first!r:.60} and {second!r:.60}")
    if hasattr(subject.make(), "fit"):
        other = subject.ready([*questions(30, seed=1), "another vocabulary altogether"]).fingerprint
        if other == first:
            raise Broken("fitted on other texts, it has the same fingerprint")
    return first if len(first) <= 100 else f"{first[:97]}..."


def _rows(subject: EncoderSubject) -> str:
    widths = [
        f"{what} {checked_rows(encode(items), len(items), f'encode_{what}').shape[1]} wide"
        for what, encode, items in _ways(subject)
    ]
    return ", ".join(widths)


def _determinism(subject: EncoderSubject) -> None:
    for (what, first, items), (_, second, _) in zip(_ways(subject), _ways(subject), strict=True):
        if not np.array_equal(first(items), second(items)):
            raise Broken(f"two encoders made alike gave other rows for the same {what}")


def _independence(subject: EncoderSubject) -> None:
    for what, encode, items in _ways(subject):
        together = checked_rows(encode(items), len(items), f"encode_{what}")
        order = np.random.default_rng(0).permutation(len(items))
        require_same_rows(together[order], encode([items[i] for i in order]), f"when the {what}s were shuffled")
        alone = np.concatenate([checked_rows(encode([item]), 1, f"encode_{what}") for item in items])
        require_same_rows(together, alone, f"when each {what} was encoded alone")


def _strange_texts(subject: EncoderSubject) -> None:
    encode = _able(subject, "text")
    for text in STRANGE_TEXTS:
        try:
            checked_rows(encode([text]), 1, "encode_text")
        except Broken as broken:
            raise Broken(f"for the text {text[:20]!r} ({len(text)} characters): {broken.came}") from broken


def _strange_images(subject: EncoderSubject) -> None:
    encode = _able(subject, "image")
    for path in _odd_pictures(subject.workspace):
        try:
            checked_rows(encode([path]), 1, "encode_image")
        except Broken as broken:
            raise Broken(f"for {path.name}: {broken.came}") from broken


def _broken_images(subject: EncoderSubject) -> None:
    encode = _able(subject, "image")
    good = pictures(subject.workspace)[0]
    folder = subject.workspace / "broken"
    folder.mkdir(exist_ok=True)
    content = {"truncated.png": good.read_bytes()[:60], "text.png": b"no image", "empty.png": b""}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    for name in (*content, "absent.png"):
        try:
            encode([good, folder / name])
        except FeatureError as error:
            if name not in str(error):
                raise Broken(f"for {name}: a FeatureError that does not name it: {error}") from error
        else:
            raise Broken(f"for {name}: rows")


def _saving(subject: EncoderSubject) -> None:
    if not hasattr(subject.make(), "fit"):
        raise NotApplicable("it has no fit, so only its parameters need to be saved")
    texts = questions(40)
    fitted = subject.ready(texts)
    again = restored_copy(fitted, subject.made_from_json, subject.label)
    if again.fingerprint != fitted.fingerprint:
        raise Broken("the restored encoder has a different fingerprint")
    for modality in fitted.modalities:
        items = _items(subject, modality)
        encode = f"encode_{modality}"
        if not np.array_equal(getattr(fitted, encode)(items), getattr(again, encode)(items)):
            raise Broken(f"the restored encoder gives different rows for the same {modality}s")


def _job(subject: EncoderSubject) -> str:
    texts = questions(JOB_TEXTS)
    encoder: Any = subject.ready(texts)
    done = []

    def job() -> None:
        if "text" in encoder.modalities:
            encoder.encode_text(texts)
            done.append(f"{JOB_TEXTS} texts")
        if "image" in encoder.modalities:
            encoder.encode_image(list(pictures(subject.workspace, JOB_IMAGES, 224)))
            done.append(f"{JOB_IMAGES} images of 224 x 224")

    burden = measured_job(job)
    return burden.within_limits(", ".join(done))


def _ways(subject: EncoderSubject) -> Iterator[tuple[str, Encode, list[Any]]]:
    """Each modality of a new encoder, with its method and some input."""
    encoder: Encoder = subject.ready(questions(40))
    for modality in encoder.modalities:
        yield modality, getattr(encoder, f"encode_{modality}"), _items(subject, modality)


def _items(subject: EncoderSubject, modality: str) -> list[Any]:
    return questions(20) if modality == "text" else list(pictures(subject.workspace))


def _able(subject: EncoderSubject, modality: str) -> Encode:
    encoder: Any = subject.ready(questions(40))
    if modality not in encoder.modalities:
        raise NotApplicable(f"it does not encode {modality}s")
    encode: Encode = getattr(encoder, f"encode_{modality}")
    return encode


def _odd_pictures(workspace: Path) -> list[Path]:
    """Images of one pixel, of one line, in grey, with a palette, with transparency, and as JPEG."""
    from PIL import Image

    folder = workspace / "odd"
    folder.mkdir(exist_ok=True)
    made = {
        "one-pixel.png": Image.new("RGB", (1, 1), (200, 10, 10)),
        "one-line.png": Image.new("RGB", (300, 1), (0, 90, 0)),
        "grey.png": Image.new("L", (30, 20), 128),
        "bits.png": Image.new("1", (30, 20), 1),
        "palette.png": Image.new("P", (30, 20), 3),
        "transparent.png": Image.new("RGBA", (30, 20), (0, 0, 0, 0)),
        "photograph.jpg": Image.new("RGB", (40, 30), (90, 120, 200)),
    }
    for name, image in made.items():
        image.save(folder / name)
    return [folder / name for name in made]


ENCODER_CHECKS: tuple[Check[EncoderSubject], ...] = (
    Check(
        name="interface",
        rule="it has modalities, fingerprint, and an encode_* method for each modality; fit, if any, returns self",
        contract=CONTRACT,
        look=_interface,
    ),
    Check(
        name="fingerprint",
        rule="identical encoders have the same fingerprint, which also covers what was fitted",
        contract=CONTRACT,
        look=_fingerprint,
    ),
    Check(
        name="finite-rows",
        rule="texts and images become finite float32 [n, d], row for row",
        contract=CONTRACT,
        look=_rows,
    ),
    Check(
        name="same-rows-again",
        rule="identical encoders give bit-identical rows for the same input",
        contract=CONTRACT,
        look=_determinism,
    ),
    Check(
        name="batch-does-not-matter",
        rule="a row depends only on its own input, not on its position or on the rest of the batch",
        contract=CONTRACT,
        look=_independence,
    ),
    Check(
        name="strange-texts",
        rule="empty, very long and foreign texts become finite rows",
        contract=CONTRACT,
        look=_strange_texts,
    ),
    Check(
        name="strange-images",
        rule="tiny, narrow, grey, palette and transparent images become finite rows",
        contract=CONTRACT,
        look=_strange_images,
    ),
    Check(
        name="broken-images",
        rule="an unreadable image raises a FeatureError that names the file",
        contract=CONTRACT,
        look=_broken_images,
    ),
    Check(
        name="parameters",
        rule="every parameter can be set by keyword, has a usable default, and is named in the docstring",
        contract="mmr_core.contracts.Encoder",
        look=check_parameters,
    ),
    Check(
        name="save-and-load",
        rule="after state() and restore(), rows are bit-identical",
        contract="mmr_core.contracts.Saveable",
        look=_saving,
    ),
    LISTING_CHECK,
    Check(
        name="standard-job",
        rule="a standard job takes at most ten minutes and 8 GB",
        contract="mmr_core.testing.shared_checks",
        look=_job,
    ),
)
