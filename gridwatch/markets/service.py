"""Opening markets, their stalls and checklists, the manager's rounds, and spot checks. Every verb locks the market's row first."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db import feed
from gridwatch.db.session import savepoint
from gridwatch.domain.errors import Refusal
from gridwatch.domain.form_rules import Problem, problem
from gridwatch.domain.permits import Actor, Role
from gridwatch.domain.spot_checks import draw
from gridwatch.domain.worktime import local_day
from gridwatch.entities.models import Entity
from gridwatch.items.queries import catalogue
from gridwatch.markets import queries
from gridwatch.markets.models import Checklist, Market, MarketFinding, MarketRound, SpotDraw, Stall
from gridwatch.markets.reading import MONTH, MOST_STALLS, Look, read_looks
from gridwatch.places.models import Grid
from gridwatch.places.queries import grid_in_reach

MOST_ITEMS = 6


def open_market(session: Session, code: str, name: str, grid_code: str, *, actor: Actor, at: datetime) -> Market:
    """Make a grid a market. The same again gives what is there. Flushes.

    Raises 404 `grid.not_found`; 409 `market.exists` where the code has another grid or name, or the grid another market.
    """
    grid = grid_in_reach(session, actor, "market.manage", grid_code, local_day(at))
    session.execute(select(Grid.code).where(Grid.code == grid.code).with_for_update())
    there = session.scalar(select(Market).where((Market.code == code) | (Market.grid_code == grid.code)))
    if there is None:
        market = Market(code=code, name=name, grid_code=grid.code, area_path=grid.area_path)
        with suppress(IntegrityError), savepoint(session):  # of two who bring the same code, the second finds the first
            session.add(market)
            session.flush()
            _record(session, market, "market.opened", actor, at, {"name": name, "grid": grid.code})
            return market
        there = session.get(Market, code)
    if there is None or (there.code, there.name, there.grid_code) != (code, name, grid.code):
        raise Refusal("market.exists", market=code, grid=grid.code)
    return there


def keep_stalls(
    session: Session, code: str, stalls: Sequence[Mapping[str, Any]], *, actor: Actor, at: datetime
) -> list[Stall]:
    """Add stalls, or change those that are there: {number, name, entity_id, active_from, active_to}. Flushes; returns all stalls.

    A stall that is not named stays as it is; one that closes gets its last day, since rounds speak of it. Raises 404
    `market.not_found`, 422 `market.stalls_invalid` with the paths, having changed nothing.
    """
    market = queries.market_in_reach(session, actor, "market.manage", code, lock=True)
    known = {stall.number: stall for stall in queries.stalls_of(session, code)}
    if problems := _stall_problems(session, market, stalls, known):
        raise Refusal("market.stalls_invalid", fields=problems)
    for told in stalls:
        stall = known.get(told["number"])
        if stall is None:
            stall = known[told["number"]] = Stall(market_code=code, number=told["number"])
            session.add(stall)
        stall.name, stall.entity_id = told["name"], told["entity_id"]
        stall.active_from, stall.active_to = told["active_from"], told["active_to"]
    feed.touch(market)
    session.flush()
    said = [{name: None if told[name] is None else str(told[name]) for name in _STALL} for told in stalls]
    _record(session, market, "market.stalls_kept", actor, at, {"stalls": said})
    return queries.stalls_of(session, code)


_STALL = ("number", "name", "entity_id", "active_from", "active_to")


def _stall_problems(
    session: Session, market: Market, stalls: Sequence[Mapping[str, Any]], known: Collection[str]
) -> list[Problem]:
    problems = []
    seen: set[str] = set()
    wanted = {told["entity_id"] for told in stalls} - {None}
    here = Entity.area_path.startswith(market.area_path, autoescape=True)
    found = set(session.scalars(select(Entity.id).where(Entity.id.in_(wanted), here)))
    for place, told in enumerate(stalls):
        path, starts, ends = f"stalls[{place}]", told["active_from"], told["active_to"]
        if told["number"] in seen:
            problems.append(problem(f"{path}.number", "同一铺位填了两次", "this stall is told twice"))
        if told["entity_id"] is not None and told["entity_id"] not in found:
            zh, en = "本社区没有这个市场主体", "the community has no such entity"
            problems.append(problem(f"{path}.entity_id", zh, en))
        if starts is not None and ends is not None and ends < starts:
            problems.append(problem(f"{path}.active_to", "早于首日", "this is before the first day"))
        seen.add(told["number"])
    if len({*known} | seen) > MOST_STALLS:
        zh, en = f"一个市场最多 {MOST_STALLS} 个铺位", f"a market has {MOST_STALLS} stalls at most"
        problems.append(problem("stalls", zh, en))
    return problems


def publish_checklist(
    session: Session,
    code: str,
    items: Sequence[str],
    every_days: int,
    effective_on: date,
    *,
    actor: Actor,
    at: datetime,
) -> Checklist:
    """Publish the next version of a market's checklist: item versions by name (`RG05B@1`), one version of an item. Flushes.

    Raises 404 `market.not_found`; 422 `market.checklist_invalid` for an item version that is unknown, withdrawn or not yet in
    force on the first day, an item twice, or a first day before today or not after that of the version before.
    """
    market = queries.market_in_reach(session, actor, "market.manage", code, lock=True)
    before = queries.checklists_of(session, code)
    problems = _item_problems(session, items, effective_on)
    if effective_on < local_day(at):
        problems.append(problem("effective_on", "不能早于今天", "this cannot lie before today"))
    elif before and effective_on <= before[-1].effective_on:
        zh, en = f"应晚于 {before[-1].effective_on}", f"this must be after {before[-1].effective_on}"
        problems.append(problem("effective_on", zh, en))
    if problems:
        raise Refusal("market.checklist_invalid", fields=problems)
    checklist = Checklist(
        market_code=code, version=len(before) + 1, items=list(items), every_days=every_days, effective_on=effective_on,
        published_by=actor.id, published_at=at,
    )  # fmt: skip
    session.add(checklist)
    feed.touch(market)
    session.flush()
    told = {"checklist": checklist.version, "items": checklist.items, "every_days": every_days}
    _record(session, market, "market.checklist_published", actor, at, {**told, "effective_on": str(effective_on)})
    return checklist


def _item_problems(session: Session, items: Sequence[str], effective_on: date) -> list[Problem]:
    known, problems = catalogue(session), []
    seen: set[str] = set()
    for place, name in enumerate(items):
        version, path = queries.named(known, name), f"items[{place}]"
        if version is None:
            zh, en = f"没有发布过 {name}", f"{name} was never published"
            problems.append(problem(path, zh, en))
        elif not version.in_force(effective_on):
            zh, en = f"{name} 在 {effective_on} 不在用", f"{name} is not in force on {effective_on}"
            problems.append(problem(path, zh, en))
        elif version.item["code"] in seen:
            problems.append(problem(path, "同一事项填了两次", "this item is named twice"))
        else:
            seen.add(version.item["code"])
    return problems


# -- rounds and checks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoundReport:
    """A round as it came: `payload` is {market, checklist, stalls, draw}, `hashes` the SHA-256 of its files."""

    id: str
    payload: Mapping[str, Any]
    hashes: Sequence[str]
    performed_at: datetime | None
    received_at: datetime


def submit_round(session: Session, report: RoundReport, *, actor: Actor) -> Market:
    """Keep a manager's round, or with `draw` (a month) a worker's check of drawn stalls; returns the market. Flushes.

    `checklist` is the version that it was filled in on, the one in force on the day of arrival without. Nothing follows by
    itself: what fails is an offer (offers.py). A check is held against the manager's newest round of the stall that had
    arrived when it was made. Raises 404 `market.not_found`, `market.draw_not_found`; 403 `market.own` for a manager who would
    check himself; 409 `market.checked` for a stall whose check is there; 422 `market.round_invalid` with the paths.
    """
    code, month = report.payload.get("market"), report.payload.get("draw")
    operation = "market.round" if month is None else "market.check"
    if not isinstance(code, str):
        raise Refusal("market.not_found", market="")
    market = queries.market_in_reach(session, actor, operation, code, lock=True)
    checklist = _checklist_of(session, market, report)
    if month is None:
        stalls = {stall.number for stall in queries.stalls_of(session, code)}
    else:
        stalls = set(_draw_to_check(session, actor, market, month).drawn or ())
    forms = queries.forms_of(session, checklist.items)
    looks, problems = read_looks(report.payload, forms, stalls, report.hashes)
    if month is not None and any(look.stall == "" for look in looks):
        problems.append(problem("stalls", "抽查只针对抽中的铺位", "a check is of drawn stalls"))
    if problems:
        raise Refusal("market.round_invalid", fields=problems)
    if month is not None:
        _refuse_second(session, code, month, looks)
    _keep_round(session, market, checklist, report, looks, actor)
    return market


def _checklist_of(session: Session, market: Market, report: RoundReport) -> Checklist:
    versions, number = queries.checklists_of(session, market.code), report.payload.get("checklist")
    if number is None:
        found = queries.checklist_on(versions, local_day(report.received_at))
    else:
        found = next((one for one in versions if type(number) is int and one.version == number), None)
    if found is None:
        zh, en = "本市场没有这一版作业清单", "this market has no such version of its checklist"
        raise Refusal("market.round_invalid", fields=[problem("checklist", zh, en)])
    return found


def _draw_to_check(session: Session, actor: Actor, market: Market, month: Any) -> SpotDraw:
    if Role.MARKET_MANAGER in actor.roles:
        raise Refusal("market.own")
    found = session.get(SpotDraw, (market.code, month)) if isinstance(month, str) and MONTH.fullmatch(month) else None
    if found is None or found.drawn is None:
        raise Refusal("market.draw_not_found", market=market.code, month=str(month)[:20])
    return found


def _refuse_second(session: Session, code: str, month: str, looks: Sequence[Look]) -> None:
    there = {finding.stall for _, finding in queries.checks_of(session, [code], month)}
    again = sorted(there & {look.stall for look in looks})
    if again:
        raise Refusal("market.checked", month=month, stalls=again)


def _keep_round(
    session: Session, market: Market, checklist: Checklist, report: RoundReport, looks: Sequence[Look], actor: Actor
) -> None:
    month, at = report.payload.get("draw"), report.performed_at or report.received_at
    session.add(
        MarketRound(
            id=report.id, market_code=market.code, checklist=checklist.version, draw_month=month, by_user=actor.id,
            performed_at=report.performed_at, received_at=report.received_at,
        )
    )  # fmt: skip
    session.flush()
    for look in looks:
        before = None if month is None else queries.round_before(session, market.code, look.stall, at)
        session.add(
            MarketFinding(
                round_id=report.id, stall=look.stall, payload=look.payload, photos=look.photos, compared_with=before
            )
        )
    if month is None:
        _note_day(session, market, {look.stall for look in looks}, local_day(at))
    session.flush()
    act = "market.round_made" if month is None else "market.stalls_checked"
    told = {"item": report.id, "checklist": checklist.version, "draw": month}
    seen = [{"stall": look.stall, "photos": look.photos, **look.payload} for look in looks]
    _record(session, market, act, actor, report.received_at, {**told, "stalls": seen})


def _note_day(session: Session, market: Market, numbers: Collection[str], day: date) -> None:
    """Move on the day on which each was last looked at; a round that arrives late never moves it back."""
    chosen = session.scalars(select(Stall).where(Stall.market_code == market.code, Stall.number.in_(numbers)))
    for one in (market, *chosen):
        one.last_round_on = day if one.last_round_on is None else max(one.last_round_on, day)
    feed.touch(market)


# -- spot checks ------------------------------------------------------------------------------------------------------


def announce(session: Session, code: str, month: str, size: int, *, actor: Actor, at: datetime) -> SpotDraw:
    """Put the seed and the size of a month's draw on record, before it. Asked again, it gives what is there. Flushes.

    Raises 404 `market.not_found`; 422 `market.month_past`; 409 `market.announced` where another size stands on record.
    """
    market = queries.market_in_reach(session, actor, "market.draw", code, lock=True)
    there = session.get(SpotDraw, (code, month))
    if there is not None:
        if there.size != size:
            raise Refusal("market.announced", month=month, size=there.size)
        return there
    if month < f"{local_day(at):%Y-%m}":
        raise Refusal("market.month_past", month=month)
    seed = secrets.token_hex(16)
    there = SpotDraw(market_code=code, month=month, size=size, seed=seed, announced_by=actor.id, announced_at=at)
    session.add(there)
    session.flush()
    _record(session, market, "market.draw_announced", actor, at, {"month": month, "size": size, "seed": seed})
    return there


def make_draw(session: Session, code: str, month: str, *, actor: Actor, at: datetime) -> SpotDraw:
    """Draw the stalls of a month from those in use today, by the seed on record. Asked again, it gives what was drawn. Flushes.

    Raises 404 `market.not_found`, `market.draw_not_found` (no seed on record); 409 `market.not_its_month`, `market.no_stalls`.
    """
    market = queries.market_in_reach(session, actor, "market.draw", code, lock=True)
    there = session.get(SpotDraw, (code, month))
    if there is None:
        raise Refusal("market.draw_not_found", market=code, month=month)
    if there.drawn is not None:
        return there
    if month != f"{local_day(at):%Y-%m}":
        raise Refusal("market.not_its_month", month=month)
    used = select(Stall.number).where(Stall.market_code == code, queries.in_use(local_day(at)))
    population = sorted(session.scalars(used))
    if not population:
        raise Refusal("market.no_stalls", market=code)
    there.population = population
    there.drawn = draw(population, there.size, seed=there.seed, month=month, market=code)
    there.drawn_by, there.drawn_at = actor.id, at
    session.flush()
    told = {"month": month, "seed": there.seed, "population": population, "drawn": there.drawn}
    _record(session, market, "market.drawn", actor, at, told)
    return there


def _record(session: Session, market: Market, act: str, actor: Actor, at: datetime, data: dict[str, Any]) -> None:
    grid = session.get_one(Grid, market.grid_code)
    audit.record(
        session, chain=grid.community_code, act=act, subject=("market", market.code), actor_id=actor.id, at=at, data=data,
        version=market.rev,
    )  # fmt: skip
