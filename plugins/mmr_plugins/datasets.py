"""The datasets of the MMR-Bench paper: seven multimodal ones, their mixture, and three text-only ones.

The paper speaks of eight datasets and names seven (tables 2, S1, S4); its eighth column pools them and is the
mixture `full` here. A licence or a homepage is given only where it is known at first hand. Counts are those of
table S1, and for the text-only sets of table 5 those of the published test splits.
"""

from __future__ import annotations

from mmr_core.specs import MODALITIES, DatasetSpec

MULTIMODAL: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        name="ocrbench",
        title="OCRBench",
        scenario="ocr",
        modalities=MODALITIES,
        metric="score",
        expected_instances=1000,
        id_prefix="OCRBench",
        homepage="https://github.com/Yuliang-Liu/MultimodalOCR",
        aliases=("ocr-bench", "ocr_bench"),
    ),
    DatasetSpec(
        name="seedbench2plus",
        title="SEED-Bench-2-Plus",
        scenario="ocr",
        modalities=MODALITIES,
        expected_instances=2277,
        id_prefix="SEEDBench2_Plus",
        image_folder="SEEDBenchv2Plus",
        homepage="https://github.com/AILab-CVC/SEED-Bench",
        aliases=("SEEDBenchv2Plus", "SEED-Bench-2-Plus", "seedbench_2_plus"),
    ),
    DatasetSpec(
        name="mmstar",
        title="MMStar",
        scenario="general-vqa",
        modalities=MODALITIES,
        expected_instances=1500,
        id_prefix="MMStar",
        homepage="https://mmstar-benchmark.github.io",
    ),
    DatasetSpec(
        name="realworldqa",
        title="RealWorldQA",
        scenario="general-vqa",
        modalities=MODALITIES,
        expected_instances=765,
        id_prefix="RealWorldQA",
        aliases=("real-world-qa", "real_world_qa"),
    ),
    DatasetSpec(
        name="mathvista",
        title="MathVista",
        scenario="math",
        modalities=MODALITIES,
        expected_instances=1000,
        id_prefix="MathVista",
        licence="CC-BY-SA-4.0",
        homepage="https://mathvista.github.io",
        aliases=("MathVista_MINI", "mathvista_testmini"),
    ),
    DatasetSpec(
        name="mathverse",
        title="MathVerse",
        scenario="math",
        modalities=MODALITIES,
        expected_instances=788,
        id_prefix="MathVerse",
        homepage="https://mathverse-cuhk.github.io",
        aliases=("MathVerse_MINI_Vision_Only", "mathverse_testmini_vision_only"),
    ),
    DatasetSpec(
        name="mathvision",
        title="MathVision",
        scenario="math",
        modalities=MODALITIES,
        expected_instances=3040,
        id_prefix="MathVision",
        licence="MIT",
        homepage="https://mathllm.github.io/mathvision",
        aliases=("MATH-V", "MATH-Vision", "mathvision_test"),
    ),
)

FULL = DatasetSpec(
    name="full",
    title="Full Dataset",
    scenario="mixture",
    modalities=MODALITIES,
    expected_instances=sum(spec.expected_instances or 0 for spec in MULTIMODAL),
    aliases=("full-dataset",),
    members=tuple(spec.name for spec in MULTIMODAL),
)

TEXT_ONLY: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        name="gsm8k",
        title="GSM8K",
        scenario="text",
        modalities=("text",),
        expected_instances=1319,
        id_prefix="GSM8K",
        licence="MIT",
        homepage="https://github.com/openai/grade-school-math",
    ),
    DatasetSpec(
        name="mmlu",
        title="MMLU",
        scenario="text",
        modalities=("text",),
        expected_instances=14042,
        id_prefix="MMLU",
        licence="MIT",
        homepage="https://github.com/hendrycks/test",
    ),
    # The paper does not say which of the two ARC sets it means, so no count is claimed.
    DatasetSpec(
        name="arc",
        title="ARC",
        scenario="text",
        modalities=("text",),
        id_prefix="ARC",
        licence="CC-BY-SA-4.0",
        homepage="https://allenai.org/data/arc",
        aliases=("ai2_arc",),
    ),
)

DATASETS: tuple[DatasetSpec, ...] = (*MULTIMODAL, FULL, *TEXT_ONLY)
