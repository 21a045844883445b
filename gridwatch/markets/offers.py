"""What a round or a check offers to become: for each transfer condition that a stall meets, a lead with what is known filled in.

`lead.report` names the round, the stall and the condition, as it names a visit (tasks/offers.py). A market manager's lead is
reviewed by the community first (R30); a worker's is a worker's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.domain.items import Forms, Met, transfers_met
from gridwatch.domain.offers import Offer
from gridwatch.entities.models import Entity
from gridwatch.markets.models import Checklist, Market, MarketFinding, MarketRound, Stall
from gridwatch.markets.queries import forms_of

MOST_EARLIER = 20  # looks at the same stall that are read for an earlier finding
_TITLE = 120


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the finding was made, in words, and whose it is."""

    about: str
    address: str
    entity_id: str | None
    grid_code: str


def offers_at(session: Session, round_: MarketRound, finding: MarketFinding) -> list[Offer]:
    """The leads that one stall of a round offers, in the order of its findings.

    A condition that counts only after a recheck (`after_recheck`) is offered when an earlier look at the stall found the same.
    """
    met = [one for one in _met(finding, _forms(session, round_)) if one.transfer["categories"]]
    if any(one.transfer.get("after_recheck") for one in met):
        before = {
            one.name
            for earlier, found in _earlier(session, round_, finding.stall)
            for one in _met(found, _forms(session, earlier))
        }
        met = [one for one in met if not one.transfer.get("after_recheck") or one.name in before]
    if not met:
        return []
    place = _place(session, round_.market_code, finding.stall)
    return [_offer(one, finding, place) for one in met]


def _forms(session: Session, round_: MarketRound) -> Forms:
    return forms_of(session, session.get_one(Checklist, (round_.market_code, round_.checklist)).items)


def _met(finding: MarketFinding, forms: Forms) -> Sequence[Met]:
    return transfers_met(finding.payload, forms)


def _earlier(session: Session, round_: MarketRound, stall: str) -> Iterable[tuple[MarketRound, MarketFinding]]:
    """The looks at a stall that had arrived before this one, the newest first."""
    statement = (
        select(MarketRound, MarketFinding)
        .join(MarketFinding, MarketFinding.round_id == MarketRound.id)
        .where(
            MarketRound.market_code == round_.market_code, MarketFinding.stall == stall, MarketRound.id != round_.id,
            MarketRound.received_at <= round_.received_at,
        )
        .order_by(MarketRound.received_at.desc(), MarketRound.id.desc())
        .limit(MOST_EARLIER)
    )  # fmt: skip
    return [(earlier, found) for earlier, found in session.execute(statement).all()]


def _place(session: Session, market_code: str, number: str) -> _Place:
    market = session.get_one(Market, market_code)
    stall = session.get(Stall, (market_code, number)) if number else None
    entity = session.get(Entity, stall.entity_id) if stall is not None and stall.entity_id else None
    where = f"{market.name}{number}"
    about = entity.name if entity is not None else stall.name if stall is not None and stall.name else where
    return _Place(about, where, entity.id if entity is not None else None, market.grid_code)


def _offer(met: Met, finding: MarketFinding, place: _Place) -> Offer:
    said = [f"{met.title[0]}（{met.found}）"]
    if finding.payload.get("remarks"):
        said.append(finding.payload["remarks"])
    return Offer(
        name=met.name, categories=tuple(met.transfer["categories"]), title=f"{met.transfer['title']['zh']}：{place.about}"[:_TITLE],
        description="。".join(said), entity_id=place.entity_id, address_text=place.address, grid_code=place.grid_code, place=None,
        evidence=tuple(finding.photos),
    )  # fmt: skip
