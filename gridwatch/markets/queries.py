"""Reading markets: which a person reaches, their stalls, checklists, rounds, and how far spot checks disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from gridwatch.domain.errors import Refusal
from gridwatch.domain.items import Catalogue, Forms, Version
from gridwatch.domain.permits import Actor, Role, Scope
from gridwatch.domain.spot_checks import Point, compare
from gridwatch.items.queries import catalogue
from gridwatch.markets.models import Checklist, Market, MarketFinding, MarketRound, SpotDraw, Stall
from gridwatch.people.reach import in_area, in_grids, within

MARKET_REACH = {Scope.AREA: in_area(Market.area_path), Scope.GRID: in_grids(Market.grid_code)}
_Spot = tuple[str, str]  # round, stall


def markets_within(actor: Actor, operation: str = "market.read") -> Select[Any]:
    """The markets that the actor reaches by an operation."""
    return within(select(Market), actor, operation, MARKET_REACH)


def market_in_reach(session: Session, actor: Actor, operation: str, code: str, *, lock: bool = False) -> Market:
    """The market with this code, locked if asked. Raises 404 `market.not_found` where there is none within reach."""
    statement = markets_within(actor, operation).where(Market.code == code)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    market = session.scalar(statement)
    if market is None:
        raise Refusal("market.not_found", market=code)
    return market


def in_use(on: date) -> ColumnElement[bool]:
    """The condition that a stall is in use on the local day `on`; both its days are included."""
    return or_(Stall.active_from.is_(None), Stall.active_from <= on) & or_(
        Stall.active_to.is_(None), Stall.active_to >= on
    )


def stalls_of(session: Session, market: str) -> list[Stall]:
    """Every stall that a market ever had, by number."""
    return list(session.scalars(select(Stall).where(Stall.market_code == market).order_by(Stall.number)))


def checklists_of(session: Session, market: str) -> list[Checklist]:
    """Every version of a market's checklist, the oldest first."""
    return list(session.scalars(select(Checklist).where(Checklist.market_code == market).order_by(Checklist.version)))


def checklist_on(versions: Sequence[Checklist], on: date) -> Checklist | None:
    """The version that is asked on the local day `on`; before the first day of all, the first one."""
    begun = [one for one in versions if one.effective_on <= on]
    return begun[-1] if begun else next(iter(versions), None)


def named(known: Catalogue, name: str) -> Version | None:
    """The published item version of a name like `RG05B@1`, None where there is none or it was withdrawn."""
    code, _, number = name.partition("@")
    version = known.version(code, int(number)) if number.isdecimal() else None
    return None if version is None or version.withdrawn else version


def forms_of(session: Session, items: Iterable[str]) -> Forms:
    """Code → form of the item versions of a checklist, in its order."""
    known = catalogue(session)
    found = (named(known, name) for name in items)
    return {version.item["code"]: version.item for version in found if version is not None}


def draw_of(session: Session, actor: Actor, code: str, month: str) -> SpotDraw:
    """The spot check of a market in a month, for those who may know what is drawn: never a market manager, whatever else he is.

    Raises 404 `market.not_found`, 404 `market.draw_not_found`, 403 `market.own`.
    """
    market = market_in_reach(session, actor, "market.draws", code)
    if Role.MARKET_MANAGER in actor.roles:
        raise Refusal("market.own")
    found = session.get(SpotDraw, (market.code, month))
    if found is None:
        raise Refusal("market.draw_not_found", market=code, month=month)
    return found


def rounds_of(actor: Actor, market: str) -> Select[Any]:
    """The rounds of a market; of checks a market manager is shown none."""
    statement = select(MarketRound).where(MarketRound.market_code == market)
    return statement.where(MarketRound.draw_month.is_(None)) if Role.MARKET_MANAGER in actor.roles else statement


def findings_of(session: Session, rounds: Iterable[str]) -> dict[str, list[MarketFinding]]:
    """Round → what it found, by stall."""
    statement = select(MarketFinding).where(MarketFinding.round_id.in_(list(rounds)))
    found: dict[str, list[MarketFinding]] = {}
    for finding in session.scalars(statement.order_by(MarketFinding.round_id, MarketFinding.stall)):
        found.setdefault(finding.round_id, []).append(finding)
    return found


def round_before(session: Session, market: str, stall: str, at: datetime) -> str | None:
    """The manager's newest round of a stall that had arrived at a moment, None where there is none."""
    statement = (
        select(MarketRound.id)
        .join(MarketFinding, MarketFinding.round_id == MarketRound.id)
        .where(
            MarketRound.market_code == market,
            MarketRound.draw_month.is_(None),
            MarketRound.received_at <= at,
            MarketFinding.stall == stall,
        )
    )
    return session.scalar(statement.order_by(MarketRound.received_at.desc(), MarketRound.id.desc()).limit(1))


def checks_of(session: Session, markets: Iterable[str], month: str) -> list[tuple[MarketRound, MarketFinding]]:
    """The checks of drawn stalls in a month, with the check that each belongs to, by market and stall."""
    statement = (
        select(MarketRound, MarketFinding)
        .join(MarketFinding, MarketFinding.round_id == MarketRound.id)
        .where(MarketRound.market_code.in_(list(markets)), MarketRound.draw_month == month)
        .order_by(MarketRound.market_code, MarketFinding.stall)
    )
    return [(check, finding) for check, finding in session.execute(statement).all()]


def compared(session: Session, checks: Sequence[tuple[MarketRound, MarketFinding]]) -> dict[_Spot, list[Point]]:
    """(check, stall) → the points on which manager and worker can be compared; a stall without a round before it is left out.

    The round may have been made on an earlier version of the checklist: what both ask is compared, on the form of the check.
    """
    rounds = {finding.compared_with for _, finding in checks if finding.compared_with is not None}
    said = {(one.round_id, one.stall): one.payload for rows in findings_of(session, rounds).values() for one in rows}
    forms = _forms_by_checklist(session, [check for check, _ in checks])
    return {
        (check.id, finding.stall): compare(
            said[finding.compared_with, finding.stall], finding.payload, forms[check.market_code, check.checklist]
        )
        for check, finding in checks
        if finding.compared_with is not None
    }


def _forms_by_checklist(session: Session, rounds: Iterable[MarketRound]) -> Mapping[tuple[str, int], Forms]:
    wanted = {(one.market_code, one.checklist) for one in rounds}
    return {key: forms_of(session, session.get_one(Checklist, key).items) for key in sorted(wanted)}


def draws_in(session: Session, markets: Iterable[str], month: str) -> list[SpotDraw]:
    """The draws that were made in a month in these markets, by market."""
    statement = select(SpotDraw).where(
        SpotDraw.market_code.in_(list(markets)), SpotDraw.month == month, SpotDraw.drawn_at.is_not(None)
    )
    return list(session.scalars(statement.order_by(SpotDraw.market_code)))


def last_version(session: Session, market: str) -> int:
    """The number of a market's newest checklist, 0 without any."""
    return session.scalar(select(func.max(Checklist.version)).where(Checklist.market_code == market)) or 0
