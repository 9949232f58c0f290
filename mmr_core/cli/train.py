"""`mmr train`: trains one router on a table and writes it to a file for `mmr route`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.arguments import ALL, listed, registry, settings
from mmr_core.cli.shared_options import (
    Align,
    Assignments,
    BadImages,
    Data,
    Encoder,
    ImageEncoder,
    ModalityOption,
    Models,
    OnBadImages,
    Prices,
    TextEncoder,
)
from mmr_core.errors import UsageError
from mmr_core.render.console import note, print_json, progress, warn

if TYPE_CHECKING:
    from mmr_core.trained.trained_manifest import TrainedManifest


def train(
    router: Annotated[str, typer.Option(help="The router.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    data: Data = None,
    dataset: Annotated[str, typer.Option(help="Datasets or mixtures to train on, separated by commas.")] = ALL,
    models: Models = None,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    fusion: Annotated[str | None, typer.Option(help="A fusion instead of the router's own.")] = None,
    modality: Annotated[ModalityOption, typer.Option(help="What the router sees.")] = ModalityOption.MULTIMODAL,
    seed: Annotated[int, typer.Option(help="Seed of the router.")] = 0,
    set_: Assignments = None,
    prices: Prices = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Train on the test split too; nothing is left to evaluate on.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the file's manifest as JSON and nothing else.")] = False,
) -> None:
    """Train a router on the training split and save it, without pickle, for `mmr route`."""
    from mmr_core.cli.inputs import feature_choice, lineup, prepared_table, price_sheet_version
    from mmr_core.features import FeatureCache, cache_folder
    from mmr_core.features.selection import feature_source
    from mmr_core.trained import save
    from mmr_core.trained.training import Assignment
    from mmr_core.trained.training import train as train_router

    if router == ALL or len(listed(router)) != 1:
        raise UsageError(f"--router {router!r} is not one router", fix="train each into its own file")
    if out.is_dir():
        raise UsageError(f"{str(out)!r} is a folder", where="--out", fix="name a file")
    found = registry()
    parameters = settings(set_ or [], found)
    (entrant,), _ = lineup(router, found.routers, parameters)
    choice = feature_choice(
        encoder=encoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        align=align,
        bad_images=bad_images,
        parameters=parameters,
    )
    assignment = Assignment(
        router=entrant,
        seed=seed,
        fusion=None if fusion is None else found.fusions.label(found.fusions.find(fusion)),
        fusion_parameters=parameters,
        modality=modality.value,
        all_rows=all_rows,
        price_sheet=price_sheet_version(prices),
    )
    cache = FeatureCache(cache_folder())
    with progress(shown=not json) as watch:
        source = feature_source(
            choice,
            found,
            modality=modality.value,
            modality_option="--modality",
            cache=cache,
            warn=warn,
            progress=watch,
        )
        table = prepared_table(data, found, watch, models=models, prices=prices)
        specs = [found.find_dataset(name).spec for name in listed(dataset)] if dataset != ALL else []
        watch("training", 0, 1)
        trained = train_router(table, specs, assignment, source=source, registry=found)
    save(trained, out)
    if json:
        print_json(trained.manifest.model_dump(mode="json"))
    else:
        _report(trained.manifest, out)


def _report(manifest: TrainedManifest, out: Path) -> None:
    facts, point = manifest.training, manifest.operating_point
    note(
        f"trained on all {facts.rows} rows; nothing is left to evaluate on"
        if facts.learned_from == "all rows"
        else f"trained on the whole training split, {facts.rows} rows; the {facts.rows_not_looked_at} rows of the test "
        "split were not used"
    )
    if point is None:
        note("no validation rows to choose a trade-off weight on: 'mmr route' will need --budget or --trade-off")
    else:
        note(
            f"trade-off weight {point.trade_off:.6g}, chosen on {point.instances} validation rows: "
            f"utility {point.utility:.4f} at {1000 * point.cost:.6g} USD per thousand queries"
        )
    note(f"wrote {out}; try 'mmr route {out} --question TEXT'")
