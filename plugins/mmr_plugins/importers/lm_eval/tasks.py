"""Which dataset and instance a task of lm-evaluation-harness is about, where a dataset is spread over tasks."""

from __future__ import annotations

from dataclasses import dataclass

# fmt: off
MMLU_SUBJECTS = frozenset({
    "abstract_algebra", "anatomy", "astronomy", "business_ethics", "clinical_knowledge", "college_biology",
    "college_chemistry", "college_computer_science", "college_mathematics", "college_medicine", "college_physics",
    "computer_security", "conceptual_physics", "econometrics", "electrical_engineering", "elementary_mathematics",
    "formal_logic", "global_facts", "high_school_biology", "high_school_chemistry", "high_school_computer_science",
    "high_school_european_history", "high_school_geography", "high_school_government_and_politics",
    "high_school_macroeconomics", "high_school_mathematics", "high_school_microeconomics", "high_school_physics",
    "high_school_psychology", "high_school_statistics", "high_school_us_history", "high_school_world_history",
    "human_aging", "human_sexuality", "international_law", "jurisprudence", "logical_fallacies", "machine_learning",
    "management", "marketing", "medical_genetics", "miscellaneous", "moral_disputes", "moral_scenarios",
    "nutrition", "philosophy", "prehistory", "professional_accounting", "professional_law", "professional_medicine",
    "professional_psychology", "public_relations", "security_studies", "sociology", "us_foreign_policy", "virology",
    "world_religions",
})
# fmt: on
_GSM8K = ("gsm8k", "gsm8k_cot", "gsm8k_cot_zeroshot", "gsm8k_cot_llama", "gsm8k_cot_self_consistency")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where the samples of a task belong.

    :param part: what goes before the number of a sample, where several tasks make one dataset; also its category.
    :param prompt: the task's own name, where several tasks ask the same questions in other ways.
    """

    dataset: str
    part: str = ""
    prompt: str = ""


def place(task: str) -> Placed:
    """The dataset of a task; an unknown task is a dataset of its own."""
    if task in _GSM8K:
        return Placed(dataset="gsm8k", prompt=task)
    if task.startswith("mmlu_") and task.removeprefix("mmlu_") in MMLU_SUBJECTS:
        return Placed(dataset="mmlu", part=task.removeprefix("mmlu_"))
    if task in ("arc_challenge", "arc_easy"):
        return Placed(dataset="arc", part=task.removeprefix("arc_"))
    return Placed(dataset=task)
