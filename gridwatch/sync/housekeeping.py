"""What the scheduler does for sync, a bounded portion at each call: held items, old outcomes, tombstones, snapshots.

Every function flushes and leaves the commit to its caller; run twice, or by two processes, it does no harm.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.db import feed
from gridwatch.db.feed import FeedRow, FeedScope
from gridwatch.domain.worktime import local_day
from gridwatch.sync import queries, snapshots, words
from gridwatch.sync.judging import release
from gridwatch.sync.models import Item, RefusedItem

WAITS = timedelta(days=3)
SHOWN = timedelta(days=90)
PORTION = 500
_REMEMBER = text(
    "INSERT INTO feed_forgotten (scope, kind, doc_id) SELECT scope, kind, doc_id FROM feed_row "
    "WHERE scope = :scope AND seq <= :last AND op = 'leave' AND changed_on < :horizon ON CONFLICT DO NOTHING"
)


def release_overdue(session: Session, now: datetime) -> dict[str, int]:
    """Apply held items whose dependency has come by another road, and hand those that waited three days to a person."""
    # All of them at once: there are rarely more than a few.
    held = session.scalars(select(Item).where(Item.outcome == words.HELD).order_by(Item.no)).all()
    done = {"applied": 0, "to_review": 0}
    for item in held:
        actor = queries.sender(session, item, local_day(now))
        if actor is not None and release(session, item, actor, current_calendar(session), now):
            done["applied"] += 1
        elif item.received_at <= now - WAITS:
            item.outcome, item.code, item.waits_for = words.REVIEW, "dependency_missing", []
            done["to_review"] += 1
    session.flush()
    return done


def age_out_outcomes(session: Session, now: datetime) -> int:
    """Take the outcome documents of items that came more than 90 days ago off the phones. The items stay."""
    old = select(Item).where(Item.shown, Item.received_at < now - SHOWN).order_by(Item.received_at).limit(PORTION)
    items = session.scalars(old).all()
    for item in items:
        item.shown = False
    session.flush()
    return len(items) + _age_out_refusals(session, now)


def _age_out_refusals(session: Session, now: datetime) -> int:
    old = select(RefusedItem).where(RefusedItem.at < now - SHOWN).order_by(RefusedItem.at).limit(PORTION)
    refused = session.scalars(old).all()
    came = {item.id for item in queries.stored_items(session, [one.id for one in refused])}
    gone = [feed.Document("outcome", one.id, 0, frozenset(), {}) for one in refused if one.id not in came]
    feed.stage(session, gone)
    for one in refused:
        session.delete(one)
    session.flush()
    return len(gone)


def purge_tombstones(session: Session, now: datetime, tombstone_days: int) -> int:
    """Take the `leave` rows beyond the horizon out of the feed; each scope remembers up to which seq, so that no phone misses it,
    and the names of the documents are kept for clients that only take documents."""
    horizon = (local_day(now) - timedelta(days=tombstone_days)).isoformat()
    left = (FeedRow.op == "leave", FeedRow.changed_on < horizon)
    purged = 0
    for scope, last in session.execute(
        select(FeedRow.scope, func.max(FeedRow.seq))
        .where(*left)
        .group_by(FeedRow.scope)
        .order_by(FeedRow.scope)
        .limit(PORTION)
    ).all():
        session.execute(
            update(FeedScope).where(FeedScope.scope == scope, FeedScope.purged_to < last).values(purged_to=last)
        )
        session.execute(_REMEMBER, {"scope": scope, "last": last, "horizon": horizon})
        purged += session.execute(delete(FeedRow).where(FeedRow.scope == scope, FeedRow.seq <= last, *left)).rowcount
    return purged


def clean_snapshots(session: Session, now: datetime) -> int:
    """Drop builds that nobody needs any more."""
    return snapshots.clean(session, now)
