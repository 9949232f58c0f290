"""`mmr train`: one router learns from a table and is written to a file that `mmr route` asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.arguments import ALL, listed, registry, settings
from mmr_core.cli.options import (
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
from mmr_core.render.console import note, print_json, progress, warn

if TYPE_CHECKING:
    from mmr_core.trained.manifest import Manifest


def train(
    router: Annotated[str, typer.Option(help="The router.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    data: Data = None,
    dataset: Annotated[str, typer.Option(help="Datasets or mixtures to learn from, separated by commas.")] = ALL,
    models: Models = None,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    fusion: Annotated[str | None, typer.Option(help="Another fusion than the router's own.")] = None,
    modality: Annotated[ModalityOption, typer.Option(help="What the router sees.")] = ModalityOption.MULTIMODAL,
    seed: Annotated[int, typer.Option(help="Seed of the router.")] = 0,
    set_: Assignments = None,
    prices: Prices = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Learn from the test split too; nothing is left to measure it on.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what the file says of itself, and nothing else.")] = False,
) -> None:
    """Train a router on the training split and save it, without pickle, for `mmr route`."""
    from mmr_core.cli.inputs import lineup, prepared_table, price_sheet_version
    from mmr_core.errors import UsageError
    from mmr_core.features import FeatureCache, cache_folder
    from mmr_core.features.selection import FeatureChoice, feature_source
    from mmr_core.trained import save
    from mmr_core.trained.learning import train as learn
    from mmr_core.trained.taught import Assignment

    if router == ALL or len(listed(router)) != 1:
        raise UsageError(f"--router {router!r} is not one router", fix="train each into a file of its own")
    if out.is_dir():
        raise UsageError(f"{str(out)!r} is a folder", where="--out", fix="name a file")
    found = registry()
    parameters = settings(set_ or [], found)
    (entrant,), _ = lineup(router, found.routers, parameters)
    choice = FeatureChoice(
        encoder=encoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        align=None if align is None else align.value,
        bad_images=bad_images.value,
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
        trained = learn(table, specs, assignment, source=source, registry=found)
    save(trained, out)
    if json:
        print_json(trained.manifest.model_dump(mode="json"))
    else:
        _tell(trained.manifest, out)


def _tell(manifest: Manifest, out: Path) -> None:
    facts, point = manifest.training, manifest.operating_point
    note(
        f"learned from {facts.rows} rows, all there are: nothing is left to measure it on"
        if facts.learned_from == "all rows"
        else f"learned from the whole training split, {facts.rows} rows; {facts.rows_not_looked_at} of the test split "
        "were not looked at"
    )
    if point is None:
        note("no validation row to choose a trade-off weight on: 'mmr route' will need --budget or --trade-off")
    else:
        note(
            f"trade-off weight {point.trade_off:.6g}, chosen on {point.instances} validation rows: there, "
            f"utility {point.utility:.4f} at {1000 * point.cost:.6g} USD per thousand queries"
        )
    note(f"wrote {out}; ask it with 'mmr route {out} --question TEXT'")
