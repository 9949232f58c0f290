"""The importer of sample logs of lm-evaluation-harness (`--log_samples`).

`<out>/<model>/samples_<task>_<date>.jsonl` has a line per sample and filter: `doc_id`, `doc`, `target`, `filter`, the
names of `metrics`, and each metric at top level. `results_<date>.json` beside it has the means. The kit counts no
tokens, so costs stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import json_lines
from mmr_plugins.importers.harness import Runs, first_text, is_number, means_in, sniffs

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_plugins.importers.harness import SampleFile


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


_DATE = r"(?P<run>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?)"
_SAMPLES = rf"samples_(?P<task>.+)_{_DATE}\.jsonl"
_RESULTS = rf".+_{_DATE}\.json"
_QUESTIONS = ("question", "query", "problem")
_CATEGORIES = ("subject", "category")
_NO_METRICS = frozenset({"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"})


class LMEvalImporter(LogImporter):
    """Reads an output folder of the kit, one model's folder in it, or one file of samples.

    Subjects of MMLU become one dataset, as do the two parts of ARC: ids are then `<part>_<doc_id>` and the part is
    the category. The prompts of GSM8K are told apart as scorers. Runs are the dates in the names of files.
    """

    kit = "lm-evaluation-harness"

    def __init__(self) -> None:
        self._runs = Runs(_SAMPLES, _RESULTS)

    def sniff(self, path: Path) -> bool:
        """Whether there is a file named `samples_<task>_<date>.jsonl`."""
        return sniffs(path, self._runs.files)

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files of samples."""
        return self._runs.files(source.path)

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per sample, filter and metric."""
        samples = self._runs.sample_file(file)
        return gather(file, _records(samples, self._runs.model(samples), source))

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        """The means in the files of results, of whole tasks."""
        runs = self._runs
        models = {(file.parent, runs.sample_file(file).run): file for file in runs.files(source.path)}
        for file, run, content in runs.results(source):
            if (file.parent, run) not in models:
                continue
            model = runs.model(runs.sample_file(models[file.parent, run]))
            for mean in means_in(content):
                placed = place(mean.task)
                yield Aggregate(
                    dataset=placed.dataset,
                    model=model,
                    value=mean.value,
                    source=source.name_of(file),
                    category=placed.part,
                    run=run,
                    filter=mean.filter,
                    metric=mean.metric,
                    scorer=placed.prompt,
                )


def _records(file: SampleFile, model: str, source: LogSource) -> Iterator[Record]:
    placed = place(file.task)
    for row, sample in json_lines(file.path, source):
        try:
            native = canonical_id(sample.get("doc_id"))
            metrics = _metrics(sample)
        except DataError as error:
            source.fault(file.path, error, row=row)
            continue
        answer = first_text(sample.get("resps"))
        for metric, value in metrics.items():
            yield Record(
                dataset=placed.dataset,
                model=model,
                instance=f"{placed.part}_{native}" if placed.part else native,
                native_id=native,
                utility=value,
                metric=metric,
                scorer=placed.prompt,
                filter=str(sample.get("filter") or ""),
                run=file.run,
                status="unscored" if value is None else "empty" if answer is not None and not answer.strip() else "ok",
                question=_question(sample),
                answer=str(sample.get("target", "")),
                category=placed.part or _first_of(sample.get("doc"), _CATEGORIES),
                response=answer if source.responses else None,
                row=row,
            )


def _metrics(sample: Mapping[str, Any]) -> dict[str, float | None]:
    """The metrics of a sample by name; None for one that is named and has no number.

    Older logs do not name their metrics: then every number that is none of the known fields is one.
    """
    named = sample.get("metrics")
    if isinstance(named, list) and named and all(isinstance(name, str) for name in named):
        return {name: float(sample[name]) if is_number(sample.get(name)) else None for name in named}
    metrics = {name: float(v) for name, v in sample.items() if name not in _NO_METRICS and is_number(v)}
    if not metrics:
        raise DataError("has no metric")
    return dict(metrics)


def _question(sample: Mapping[str, Any]) -> str:
    """The question of the document; where it has none under a known name, the prompt that the model got."""
    asked = _first_of(sample.get("doc"), _QUESTIONS)
    if asked:
        return asked
    arguments = sample.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    prompt = first.get("arg_0") if isinstance(first, dict) else first_text(arguments)
    return prompt if isinstance(prompt, str) else ""


def _first_of(document: object, names: Sequence[str]) -> str:
    if isinstance(document, dict):
        for name in names:
            if isinstance(document.get(name), str):
                return str(document[name])
    return ""
