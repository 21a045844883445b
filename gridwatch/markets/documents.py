"""What phones hold of markets: the document kind `market`, in the scope of its grid.

What is drawn for a spot check is not in it: the manager's phone holds it too. Workers ask the API for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.db.feed import Document
from gridwatch.domain.worktime import local_day
from gridwatch.markets.models import Checklist, Market, Stall
from gridwatch.markets.queries import checklist_on, checklists_of, stalls_of
from gridwatch.places.documents import grid_scope
from gridwatch.web.clock import now


def due_on(stall: Stall, checklist: Checklist | None) -> date | None:
    """The local day on which a stall is due to be looked at; None without a checklist."""
    if checklist is None:
        return None
    if stall.last_round_on is not None:
        return stall.last_round_on + timedelta(days=checklist.every_days)
    return max(checklist.effective_on, stall.active_from or checklist.effective_on)


def market_documents(session: Session, markets: list[Market]) -> Iterable[Document]:
    """One document a market: its stalls, each with the day on which it is due, and the checklist of today and those to come."""
    today = local_day(now())
    for market in markets:
        versions = checklists_of(session, market.code)
        current = checklist_on(versions, today)
        body = {
            "name": market.name,
            "grid_code": market.grid_code,
            "last_round_on": market.last_round_on,
            "checklists": [_checklist(one) for one in versions if current and one.version >= current.version],
            "stalls": [
                _stall(stall, current)
                for stall in stalls_of(session, market.code)
                if stall.active_to is None or stall.active_to >= today
            ],
        }
        yield Document("market", market.code, market.rev, frozenset({grid_scope(market.grid_code)}), body)


def _checklist(one: Checklist) -> dict[str, Any]:
    return {
        "version": one.version, "items": one.items, "every_days": one.every_days, "effective_on": one.effective_on,
    }  # fmt: skip


def _stall(stall: Stall, checklist: Checklist | None) -> dict[str, Any]:
    return {
        "number": stall.number, "name": stall.name, "entity_id": stall.entity_id, "active_from": stall.active_from,
        "active_to": stall.active_to, "due_on": due_on(stall, checklist),
    }  # fmt: skip


RENDERERS = {Market: market_documents}
