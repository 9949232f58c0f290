"""The built-in importers, and the published tables that one of them reads, described without importing any of them."""

from __future__ import annotations

from mmr_core.specs import ComponentSpec, PublishedTable

IMPORTERS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="importer",
        name="published",
        target="mmr_plugins.importers.published:PublishedImporter",
        summary="MMR_Bench.csv, or one <dataset>.csv per dataset, in the published layout",
        published=(
            PublishedTable(
                name="mmr-bench",
                title="MMR-Bench, the paper's table",
                repository="gh0stHunter/MMR-Bench",
                homepage="https://huggingface.co/datasets/gh0stHunter/MMR-Bench",
            ),
            PublishedTable(
                name="mmr-bench-v2",
                title="MMR-Bench, its second version",
                repository="gh0stHunter/MMR-Bench-V2",
                homepage="https://huggingface.co/datasets/gh0stHunter/MMR-Bench-V2",
            ),
        ),
    ),
    ComponentSpec(
        kind="importer",
        name="lm-eval",
        target="mmr_plugins.importers.lm_eval:LMEvalImporter",
        summary="sample logs of lm-evaluation-harness",
    ),
    ComponentSpec(
        kind="importer",
        name="lmms-eval",
        target="mmr_plugins.importers.lmms_eval:LMMSEvalImporter",
        summary="sample logs of lmms-eval",
    ),
    ComponentSpec(
        kind="importer",
        name="vlmevalkit",
        target="mmr_plugins.importers.vlmevalkit:VLMEvalKitImporter",
        summary="work directories of VLMEvalKit",
    ),
    ComponentSpec(
        kind="importer",
        name="inspect-ai",
        target="mmr_plugins.importers.inspect_ai:InspectAIImporter",
        summary="logs of inspect_ai, .json and .eval",
    ),
    ComponentSpec(
        kind="importer",
        name="llmrouterbench",
        target="mmr_plugins.importers.llmrouterbench:LLMRouterBenchImporter",
        summary="results of LLMRouterBench",
    ),
    ComponentSpec(
        kind="importer",
        name="routerarena",
        target="mmr_plugins.importers.routerarena:RouterArenaImporter",
        summary="predictions and cached results of RouterArena",
    ),
    ComponentSpec(
        kind="importer",
        name="routerbench",
        target="mmr_plugins.importers.routerbench:RouterBenchImporter",
        summary="tables of RouterBench, as CSV or pickled",
    ),
    ComponentSpec(
        kind="importer",
        name="routereval",
        target="mmr_plugins.importers.routereval:RouterEvalImporter",
        summary="pickled dictionaries of RouterEval",
    ),
    ComponentSpec(
        kind="importer",
        name="mixinstruct",
        target="mmr_plugins.importers.mixinstruct:MixInstructImporter",
        summary="examples of MixInstruct, with a score and a rule of one's own",
    ),
    ComponentSpec(
        kind="importer",
        name="embedllm",
        target="mmr_plugins.importers.embedllm:EmbedLLMImporter",
        summary="tables of EmbedLLM",
    ),
    ComponentSpec(
        kind="importer",
        name="vl-routerbench",
        target="mmr_plugins.importers.vl_routerbench:VLRouterBenchImporter",
        summary="matrices of VL-RouterBench",
    ),
    ComponentSpec(
        kind="importer",
        name="llmrouter",
        target="mmr_plugins.importers.llmrouter:LLMRouterImporter",
        summary="routing data of LLMRouter",
    ),
    ComponentSpec(
        kind="importer",
        name="sample",
        target="mmr_plugins.importers.sample:SampleImporter",
        summary="the embedded synthetic sample, generated on first use",
        is_default=True,
    ),
)
