"""The ablation of encoders: which take part, with whom, why others do not, and what is compared with what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmr_core.errors import MissingExtraError
from mmr_core.features import FeatureCache
from mmr_core.features.selection import FeatureChoice
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.results import cell_key
from mmr_core.runner.options import Options
from mmr_core.runner.sources import Sources, view_of
from mmr_core.studies import Cell, EncoderPair, Unavailable, run_cells
from mmr_plugins.studies.encoder_ablation import OWN, EncoderAblation, Usable, pairs_of, usable_encoders

LITE = EncoderPair(text="lite", image="lite")
MIXED = EncoderPair(text="tfidf", image="lite", align="pad")


@pytest.fixture
def few(monkeypatch):
    """`few(name=...)`: the encoders that there are: None for the real one, a stand-in, or what making it raises."""

    def choose(**encoders):
        known = {name.replace("_", "-"): made for name, made in encoders.items()}
        real_specs, real_create = ComponentShelf.specs, ComponentShelf.create

        def specs(shelf):
            found = real_specs(shelf)
            return [item for item in found if item.name in known] if shelf.word == "encoder" else found

        def create(shelf, name, **parameters):
            if shelf.word != "encoder" or known.get(name) is None:
                return real_create(shelf, name, **parameters)
            if isinstance(known[name], Exception):
                raise known[name]
            return known[name]

        monkeypatch.setattr(ComponentShelf, "specs", specs)
        monkeypatch.setattr(ComponentShelf, "create", create)

    return choose


class Reads:
    """An encoder that says what it reads, and whether its weights are here."""

    def __init__(self, *modalities, missing=None):
        self.modalities = modalities
        self.missing = missing

    def demand_at_hand(self):
        if self.missing is not None:
            raise self.missing


def test_lite_and_tfidf_with_lite_are_always_there_and_need_no_weights(setting_of, few):
    few(lite=None, tfidf=None)
    setting = setting_of()
    usable = usable_encoders(setting)
    assert usable == Usable(both=("lite",), text=("tfidf",), image=(), gaps=())
    assert pairs_of(setting, usable) == {OWN: EncoderPair(), "lite": LITE, "tfidf + lite": MIXED}


def test_what_lacks_its_library_or_its_weights_is_a_gap_with_the_reason(setting_of, few):
    few(
        lite=None,
        clip=MissingExtraError("encoder 'clip' needs PyTorch"),
        timm=Reads("image", missing=MissingExtraError("its weights are elsewhere")),
        sentence_transformers=Reads("text"),
    )
    usable = usable_encoders(setting_of())
    assert (usable.both, usable.text, usable.image) == (("lite",), ("sentence-transformers",), ())
    assert [(gap.what, gap.reason) for gap in usable.gaps] == [
        ("encoder clip", "encoder 'clip' needs PyTorch"),
        ("encoder timm", "its weights are elsewhere"),
    ]


def test_encoders_of_one_modality_meet_the_default_and_each_other(setting_of):
    usable = Usable(both=("lite", "clip"), text=("tfidf", "words"), image=("pixels",), gaps=())
    labels = list(pairs_of(setting_of(), usable))
    assert labels == [
        OWN,
        "lite",
        "clip",
        "tfidf + lite",
        "tfidf + pixels",
        "words + lite",
        "words + pixels",
        "lite + pixels",
    ]


def test_a_table_of_one_modality_gets_the_encoders_that_read_it(setting_of):
    usable = Usable(both=("lite",), text=("tfidf",), image=("pixels",), gaps=())
    text = setting_of(datasets=("gsm8k", "arc"))
    assert list(pairs_of(text, usable)) == [OWN, "lite", "tfidf"]
    assert pairs_of(text, usable)["tfidf"] == EncoderPair(text="tfidf")
    drawn = setting_of(datasets=("mathverse",))
    blank = replace(drawn, table=replace(drawn.table, question=_blank(drawn)))
    assert list(pairs_of(blank, usable)) == [OWN, "lite", "pixels"]


def _blank(setting):
    empty = setting.table.question.copy()
    empty[:] = ""
    return empty


def test_light_routers_with_fused_features_run_with_every_pair(setting_of, few):
    few(lite=None, tfidf=None)
    setting = setting_of(routers=("random", "knn", "mlp", "linear"), seeds=(5, 6))
    cells = list(EncoderAblation().cells(setting))
    pairs = (EncoderPair(), LITE, MIXED)
    assert [(cell.encoders, cell.router) for cell in cells] == [
        (pair, router) for pair in pairs for router in ("knn", "linear")
    ]
    assert {(cell.test, cell.seed) for cell in cells} == {("full", 5)}
    assert cell_key(cells[0]) == cell_key(Cell(test="full", router="knn", seed=5))


def test_differences_are_paired_with_the_encoders_of_the_run(setting_of, made_up, few):
    few(lite=None, tfidf=None)
    setting = setting_of(routers=("knn", "linear"))
    results = made_up(EncoderAblation().cells(setting))
    (shown,) = EncoderAblation().report(setting, results).exhibits
    lines = {(line.group, line.label): line.entries for line in shown.sheet.lines}
    assert len(lines) == 6
    for router in ("knn", "linear"):
        own, mixed = (results.where(router=router, encoders=pair)[0] for pair in (EncoderPair(), MIXED))
        assert [entry.value for entry in lines[OWN, router][4:]] == [None, None]
        for entry, metric in zip(lines["tfidf + lite", router][4:], ("nauc", "skill"), strict=True):
            gaps = sorted(mixed.draws[metric] - own.draws[metric])
            assert (entry.value, entry.low, entry.high) == pytest.approx(
                (mixed.metrics[metric] - own.metrics[metric], gaps[0], gaps[38])
            )
    best = max(results, key=lambda record: round(record.metrics["nauc"], 3))
    marked = [(line.group, line.label) for line in shown.sheet.lines if line.entries[0].mark == "best"]
    assert len(marked) == 1
    assert lines[marked[0]][0].value == best.metrics["nauc"]


def test_bars_stand_at_their_routers_one_series_per_pair(setting_of, made_up, few):
    few(lite=None, tfidf=None)
    setting = setting_of(routers=("knn", "linear"))
    cells = list(EncoderAblation().cells(setting))
    results = made_up(cells, failed=lambda cell: cell.encoders == MIXED and cell.router == "knn")
    report = EncoderAblation().report(setting, results)
    (panel,) = report.exhibits[0].drawing.panels
    assert panel.x.categories == ("knn", "linear")
    assert {one.name: one.x for one in panel.series} == {OWN: (0, 1), "lite": (0, 1), "tfidf + lite": (1,)}
    assert [(gap.what, gap.reason) for gap in report.gaps] == [
        ("knn with the encoders tfidf + lite", "it was made to fail")
    ]


def test_it_is_unavailable_without_a_router_of_fused_features_or_a_result(setting_of, made_up, few):
    few(lite=None)
    with pytest.raises(Unavailable, match="no router of the run learns"):
        EncoderAblation().cells(setting_of(routers=("random",)))
    setting = setting_of(routers=("knn",))
    with pytest.raises(Unavailable, match="made to fail"):
        EncoderAblation().report(setting, made_up(EncoderAblation().cells(setting), failed=lambda cell: True))


def test_measured_for_real_the_default_named_is_the_default_and_unequal_widths_are_no_hindrance(
    setting_of, few, tmp_path
):
    few(lite=None, tfidf=None)
    setting = setting_of(datasets=("mathverse", "mathvision"), each=40, images=True, routers=("knn",), seeds=(0,))
    sources = Sources(
        FeatureChoice(), Registry.discover(), view=view_of(setting.table), cache=FeatureCache(tmp_path / "cache")
    )
    results = run_cells(EncoderAblation().cells(setting), setting, source_for=sources, options=Options(draws=20))
    assert not results.failures
    (shown,) = EncoderAblation().report(setting, results).exhibits
    lines = {line.group: line.entries for line in shown.sheet.lines}
    assert [entry.value for entry in lines["lite"][:4]] == [entry.value for entry in lines[OWN][:4]]
    assert lines["lite"][4].value == 0
    assert lines["tfidf + lite"][0].value is not None
