"""The built-in studies, described without importing any of them, in the order in which a report shows them."""

from __future__ import annotations

from mmr_core.specs import ComponentSpec

STUDIES: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="study",
        name="table1",
        target="mmr_plugins.studies.table1:BenchmarkComparison",
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
        target="mmr_plugins.studies.quality_neutral_cost:QualityNeutralCost",
        summary="quality-neutral cost of routers on every dataset",
    ),
    ComponentSpec(
        kind="study",
        name="figure4",
        target="mmr_plugins.studies.pareto:Figure4",
        summary="frontiers of cost and utility on the whole table",
    ),
    ComponentSpec(
        kind="study",
        name="s-figure1",
        target="mmr_plugins.studies.pareto:FigureS1",
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
        target="mmr_plugins.studies.encoders:EncoderAblation",
        summary="beyond the paper: routers on the features of other encoders",
    ),
)
