"""`mmr encode`: writes the embeddings of a table to a file that `--features` reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmr_core.cli.arguments import ALL, listed, registry, settings
from mmr_core.cli.shared_options import (
    Align,
    Assignments,
    BadImages,
    Data,
    Encoder,
    ImageEncoder,
    OnBadImages,
    TextEncoder,
)
from mmr_core.render.console import note, progress, warn


def encode(
    out: Annotated[Path, typer.Option(help="The file to write: .npz with ids, text, image (float32).")],
    data: Data = None,
    dataset: Annotated[str, typer.Option(help="Datasets or mixtures, separated by commas.")] = ALL,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    set_: Assignments = None,
) -> None:
    """Encode texts and images once, for `mmr run --features FILE`."""
    import numpy as np

    from mmr_core.cli.inputs import feature_choice
    from mmr_core.features import FeatureCache, cache_folder, cache_root, write_features
    from mmr_core.features.selection import feature_source
    from mmr_core.logs.table_sources import open_table
    from mmr_core.splits import train_mask

    found = registry()
    choice = feature_choice(
        encoder=encoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        align=align,
        bad_images=bad_images,
        parameters=settings(set_ or [], found),
    )
    cache = FeatureCache(cache_folder())
    with progress() as watch:
        table = open_table(data, found, cache=cache_root(), warn=warn, progress=watch)
        if dataset != ALL:
            specs = [found.find_dataset(name).spec for name in listed(dataset)]
            wanted = {name for spec in specs for name in (spec.members or (spec.name,))}
            table = table.take(np.isin(table.dataset.astype(str), sorted(wanted)))
        source = feature_source(choice, found, cache=cache, warn=warn, progress=watch)
        features = source.features(table, train_mask(table.dataset, table.instance_id))
    write_features(out, table, features)
    note(f"wrote {out}: {len(table)} instances, {cache.encoded} encoded, {cache.reused} from the cache")
