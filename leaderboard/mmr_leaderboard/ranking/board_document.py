"""Assembles verdicts into the one document that is published: ranks, ties, tiers, references, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmr_core.numerics.bootstrap import LEVEL
from mmr_core.runner.provenance import library_versions
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX, ORACLE_UNAWARE
from mmr_core.specs import ORACLE, UNIFORM
from mmr_core.splits import SPLIT_NAME
from mmr_leaderboard.board import Board
from mmr_leaderboard.ranking.eligibility import JudgedSubmission, tier_of, unranked_because
from mmr_leaderboard.ranking.ranks import EntryRank, Pair, compare_pairs, rank_entries
from mmr_leaderboard.ranking.scoring import BoardScorer, Figures
from mmr_leaderboard.ranking.versions import Version, copies
from mmr_leaderboard.schema import (
    Audit,
    Comparison,
    DatasetFacts,
    Entry,
    Leaderboard,
    LimitFacts,
    PublishedFinding,
    Reference,
    Refused,
    RouterFacts,
    Settings,
    SourceFacts,
    StrictModel,
    TableFacts,
)

TITLES = {
    ORACLE: "Oracle, cost-aware",
    ORACLE_UNAWARE: "Oracle, cost-unaware",
    CONSTANT: "Constant: training means, query unseen",
    BEST_SINGLE: "Best single model",
    UNIFORM: "Random: a model drawn uniformly",
}


def assemble(
    board: Board,
    scorer: BoardScorer,
    references: Mapping[str, Figures],
    judged: Sequence[JudgedSubmission],
    refused: Sequence[Refused],
    *,
    limits: LimitFacts | None = None,
    versions: Sequence[Version] = (),
) -> Leaderboard:
    """Assembles the document of a board.

    :param references: figures of every reference row, by name, in the order of display.
    :param judged: every submission that was run or scored; those without figures are listed as refused.
    :param refused: submissions that were refused before anything ran.
    :param limits: what audits were read against; None if rows were not audited.
    :param versions: the history of the board, by which copies are told from originals.
    """
    shown = [one for one in judged if one.verdict.figures is not None]
    failed = [_failed(one) for one in judged if one.verdict.figures is None]
    reasons = {one.slug: unranked_because(one) for one in shown}
    ranked = sorted((one for one in shown if not reasons[one.slug]), key=_rank_key)
    others = sorted((one for one in shown if reasons[one.slug]), key=_rank_key)
    copied = copies(versions, *([(one.slug, one.digest) for one in part] for part in (ranked, others)))
    originals = [one for one in ranked if one.slug not in copied]
    draws = np.array([_draws(one) for one in originals], dtype=np.float64).reshape(len(originals), board.settings.draws)
    values = [_nauc(one) for one in originals]
    pairs = compare_pairs(values, draws)
    slugs = [one.slug for one in originals]
    places = dict(zip(slugs, rank_entries(values, draws, pairs), strict=True))
    ranked.sort(key=lambda one: (slugs.index(copied.get(one.slug, one.slug)), one.slug in copied, one.slug))
    return Leaderboard(
        title=board.settings.title,
        table=_table(board, scorer),
        settings=Settings(
            encoder=board.settings.encoder,
            draws=board.settings.draws,
            draw_seed=board.settings.draw_seed,
            level=LEVEL,
            pinned=board.pinned,
            versions=library_versions(),
        ),
        limits=limits,
        entries=(
            *(_entry(one, places[copied.get(one.slug, one.slug)], slugs, "", copied) for one in ranked),
            *(_entry(one, None, slugs, reasons[one.slug], copied) for one in others),
        ),
        references=tuple(_reference(name, figures, board) for name, figures in references.items()),
        refused=tuple(sorted([*refused, *failed], key=lambda one: one.slug)),
        comparisons=tuple(_comparison(pair, slugs) for pair in pairs),
    )


def pool_digest_of(board: Board) -> str:
    """The digest of the board's model pool, as submissions pin it."""
    from mmr_leaderboard.submission.pins import expected_of

    return expected_of(board.column, board.table).pins.pool


def _table(board: Board, scorer: BoardScorer) -> TableFacts:
    column, whole = board.column, scorer.whole
    names = [model.name for model in scorer.tested.models]
    own = scorer.datasets or (column.spec.name,)
    specs = [column.table.spec_of(name) for name in own]
    tested = list(scorer.tested.datasets)
    return TableFacts(
        source=board.table.source,
        synthetic=board.table.synthetic,
        column=column.spec.name,
        title=column.spec.title,
        digest=board.table.digest(),
        split=SPLIT_NAME,
        split_digest=column.split_digest,
        pool_digest=pool_digest_of(board),
        train=int(column.train.sum()),
        validation=int(column.validation.sum()),
        test=len(scorer.tested.utility),
        datasets=tuple(
            DatasetFacts(
                name=spec.name,
                title=spec.title,
                scenario=spec.scenario,
                test=tested.count(spec.name),
                models=scorer.models_of(spec.name),
            )
            for spec in specs
        ),
        models=scorer.models_of(column.spec.name),
        cheapest=names[whole.singles.cheapest],
        dearest=names[whole.singles.dearest],
        best=names[whole.singles.best],
        cost_low=whole.within.low,
        cost_high=whole.within.high,
    )


def _entry(
    one: JudgedSubmission,
    place: EntryRank | None,
    slugs: Sequence[str],
    unranked_because: str,
    copied: Mapping[str, str],
) -> Entry:
    manifest, verdict = one.manifest, one.verdict
    figures = verdict.figures
    if figures is None:
        raise ValueError(f"{one.slug} has no figures")
    return Entry(
        slug=one.slug,
        display_name=manifest.display_name,
        authors=manifest.authors,
        kind=manifest.kind,
        track=manifest.track,
        tier=tier_of(one),
        source=None
        if manifest.source is None
        else SourceFacts(
            url=manifest.source.url,
            commit=manifest.source.commit,
            license=manifest.source.license,
            open_source=manifest.source.open_source,
        ),
        router=_router(one),
        data_used=manifest.data_used,
        selection_data=manifest.selection_data,
        external_calls=manifest.external_calls,
        notes=manifest.notes,
        digest=one.digest,
        commit=one.commit,
        isolation=verdict.isolation,
        rank=None if place is None else place.rank,
        rank_low=None if place is None else place.low,
        rank_high=None if place is None else place.high,
        ties=() if place is None else tuple(slugs[at] for at in place.ties),
        copy_of=copied.get(one.slug, ""),
        unranked_because=unranked_because,
        **_published(figures, Entry),
        latency=verdict.latency,
        checks=verdict.checks,
        audit=Audit(
            statistics=verdict.statistics,
            flags=verdict.flags,
            signed_off={code: why for code, why in one.signed_off.items() if code in verdict.flags},
            revision_of=verdict.revision_of,
        ),
        findings=verdict.findings,
    )


def _router(one: JudgedSubmission) -> RouterFacts | None:
    router, ran = one.manifest.router, one.verdict.router
    if router is None:
        return None
    return RouterFacts(
        requirement=router.requirement,
        name=router.name,
        parameters=dict(router.params) if ran is None else ran.parameters,
        seed=router.seed,
        fusion=router.fusion if ran is None else ran.fusion,
        encoder=router.encoder,
    )


def _failed(one: JudgedSubmission) -> Refused:
    return Refused(slug=one.slug, display_name=one.manifest.display_name, findings=one.verdict.findings)


def refusal(slug: str, display_name: str, findings: Sequence[PublishedFinding]) -> Refused:
    """A submission that was refused before anything ran."""
    return Refused(slug=slug, display_name=display_name, findings=tuple(findings))


def _reference(name: str, figures: Figures, board: Board) -> Reference:
    titles = {f"{MODEL_PREFIX}{model.name}": model.title for model in board.table.models}
    return Reference(
        name=name,
        title=TITLES.get(name) or titles.get(name, name),
        **_published(figures, Reference),
    )


def _published(figures: Figures, row: type[StrictModel]) -> dict[str, Any]:
    """The figures that a row publishes: those for which it has a field of the same name."""
    return {name: getattr(figures, name) for name in Figures.model_fields if name in row.model_fields}


def _comparison(pair: Pair, slugs: Sequence[str]) -> Comparison:
    return Comparison(
        better=slugs[pair.better],
        worse=slugs[pair.worse],
        difference=pair.difference,
        low=pair.low,
        high=pair.high,
        p=pair.p,
        p_holm=pair.p_holm,
        decided=pair.decided,
    )


def _nauc(one: JudgedSubmission) -> float:
    value = None if one.verdict.figures is None else one.verdict.figures.metrics["nauc"].value
    if value is None:
        raise ValueError(f"{one.slug} has no nAUC")
    return value


def _draws(one: JudgedSubmission) -> list[float]:
    figures = one.verdict.figures
    return [] if figures is None else [np.nan if draw is None else draw for draw in figures.draws]


def _rank_key(one: JudgedSubmission) -> tuple[float, str]:
    return -_nauc(one), one.slug
