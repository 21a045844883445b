"""Who calls with a phone, and where the scopes stand that the phone may hold today: both from one statement.

A quiet pull is what phones ask most, thousands of times an hour. It is answered from this alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

from sqlalchemy import func, literal, true
from sqlalchemy.orm import aliased

from gridwatch.db import quick
from gridwatch.db.feed import FeedScope
from gridwatch.domain.permits import Actor
from gridwatch.people.actors import ACTOR, actor_from, asked_of
from gridwatch.people.models import GridDuty, User
from gridwatch.sync.models import ServerState


class Standing(NamedTuple):
    """How a scope stands: its counter, number of live documents, digest as a signed integer, and what was purged."""

    counter: int = 0
    docs: int = 0
    digest: int = 0
    purged_to: int = 0


@dataclass(frozen=True, slots=True)
class Caller(Actor):
    """The signed-in person with the feed as this request found it: the epoch, and each scope that the phone may hold today.

    `scopes` are `user:<id>` and `grid:<code>` for each grid on duty, leave covers included (sync-protocol, section 3).
    """

    epoch: str = ""
    scopes: dict[str, Standing] = field(default_factory=dict)

    @property
    def own_scope(self) -> str:
        """The scope of the person alone."""
        return f"user:{self.id}"


def standing_of(scope: type[FeedScope]) -> list[func.coalesce]:
    """The columns of a Standing; zeros where the scope has no row yet."""
    return [func.coalesce(column, 0) for column in (scope.counter, scope.docs, scope.digest, scope.purged_to)]


_OWN, _GRIDS = aliased(FeedScope), aliased(FeedScope)
_WHO = len(ACTOR.selected_columns)
_CALLER = (
    ACTOR.add_columns(ServerState.epoch, *standing_of(_OWN), *standing_of(_GRIDS))
    .join(ServerState, true())
    .outerjoin(_OWN, _OWN.scope == literal("user:").concat(User.id))
    .outerjoin(_GRIDS, _GRIDS.scope == literal("grid:").concat(GridDuty.grid_code))
)


def caller_of_token(token: str) -> Caller:
    """The person behind an access token, as `actor_of_token` knows him, with the feed. Raises 401 `auth.expired`."""
    rows = quick.rows(_CALLER, asked_of(token))
    actor = actor_from(rows)
    epoch, *own = rows[0][_WHO : _WHO + 5]
    scopes = {f"user:{actor.id}": Standing(*own)}
    for row in rows:
        if row[_WHO - 1] is not None:
            scopes[f"grid:{row[_WHO - 1]}"] = Standing(*row[_WHO + 5 :])
    return Caller(*(getattr(actor, one.name) for one in fields(Actor)), epoch, scopes)
