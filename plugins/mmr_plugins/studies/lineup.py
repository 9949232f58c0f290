"""Which routers and which columns the paper's tables are about, chosen by rules that look at no result."""

from __future__ import annotations

from dataclasses import replace

from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_core.specs import ORACLE, UNIFORM, DatasetSpec
from mmr_core.studies import Cell, Setting, Unavailable

PREFERRED = "linear-mf"
"""The router of greatest nAUC and peak on the full dataset in the paper's table 2."""
MAIN_RULE = f"{PREFERRED!r} where it is in the run, else the first scoring router of the run"
REFERENCES = (ORACLE, CONSTANT, BEST_SINGLE)
"""The reference lines of the tables that rank routers."""


def routers_with_random(setting: Setting) -> tuple[str, ...]:
    """`random` first, then the other routers of the run in their order."""
    here = UNIFORM in setting.routers or any(item.name == UNIFORM for item in setting.registry.routers.specs())
    return ((UNIFORM,) if here else ()) + learners(setting)


def learners(setting: Setting) -> tuple[str, ...]:
    """The routers of the run, `random` left out."""
    return tuple(name for name in setting.routers if name != UNIFORM)


def demanded_learners(setting: Setting) -> tuple[str, ...]:
    """The routers of the run that can learn.

    :raises Unavailable: if there is none.
    """
    found = learners(setting)
    if not found:
        raise Unavailable("no router that learns is in the run", fix="add one with --router")
    return found


def main_router(setting: Setting) -> str | None:
    """The router that a claim is tested on where one must be chosen before anything is measured: `MAIN_RULE`.

    None where the run has no scoring router.
    """
    if PREFERRED in setting.routers:
        return PREFERRED
    for name in learners(setting):
        if hasattr(setting.registry.routers.load(name), "predict"):
            return name
    return None


def fusion_of(setting: Setting, router: str) -> str | None:
    """The fusion that a router runs with unless told otherwise; None if it wants none."""
    default: str | None = getattr(setting.registry.routers.load(router), "default_fusion", None)
    return default


def over_seeds(cell: Cell, setting: Setting) -> list[Cell]:
    """The cell once for each seed of the run."""
    return [replace(cell, seed=seed) for seed in setting.seeds]


def members_present(setting: Setting, column: DatasetSpec) -> tuple[str, ...]:
    """The datasets of the table that a column pools; a dataset stands for itself."""
    names = column.members or (column.name,)
    return tuple(name for name in setting.table.dataset_names if name in names)


def datasets_with_images(setting: Setting) -> frozenset[str]:
    """The datasets with at least one image."""
    table = setting.table
    return frozenset(name for name, image in zip(table.dataset, table.image, strict=True) if image is not None)


def datasets_with_text(setting: Setting) -> frozenset[str]:
    """The datasets with at least one text."""
    table = setting.table
    return frozenset(name for name, question in zip(table.dataset, table.question, strict=True) if question)


def multimodal_columns(setting: Setting) -> tuple[DatasetSpec, ...]:
    """The columns with texts and images."""
    seen, read = datasets_with_images(setting), datasets_with_text(setting)
    members = {spec: set(spec.members or (spec.name,)) for spec in setting.columns}
    return tuple(spec for spec, names in members.items() if names & seen and names & read)


def text_only_datasets(setting: Setting) -> tuple[DatasetSpec, ...]:
    """The datasets without any image."""
    seen = datasets_with_images(setting)
    return tuple(spec for spec in setting.datasets if spec.name not in seen)


def widest_multimodal(setting: Setting) -> DatasetSpec:
    """The mixture with most members in the table among the multimodal columns, else the first such dataset.

    :raises Unavailable: if no column has both modalities.
    """
    columns = multimodal_columns(setting)
    if not columns:
        raise Unavailable("no dataset of the table has both texts and images")
    return max(columns, key=lambda spec: len(members_present(setting, spec)) if spec.members else 0)
