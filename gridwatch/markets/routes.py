"""Markets over the API. Rounds and checks come from phones (`checklist.submit`); the community reviews their leads as all others."""

from __future__ import annotations

from typing import Any

from gridwatch.db.base import db
from gridwatch.domain.worktime import local_day
from gridwatch.markets import queries, schemas, service, views
from gridwatch.markets.models import Market, MarketRound
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import current_actor, permit, writes
from gridwatch.web.paging import page

blueprint = Blueprint(
    "markets", __name__, url_prefix="/api/v1", description="市场共治 markets that look after themselves"
)


@blueprint.get("/markets")
@blueprint.arguments(schemas.MarketsQuery, location="query")
@blueprint.response(200, schemas.MarketPage)
@permit("market.read")
def list_markets(query: dict[str, Any]) -> dict[str, Any]:
    """The markets within reach."""
    found = page(
        db.session(), queries.markets_within(current_actor()), [Market.code],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda market: [market.code],
    )  # fmt: skip
    return {**found, "items": [views.row(market) for market in found["items"]]}


@blueprint.post("/markets")
@blueprint.arguments(schemas.OpenMarketIn)
@blueprint.response(200, schemas.MarketOut)
@permit("market.manage")
@writes
def open_market(body: dict[str, Any]) -> dict[str, Any]:
    """Make a grid a market; the same again changes nothing."""
    session, at = db.session(), now()
    market = service.open_market(session, body["code"], body["name"], body["grid_code"], actor=current_actor(), at=at)
    return views.whole(session, market, local_day(at))


@blueprint.get("/markets/rates")
@blueprint.arguments(schemas.MonthQuery, location="query")
@blueprint.response(200, schemas.RatesOut)
@permit("market.draws")
def read_rates(query: dict[str, Any]) -> dict[str, Any]:
    """How far spot checks disagree with the managers' rounds, by market: a figure of markets, never of persons."""
    return {"month": query["month"], "items": views.rates(db.session(), current_actor(), query["month"])}


@blueprint.get("/markets/<string:code>")
@blueprint.response(200, schemas.MarketOut)
@permit("market.read", hidden="market.not_found")
def read_market(code: str) -> dict[str, Any]:
    """A market with its stalls, each with the day on which it is due, and its checklists. 404 `market.not_found`."""
    session = db.session()
    return views.whole(
        session, queries.market_in_reach(session, current_actor(), "market.read", code), local_day(now())
    )


@blueprint.post("/markets/<string:code>/stalls")
@blueprint.arguments(schemas.StallsIn)
@blueprint.response(200, schemas.MarketOut)
@permit("market.manage")
@writes
def keep_stalls(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Add stalls or change those that are there; a stall that is not named stays as it is."""
    session, at, actor = db.session(), now(), current_actor()
    service.keep_stalls(session, code, body["stalls"], actor=actor, at=at)
    return views.whole(session, queries.market_in_reach(session, actor, "market.manage", code), local_day(at))


@blueprint.post("/markets/<string:code>/checklists")
@blueprint.arguments(schemas.ChecklistIn)
@blueprint.response(200, schemas.ChecklistOut)
@permit("market.manage")
@writes
def publish_checklist(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Publish the next version of the checklist, from versions of department items."""
    return views.checklist(
        service.publish_checklist(
            db.session(), code, body["items"], body["every_days"], body["effective_on"], actor=current_actor(), at=now()
        )
    )


@blueprint.get("/markets/<string:code>/rounds")
@blueprint.arguments(schemas.RoundsQuery, location="query")
@blueprint.response(200, schemas.RoundPage)
@permit("market.read", hidden="market.not_found")
def list_rounds(query: dict[str, Any], code: str) -> dict[str, Any]:
    """The rounds of a market with what they offer; checks too, for those who may see them. 404 `market.not_found`."""
    session, actor = db.session(), current_actor()
    market = queries.market_in_reach(session, actor, "market.read", code)
    found = page(
        session, queries.rounds_of(actor, market.code), [MarketRound.id],
        cursor=query["cursor"], limit=query["limit"], key_of=lambda one: [one.id],
    )  # fmt: skip
    return {**found, "items": views.rounds(session, found["items"])}


@blueprint.post("/markets/<string:code>/draws")
@blueprint.arguments(schemas.AnnounceIn)
@blueprint.response(200, schemas.DrawOut)
@permit("market.draw")
@writes
def announce_draw(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Put the seed of a month's spot check on record, before anything is drawn; the same again changes nothing."""
    session = db.session()
    found = service.announce(session, code, body["month"], body["size"], actor=current_actor(), at=now())
    return views.spot_check(session, found)


@blueprint.post("/markets/<string:code>/draws/<string:month>/draw")
@blueprint.response(200, schemas.DrawOut)
@permit("market.draw")
@writes
def make_draw(code: str, month: str) -> dict[str, Any]:
    """Draw the stalls by the seed on record; again, it gives the same."""
    session = db.session()
    return views.spot_check(session, service.make_draw(session, code, month, actor=current_actor(), at=now()))


@blueprint.get("/markets/<string:code>/draws/<string:month>")
@blueprint.response(200, schemas.DrawOut)
@permit("market.draws", hidden="market.not_found")
def read_draw(code: str, month: str) -> dict[str, Any]:
    """A spot check: what was drawn, and each stall compared point by point. Not for market managers."""
    session = db.session()
    return views.spot_check(session, queries.draw_of(session, current_actor(), code, month))
