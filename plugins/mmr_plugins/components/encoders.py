"""The built-in encoders of text and images, described without importing any of them."""

from __future__ import annotations

from mmr_core.specs import ComponentSpec

ENCODERS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="encoder",
        name="lite",
        target="mmr_plugins.encoders.lite:LiteEncoder",
        summary="hashed n-grams of the text; layout, edge, colour and frequency statistics of the image",
        is_default=True,
    ),
    ComponentSpec(
        kind="encoder",
        name="clip",
        target="mmr_plugins.encoders.clip:ClipEncoder",
        summary="CLIP through open_clip, ViT-B-32/openai by default; the paper's encoder",
        extra="clip",
        needs="PyTorch and open_clip",
    ),
    ComponentSpec(
        kind="encoder",
        name="tfidf",
        target="mmr_plugins.encoders.tfidf:TfidfEncoder",
        summary="TF-IDF of the text, fitted on the training split",
    ),
    ComponentSpec(
        kind="encoder",
        name="sentence-transformers",
        target="mmr_plugins.encoders.sentence_transformers_text:SentenceTransformersEncoder",
        summary="sentence embeddings of the text, all-MiniLM-L6-v2 by default",
        extra="sentence-transformers",
        needs="PyTorch and sentence-transformers",
    ),
    ComponentSpec(
        kind="encoder",
        name="timm",
        target="mmr_plugins.encoders.timm_image:TimmEncoder",
        summary="features of an image backbone, DINOv2 ViT-S/14 by default",
        extra="timm",
        needs="PyTorch and timm",
    ),
)
