"""The built-in encoders, fusions, routers, importers and studies, described without importing any of them.

The presets of the authors' protocol are among the fusions and routers. Studies stand in the order in which a report
shows them.
"""

from __future__ import annotations

from mmr_core.specs import UNIFORM, ComponentSpec, PublishedTable

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


FUSIONS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="fusion",
        name="average",
        target="mmr_plugins.fusions.plain:AverageFusion",
        summary="equal-weight mean of the two unit embeddings (Eq. S10)",
    ),
    ComponentSpec(
        kind="fusion",
        name="adaptive",
        target="mmr_plugins.fusions.adaptive:AdaptiveFusion",
        summary="confidence-weighted sum with product and difference terms (Eqs. S2-S6)",
    ),
    ComponentSpec(
        kind="fusion",
        name="concat",
        target="mmr_plugins.fusions.plain:ConcatFusion",
        summary="the two unit embeddings side by side",
    ),
    ComponentSpec(
        kind="fusion",
        name="text",
        target="mmr_plugins.fusions.plain:TextFusion",
        summary="the unit text embedding alone",
    ),
    ComponentSpec(
        kind="fusion",
        name="image",
        target="mmr_plugins.fusions.plain:ImageFusion",
        summary="the unit image embedding alone",
    ),
    ComponentSpec(
        kind="fusion",
        name="average",
        target="mmr_plugins.authors.presets:AuthorsAverage",
        summary="(text + image) / 2 of the arrays as given",
        protocol="authors",
    ),
    ComponentSpec(
        kind="fusion",
        name="adaptive",
        target="mmr_plugins.authors.presets:AuthorsAdaptive",
        summary="Eqs. S2-S6 with the statistics of each encoded set",
        protocol="authors",
    ),
)


_TORCH = {"extra": "torch", "needs": "PyTorch"}

ROUTERS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="router",
        name=UNIFORM,
        target="mmr_plugins.routers.uniform:RandomRouter",
        summary="a model drawn uniformly, scored by exact expectation",
    ),
    ComponentSpec(
        kind="router",
        name="kmeans",
        target="mmr_plugins.routers.kmeans:KMeansRouter",
        summary="means of utility and cost per cluster (Eq. S8)",
    ),
    ComponentSpec(
        kind="router",
        name="knn",
        target="mmr_plugins.routers.knn:KNNRouter",
        summary="means of utility and cost over the nearest neighbours (Eq. S9)",
    ),
    ComponentSpec(
        kind="router",
        name="linear",
        target="mmr_plugins.routers.linear:LinearRouter",
        summary="two multi-output linear regressions",
    ),
    ComponentSpec(
        kind="router",
        name="linear-mf",
        target="mmr_plugins.routers.linear:LinearMFRouter",
        summary="truncated SVD, then two ridge regressions (Eq. S11)",
    ),
    ComponentSpec(
        kind="router",
        name="mlp",
        target="mmr_plugins.routers.mlp:MLPRouter",
        summary="two multi-layer perceptrons, one for utility and one for cost",
        **_TORCH,
    ),
    ComponentSpec(
        kind="router",
        name="mlp-mf",
        target="mmr_plugins.routers.mlp:MLPMFRouter",
        summary="latent factors of queries and models (Eqs. S12, S13)",
        **_TORCH,
    ),
    ComponentSpec(
        kind="router",
        name="cmr",
        target="mmr_plugins.routers.cmr:CrossModalRouter",
        summary="attention over text and image tokens with heads per model",
        slow=True,
        **_TORCH,
    ),
    ComponentSpec(
        kind="router",
        name="kmeans",
        target="mmr_plugins.authors.presets:AuthorsKMeans",
        summary="the authors' KMeansRouter on averaged features",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="kmeansnew",
        target="mmr_plugins.authors.presets:AuthorsKMeansNew",
        summary="the authors' KMeansRouter on adaptive features",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="linear",
        target="mmr_plugins.authors.presets:AuthorsLinear",
        summary="the authors' LinearRouter",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="linear-mf",
        target="mmr_plugins.authors.presets:AuthorsLinearMF",
        summary="the authors' LinearMFRouter",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="knn",
        target="mmr_plugins.authors.presets:AuthorsKNN",
        summary="the authors' KNNRouter",
        protocol="authors",
    ),
)


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


STUDIES: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="study",
        name="table1",
        target="mmr_plugins.studies.data_tables:BenchmarkComparison",
        summary="this table among the benchmarks of routing",
    ),
    ComponentSpec(
        kind="study",
        name="figure2",
        target="mmr_plugins.studies.modalities:Figure2",
        summary="frontiers of routing on text, on images and on both (section 3.2)",
    ),
    ComponentSpec(
        kind="study",
        name="clusters",
        target="mmr_plugins.studies.clusters:ClusterAblation",
        summary="the ablation over clusters and trade-off weights (section 3.2)",
    ),
    ComponentSpec(
        kind="study",
        name="figure3",
        target="mmr_plugins.studies.composition:Figure3",
        summary="composition by scenario and dataset",
    ),
    ComponentSpec(
        kind="study",
        name="s1",
        target="mmr_plugins.studies.data_tables:DatasetFacts",
        summary="the datasets and how they are split",
    ),
    ComponentSpec(
        kind="study",
        name="s2",
        target="mmr_plugins.studies.data_tables:ModelFacts",
        summary="the candidate models: prices, cost and utility",
    ),
    ComponentSpec(
        kind="study",
        name="table2",
        target="mmr_plugins.studies.overall:OverallResults",
        summary="routers on every dataset: nAUC, skill and peak score",
    ),
    ComponentSpec(
        kind="study",
        name="s4",
        target="mmr_plugins.studies.overall:QualityNeutralCost",
        summary="quality-neutral cost of routers on every dataset",
    ),
    ComponentSpec(
        kind="study",
        name="figure4",
        target="mmr_plugins.studies.frontiers:Figure4",
        summary="frontiers of cost and utility on the whole table",
    ),
    ComponentSpec(
        kind="study",
        name="s-figure1",
        target="mmr_plugins.studies.frontiers:FigureS1",
        summary="frontiers of cost and utility on every dataset",
    ),
    ComponentSpec(
        kind="study",
        name="shares",
        target="mmr_plugins.studies.model_shares:ModelShares",
        summary="the share of queries sent to each model along the frontier",
    ),
    ComponentSpec(
        kind="study",
        name="table3",
        target="mmr_plugins.studies.fusion_gain:FusionGain",
        summary="adaptive against equal-weight fusion, router by router",
    ),
    ComponentSpec(
        kind="study",
        name="table4",
        target="mmr_plugins.studies.shift:ShiftWithinScenario",
        summary="routers on datasets of a scenario that they did not learn on",
    ),
    ComponentSpec(
        kind="study",
        name="table5",
        target="mmr_plugins.studies.masked_image:MaskedImage",
        summary="routers that learned with images on text-only datasets",
    ),
    ComponentSpec(
        kind="study",
        name="s-figure2",
        target="mmr_plugins.studies.cases:CaseStudies",
        summary="two queries per scenario with what was chosen for them",
    ),
    ComponentSpec(
        kind="study",
        name="held-out-model",
        target="mmr_plugins.studies.newcomer:HeldOutModel",
        summary="beyond the paper: a model added after training, known from a few instances",
    ),
    ComponentSpec(
        kind="study",
        name="training-size",
        target="mmr_plugins.studies.training_size:TrainingSize",
        summary="beyond the paper: how much training data routers need",
    ),
    ComponentSpec(
        kind="study",
        name="encoder-ablation",
        target="mmr_plugins.studies.encoder_ablation:EncoderAblation",
        summary="beyond the paper: routers on the features of other encoders",
    ),
)
