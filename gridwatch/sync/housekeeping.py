"""What the scheduler does for sync, a bounded portion at each call: held items, old outcomes, tombstones, snapshots.

Every function flushes and leaves the commit to its caller; run twice, or by two processes, it does no harm.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.db.feed import FeedRow, FeedScope
from gridwatch.domain.worktime import local_day
from gridwatch.sync import queries, snapshots, words
from gridwatch.sync.models import Item
from gridwatch.sync.service import release

WAITS = timedelta(days=3)
SHOWN = timedelta(days=90)
PORTION = 500


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
    return len(items)


def purge_tombstones(session: Session, now: datetime, tombstone_days: int) -> int:
    """Forget that documents left, after the horizon; each scope remembers up to which seq, so that no phone misses it."""
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
        purged += session.execute(delete(FeedRow).where(FeedRow.scope == scope, FeedRow.seq <= last, *left)).rowcount
    return purged


def clean_snapshots(session: Session, now: datetime) -> int:
    """Drop builds that nobody needs any more."""
    return snapshots.clean(session, now)
