"""What the choice of encoders changes: the same routers on the features of other encoders (beyond the paper).

Only encoders that can be used here and now take part: nothing is fetched for this study, and an encoder that lacks its
library or its weights is a gap with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from mmr_core.errors import MMRError
from mmr_core.results import averaged, cell_key
from mmr_core.specs import DatasetSpec
from mmr_core.studies import (
    Axis,
    Cell,
    CellRecord,
    Chart,
    EncoderPair,
    Entry,
    Exhibit,
    Gap,
    Line,
    Panel,
    Results,
    Series,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_core.studies.exhibits import marked
from mmr_plugins.studies.curves import LIGHT_RULE, first_fit, light_learners, one_seed_note
from mmr_plugins.studies.frontiers import grouped
from mmr_plugins.studies.lineup import (
    datasets_with_images,
    datasets_with_text,
    fusion_of,
    multimodal_columns,
    widest_multimodal,
)
from mmr_plugins.studies.measured import Measured, figure, gain
from mmr_plugins.studies.overall import SKILL

OWN = "as the run"
"""The encoders, or the features from a file, that the run was given."""
METRICS = ("nauc", "skill", "peak", "qnc")
HEADER = ("router", "nAUC", "skill", "peak score", "QNC", "nAUC minus as the run", "skill minus as the run")
NOT_FETCHED = "Nothing is fetched for this study: encoders take part whose libraries and weights are on this machine."
WIDTHS = "Where a text and an image embedding differ in width, the narrower is filled up with zeros."


@dataclass(frozen=True, kw_only=True)
class Usable:
    """The encoders that can be used here, by what they read, and why others cannot.

    :param both, text, image: names of encoders of both modalities, of text alone, of images alone.
    """

    both: tuple[str, ...]
    text: tuple[str, ...]
    image: tuple[str, ...]
    gaps: tuple[Gap, ...]


class EncoderAblation:
    """Routers on the features of every pair of encoders that can be used here."""

    title: ClassVar[str] = "Beyond the paper: the choice of encoders"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Every light router that reads fused features with every pair, on the widest column with both modalities.

        :raises Unavailable: if the run has no such router.
        """
        pairs = pairs_of(setting, usable_encoders(setting))
        return [cell for row in _grid(setting, pairs).values() for cell in row.values()]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Skill by router and pair as bars, and a sheet with paired differences to the encoders of the run.

        :raises Unavailable: if nothing was measured.
        """
        column = _column(setting)
        measured = Measured(setting, results)
        usable = usable_encoders(setting)
        grid = _grid(setting, pairs_of(setting, usable))
        cells = [cell for row in grid.values() for cell in row.values()]
        measured.demand_some(cells)
        fits = {
            label: {router: first_fit(measured, cell) for router, cell in row.items()} for label, row in grid.items()
        }
        exhibit = Exhibit(
            name="encoder-ablation",
            title=f"Routers by encoders on {column.title}",
            caption=(
                "The same routers with the same fusion on the features of other encoders, text + image where they are "
                f"two; {OWN!r} are those that the run was given, whose lines come back where they are also named. "
                f"Routers: {LIGHT_RULE}. Bars are skill with 95 % intervals; the sheet has the paired differences."
            ),
            sheet=_sheet(fits, one_seed_note(setting, results)),
            drawing=_chart(fits),
        )
        return StudyReport(exhibits=(exhibit,), gaps=(*usable.gaps, *_gaps(grid, results)))


def usable_encoders(setting: Setting) -> Usable:
    """Tries every registered encoder, with the parameters that the run gives it."""
    shelf = setting.registry.encoders
    reads: dict[str, frozenset[str]] = {}
    gaps = []
    for item in shelf.specs():
        name = shelf.label(item)
        try:
            encoder = shelf.create(name)
            if hasattr(encoder, "demand_at_hand"):
                encoder.demand_at_hand()
        except MMRError as error:
            gaps.append(Gap(what=f"encoder {name}", reason=str(error)))
        else:
            reads[name] = frozenset(encoder.modalities)
    both, text, image = (
        tuple(name for name, modalities in reads.items() if modalities == wanted)
        for wanted in ({"text", "image"}, {"text"}, {"image"})
    )
    return Usable(both=both, text=text, image=image, gaps=tuple(gaps))


def pairs_of(setting: Setting, usable: Usable) -> dict[str, EncoderPair]:
    """The pairs by label: those of the run, each encoder of both modalities, the default with another for one of
    them, and each of text alone with each of images alone. On tables of one modality, every encoder that reads it.
    """
    shelf = setting.registry.encoders
    default = shelf.label(shelf.default())
    pairs = {OWN: EncoderPair()}
    if not datasets_with_images(setting):
        return {**pairs, **{name: EncoderPair(text=name) for name in (*usable.both, *usable.text)}}
    if not datasets_with_text(setting):
        return {**pairs, **{name: EncoderPair(image=name) for name in (*usable.both, *usable.image)}}
    mixed = [(text, image) for text in usable.text for image in (default, *usable.image)]
    mixed += [(default, image) for image in usable.image]
    pairs |= {name: EncoderPair(text=name, image=name) for name in usable.both}
    pairs |= {f"{text} + {image}": EncoderPair(text=text, image=image, align="pad") for text, image in mixed}
    return pairs


def _column(setting: Setting) -> DatasetSpec:
    return widest_multimodal(setting) if multimodal_columns(setting) else setting.widest


def _grid(setting: Setting, pairs: Mapping[str, EncoderPair]) -> dict[str, dict[str, Cell]]:
    """By pair and router; those of the run are cells that other tables have."""
    routers = [name for name in light_learners(setting) if fusion_of(setting, name) is not None]
    if not routers:
        raise Unavailable("no light router of the run reads fused features", fix="add one with --router")
    column, seed = _column(setting).name, setting.seeds[0]
    return {
        label: {router: Cell(test=column, router=router, seed=seed, encoders=pair) for router in routers}
        for label, pair in pairs.items()
    }


def _gaps(grid: Mapping[str, Mapping[str, Cell]], results: Results) -> Iterable[Gap]:
    """What failed: one gap for each pair and reason."""
    failed = {cell_key(failure.cell): failure.reason for failure in results.failures}
    for label, row in grid.items():
        reasons: dict[str, list[str]] = {}
        for router, cell in row.items():
            if (reason := failed.get(cell_key(cell))) is not None:
                reasons.setdefault(reason, []).append(router)
        for reason, routers in reasons.items():
            yield Gap(what=f"{', '.join(routers)} with the encoders {label}", reason=reason)


def _chart(fits: Mapping[str, Mapping[str, list[CellRecord]]]) -> Chart:
    routers = tuple(next(iter(fits.values())))
    series = [_bars(label, row, routers) for label, row in fits.items()]
    panel = Panel(
        title="skill by encoders",
        x=Axis(label="router", categories=routers),
        y=Axis(label="skill"),
        series=tuple(one for one in series if one.x),
    )
    return Chart(panels=(panel,), legend_title="encoders")


def _bars(label: str, row: Mapping[str, list[CellRecord]], routers: tuple[str, ...]) -> Series:
    known = [
        (float(place), e.value, e.value if e.low is None else e.low, e.value if e.high is None else e.high)
        for place, router in enumerate(routers)
        if (e := averaged(row[router], "skill")).value is not None
    ]
    x, y, low, high = zip(*known, strict=True) if known else ((), (), (), ())
    return Series(name=label, kind="bars", x=x, y=y, low=low, high=high)


def _sheet(fits: Mapping[str, Mapping[str, list[CellRecord]]], note: str) -> Sheet:
    """A group of lines per pair; the best of each column is that of all pairs and routers."""
    parts = []
    for label, row in fits.items():
        lines = []
        for router, records in row.items():
            own = fits[OWN][router]
            gains = [Entry() if label == OWN else gain(records, own, metric) for metric in ("nauc", "skill")]
            entries = (*(figure(records, metric) for metric in METRICS), *gains)
            lines.append(Line(label=router, entries=entries))
        parts.append((label, Sheet(header=HEADER, lines=tuple(lines), notes=(note, SKILL, WIDTHS, NOT_FETCHED))))
    return marked(grouped(parts), ("higher", "higher", "higher", "lower", None, None))
