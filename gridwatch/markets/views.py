"""What the market routes answer, as plain values: a market with what is due, its rounds, its draws, and the rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.domain.offers import Offer
from gridwatch.domain.permits import Actor
from gridwatch.domain.spot_checks import Point, Rate, rate_of
from gridwatch.markets import queries
from gridwatch.markets.documents import due_on
from gridwatch.markets.models import Checklist, Market, MarketRound, SpotDraw, Stall
from gridwatch.markets.offers import offers_at
from gridwatch.places.documents import managers_of


def whole(session: Session, market: Market, today: date) -> dict[str, Any]:
    """A market with everything that stands of it, and when each stall is due."""
    versions = queries.checklists_of(session, market.code)
    current = queries.checklist_on(versions, today)
    return {
        **row(market),
        "managers": managers_of(session, [market.grid_code], today)[market.grid_code],
        "checklist": current.version if current else None,
        "checklists": [checklist(one) for one in versions],
        "stalls": [stall(one, current) for one in queries.stalls_of(session, market.code)],
    }


def row(market: Market) -> dict[str, Any]:
    """A market in a list."""
    return {
        "code": market.code, "name": market.name, "grid_code": market.grid_code, "last_round_on": market.last_round_on,
        "rev": market.rev,
    }  # fmt: skip


def checklist(one: Checklist) -> dict[str, Any]:
    """One version of a checklist."""
    return {
        "version": one.version, "items": one.items, "every_days": one.every_days, "effective_on": one.effective_on,
        "published_at": one.published_at,
    }  # fmt: skip


def stall(one: Stall, current: Checklist | None) -> dict[str, Any]:
    """One stall and when it is due."""
    return {
        "number": one.number, "name": one.name, "entity_id": one.entity_id, "active_from": one.active_from,
        "active_to": one.active_to, "last_round_on": one.last_round_on, "due_on": due_on(one, current),
    }  # fmt: skip


def rounds(session: Session, found: Sequence[MarketRound]) -> list[dict[str, Any]]:
    """Rounds with what they found at each stall, and the leads that this offers. Nobody's name."""
    findings = queries.findings_of(session, [one.id for one in found])
    return [
        {
            "id": one.id, "checklist": one.checklist, "draw": one.draw_month, "performed_at": one.performed_at,
            "received_at": one.received_at,
            "stalls": [
                {"stall": each.stall, "findings": each.payload["findings"], "remarks": each.payload["remarks"] or "",
                 "photos": each.photos, "offers": [_offer(offer) for offer in offers_at(session, one, each)]}
                for each in findings.get(one.id, ())
            ],
        }
        for one in found
    ]  # fmt: skip


def _offer(offer: Offer) -> dict[str, Any]:
    return {"transfer": offer.name, "categories": list(offer.categories), "title": offer.title}


def spot_check(session: Session, found: SpotDraw) -> dict[str, Any]:
    """A month's spot check: seed, what was drawn, and each drawn stall with the comparison, point by point."""
    checks = queries.checks_of(session, [found.market_code], found.month)
    points = queries.compared(session, checks)
    of_stall = {finding.stall: (check, finding) for check, finding in checks}
    stalls = []
    for number in found.drawn or ():
        check, finding = of_stall.get(number, (None, None))
        told = points.get((check.id, number)) if check is not None else None
        stalls.append(
            {
                "stall": number, "check": check.id if check else None,
                "checked_at": (check.performed_at or check.received_at) if check else None,
                "round": finding.compared_with if finding else None,
                "points": None if told is None else [_point(one) for one in told],
            }
        )  # fmt: skip
    return {
        "market": found.market_code, "month": found.month, "size": found.size, "seed": found.seed,
        "announced_at": found.announced_at, "drawn_at": found.drawn_at, "population": found.population or [],
        "drawn": found.drawn or [], "stalls": stalls, "rate": rate(rate_of(chain.from_iterable(points.values()))),
    }  # fmt: skip


def _point(one: Point) -> dict[str, Any]:
    return {"point": one.name, "manager": one.manager, "worker": one.worker, "agrees": one.agrees}


def rates(session: Session, actor: Actor, month: str) -> list[dict[str, Any]]:
    """For each market in reach where stalls were drawn in a month, how many were checked, and the disagreement rate."""
    reach = queries.markets_within(actor, "market.draws").order_by(Market.code)
    markets = {market.code: market for market in session.scalars(reach)}
    checks = queries.checks_of(session, markets, month)
    points = queries.compared(session, checks)
    return [
        _rates_of(markets[one.market_code], one, [pair for pair in checks if pair[0].market_code == one.market_code], points)
        for one in queries.draws_in(session, markets, month)
    ]  # fmt: skip


def _rates_of(market: Market, found: SpotDraw, checks: Iterable[Any], points: dict[Any, list[Point]]) -> dict[str, Any]:
    keys = [(check.id, finding.stall) for check, finding in checks]
    told = [points[key] for key in keys if key in points]
    return {
        "market": market.code, "name": market.name, "month": found.month, "drawn": len(found.drawn or ()),
        "checked": len(keys), "without_round": len(keys) - len(told),
        "rate": rate(rate_of(chain.from_iterable(told))),
    }  # fmt: skip


def rate(one: Rate) -> dict[str, Any]:
    """A rate with its numerator and denominator."""
    return {"numerator": one.numerator, "denominator": one.denominator, "percent": one.percent, "text": one.text}
