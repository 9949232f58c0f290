"""Table 3: what adaptive fusion gains over the equal-weight mean, router by router, on the same draws."""

from __future__ import annotations

from collections.abc import Iterable

from mmr_core.specs import DatasetSpec
from mmr_core.studies import Cell, Entry, Exhibit, Line, Results, Setting, Sheet, StudyReport, Unavailable
from mmr_plugins.published import rows
from mmr_plugins.studies import paper
from mmr_plugins.studies.lineup import fusion_of, learners, over_seeds, widest_multimodal
from mmr_plugins.studies.measured import Measured, figure, gain, protocol_note
from mmr_plugins.studies.overall import SKILL

EQUAL, ADAPTIVE = "average", "adaptive"
DIFFERENCES = (("nauc", "difference in nAUC"), ("skill", "difference in skill"), ("peak", "difference in peak score"))
SAME_AS_S4 = (
    "In all digits that table S4 prints, the published QNC with adaptive fusion is that of table S4 over all datasets: "
    "of kmeans for kmeans, but of mlp-mf for mlp and of linear-mf for linear. The paper's lines for these two may thus "
    "change the router along with the fusion; here the router stays the same."
)


class FusionGain:
    """Table 3 of the paper for every router of the run that reads fused features."""

    title = "Table 3: adaptive against equal-weight fusion"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Both fusions for every router that wants one, on the widest column with both modalities.

        :raises Unavailable: if no column has both modalities, or no router of the run reads fused features.
        """
        return _cells(setting)

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """One sheet: differences, and the QNC of both sides.

        :raises Unavailable: as `cells`, or if nothing was measured.
        """
        measured = Measured(setting, results)
        cells = _cells(setting)
        measured.demand_some(cell for cell in cells if cell.router)
        column = widest_multimodal(setting)
        lines = [_line(measured, column, router) for router in _fused(setting)]
        sheet = Sheet(
            header=("router", *(title for _, title in DIFFERENCES), "QNC equal-weight", "QNC adaptive"),
            lines=(*lines, *_published()),
            notes=(
                protocol_note(setting, results),
                "Differences are adaptive minus equal-weight, above 0 where adaptive is better.",
                SKILL,
                SAME_AS_S4,
                *paper.notes(setting),
            ),
        )
        exhibit = Exhibit(
            name="table3",
            title=f"Adaptive minus equal-weight fusion on {column.title}",
            caption="The same router with adaptive fusion (Eqs. S2-S6) and with the equal-weight mean of the two "
            "embeddings (Eq. S10), subtracted draw by draw, so that an interval that leaves out 0 is a decision.",
            sheet=sheet,
        )
        return StudyReport(exhibits=(exhibit,), gaps=measured.gaps(cells), remarks=paper.remarks(setting))


def _fused(setting: Setting) -> list[str]:
    found = [router for router in learners(setting) if fusion_of(setting, router) is not None]
    if not found:
        raise Unavailable("no router of the run reads fused features", fix="add one with --router")
    return found


def _side(setting: Setting, column: DatasetSpec, router: str, fusion: str) -> Cell:
    """The router with a fusion; its own is left unnamed, so that other tables share the fit."""
    own = fusion_of(setting, router) == fusion
    return Cell(test=column.name, router=router, fusion=None if own else fusion)


def _cells(setting: Setting) -> list[Cell]:
    column = widest_multimodal(setting)
    cells = [Cell(test=column.name)]
    for router in _fused(setting):
        for fusion in (EQUAL, ADAPTIVE):
            cells += over_seeds(_side(setting, column, router, fusion), setting)
    return cells


def _line(measured: Measured, column: DatasetSpec, router: str) -> Line:
    equal, adaptive = (measured.fits(_side(measured.setting, column, router, fusion)) for fusion in (EQUAL, ADAPTIVE))
    return Line(
        label=router,
        entries=(
            *(gain(adaptive, equal, metric) for metric, _ in DIFFERENCES),
            figure(equal, "qnc"),
            figure(adaptive, "qnc"),
        ),
    )


def _published() -> list[Line]:
    return [
        Line(
            label=row["router"],
            entries=(
                Entry(value=float(row["delta_nauc"]), digits=4, signed=True),
                Entry(),
                Entry(value=float(row["delta_peak"]), digits=4, signed=True),
                Entry(value=float(row["qnc_equal"]), digits=4),
                Entry(value=float(row["qnc_adaptive"]), digits=4),
            ),
            group=paper.PUBLISHED,
            published=True,
        )
        for row in rows("table3")
    ]
