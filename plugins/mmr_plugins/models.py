"""The ten candidate models of the MMR-Bench paper, with the output-token prices of its table S2.

Sizes and context lengths are given only where their makers publish them. Table S2 prices output tokens alone, so
the prices of other sorts of tokens stay unknown.
"""

from __future__ import annotations

from mmr_core.specs import ModelSpec, TokenPrice

MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="gpt-5",
        title="GPT-5-0807",
        family="gpt-5",
        open_weight=False,
        context_length=400_000,
        price=TokenPrice(output=10.00),
        csv_columns=("gpt-5-2025-08-07",),
    ),
    ModelSpec(
        name="gemini-2.5-pro",
        title="Gemini 2.5 Pro",
        family="gemini-2.5",
        open_weight=False,
        context_length=1_048_576,
        price=TokenPrice(output=5.00),
        csv_columns=("GeminiPro2-5",),
    ),
    ModelSpec(
        name="claude-3.7-sonnet",
        title="Claude 3.7 Sonnet",
        family="claude-3.7",
        open_weight=False,
        context_length=200_000,
        price=TokenPrice(output=15.00),
        csv_columns=("Claude3-7V_Sonnet",),
    ),
    ModelSpec(
        name="gemini-2.5-flash",
        title="Gemini 2.5 Flash",
        family="gemini-2.5",
        open_weight=False,
        context_length=1_048_576,
        price=TokenPrice(output=2.00),
        csv_columns=("GeminiFlash2-5",),
    ),
    # The column prefix that the authors use for this model is not published: the first follows the pattern of
    # their gpt-5 column, the second is the model's plain name.
    ModelSpec(
        name="gpt-5-nano",
        title="GPT-5-Nano-0807",
        family="gpt-5",
        open_weight=False,
        context_length=400_000,
        price=TokenPrice(output=0.50),
        csv_columns=("gpt-5-nano-2025-08-07", "gpt-5-nano"),
    ),
    ModelSpec(
        name="internvl3-78b",
        title="InternVL3-78B",
        family="internvl3",
        open_weight=True,
        parameters_b=78.0,
        price=TokenPrice(output=0.70),
        csv_columns=("InternVL3-78B",),
    ),
    ModelSpec(
        name="qwen2.5-vl-72b",
        title="Qwen2.5-VL-72B",
        family="qwen2.5-vl",
        open_weight=True,
        parameters_b=72.0,
        price=TokenPrice(output=0.65),
        csv_columns=("Qwen2.5-VL-72B-Instruct",),
    ),
    ModelSpec(
        name="qwen2.5-vl-7b",
        title="Qwen2.5-VL-7B",
        family="qwen2.5-vl",
        open_weight=True,
        parameters_b=7.0,
        price=TokenPrice(output=0.07),
        csv_columns=("Qwen2.5-VL-7B-Instruct",),
    ),
    ModelSpec(
        name="gemma3-4b",
        title="Gemma3-4B",
        family="gemma3",
        open_weight=True,
        parameters_b=4.0,
        context_length=131_072,
        price=TokenPrice(output=0.04),
        csv_columns=("Gemma3-4B",),
    ),
    ModelSpec(
        name="qwen2.5-vl-3b",
        title="Qwen2.5-VL-3B",
        family="qwen2.5-vl",
        open_weight=True,
        parameters_b=3.0,
        price=TokenPrice(output=0.03),
        csv_columns=("Qwen2.5-VL-3B-Instruct",),
    ),
)
