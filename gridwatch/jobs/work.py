"""What the jobs do: small units of work, each committed, until nothing is left that is due. Any number of processes may run them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from flask import current_app
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.campaigns import queries as campaigns
from gridwatch.campaigns import service as making
from gridwatch.complaints import limits
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.worktime import CHINA, local_day
from gridwatch.exchange import dropping
from gridwatch.files import sweeping
from gridwatch.leads import digest, reminders
from gridwatch.leads import recompute as recomputing
from gridwatch.leads import service as leads
from gridwatch.notices import outbox
from gridwatch.notices import service as notices
from gridwatch.notices.channels import CHANNELS, switched_on
from gridwatch.notices.outbound import Undelivered
from gridwatch.people import sign_in
from gridwatch.sync import housekeeping, snapshots
from gridwatch.sync.pull import NEWEST_SCHEMA
from gridwatch.tasks import cycles
from gridwatch.tasks import dues as task_dues
from gridwatch.transfers import service as transfers

DUTIES_A_BATCH = 500
NOTICES_A_BATCH = 1_000
SMALL_HOURS = range(2, 6)  # of the day in China
GRIDS_A_TICK = 5_000
PLANNING_S = 30  # seconds of a tick that planning visits has: reminders must not wait for it
SENDING_S = 20  # seconds of a tick that each channel has

Did = dict[str, int]


def inherit_assignments(now: datetime) -> Did:
    """Hand what abolished departments had to their successors, with the same push (domain.md §4b, edge case (f))."""
    return _until_done(
        lambda session: leads.inherit(session, leads.moment(session, SYSTEM, now, current_calendar(session)))
    )


def apply_transfers(now: datetime) -> Did:
    """Move what stands in grids whose last day has passed, and finish handovers that a dead process left open."""
    return transfers.run_due(now)


def recompute_dates(now: datetime) -> Did:
    """Hold open dates of leads and of first checks against a calendar that was imported since (rulings R3, R11)."""
    did = Counter(
        _until_done(
            lambda session: recomputing.recompute(
                session, leads.moment(session, SYSTEM, now, current_calendar(session)), limit=DUTIES_A_BATCH
            )
        )
    )
    first_checks = _until_done(
        lambda session: task_dues.recompute(
            session, current_calendar(session), today=local_day(now), at=now, limit=DUTIES_A_BATCH
        )
    )
    did.update({f"first_checks_{name}": count for name, count in first_checks.items()})
    return dict(did)


def write_reminders(now: datetime) -> Did:
    """Write the reminders that are due, and make the feedback windows whose day has come (rulings R8, R9, R13)."""
    did: Counter[str] = Counter()
    after = None
    while True:
        with transaction() as session:
            batch = reminders.write_due(
                session, now=now, calendar=current_calendar(session), limit=DUTIES_A_BATCH, after=after
            )
        did.update(batch.did)
        after = batch.last
        if after is None:
            return dict(did)


def deliver_notices(now: datetime) -> Did:
    """Let notices leave inside the sending window (ruling R13)."""

    def batch(session: Session) -> Did:
        calendar = current_calendar(session)
        return notices.deliver(
            session,
            now=now,
            calendar=calendar,
            ended=reminders.ended,
            held=reminders.held(local_day(now)),
            resting=reminders.resting(now, calendar),
            channels=switched_on(current_app.config["GRIDWATCH"]),
            limit=NOTICES_A_BATCH,
        )

    return _until_done(batch)


def write_digests(now: datetime) -> Did:
    """Write the digest of the morning, once a work day (ruling R13)."""
    with transaction() as session:
        return digest.write(
            session,
            now=now,
            calendar=current_calendar(session),
            channels=switched_on(current_app.config["GRIDWATCH"]),
        )


def send_messages(now: datetime) -> Did:
    """Send what the outbox holds, one channel after the other: {"sent", "failed", "given_up"}.

    A channel whose way is closed is left until the next tick, and none takes longer than its share of it: a dead provider
    must not make the next reminders late. No transaction is open while a provider is asked.
    """
    settings: Settings = current_app.config["GRIDWATCH"]
    did: Counter[str] = Counter(sent=0, failed=0, given_up=0)
    for name in sorted(switched_on(settings)):
        send, until = CHANNELS[name].open(settings), time.monotonic() + SENDING_S
        outcome: str | Undelivered = ""
        while time.monotonic() < until and not (isinstance(outcome, Undelivered) and outcome.down):
            with transaction() as session:
                claimed = outbox.claim(session, name, now)
            if claimed is None:
                break
            try:
                outcome = send(claimed.letter)
            except Undelivered as problem:
                outcome = problem
            with transaction() as session:
                did[outbox.note(session, claimed, outcome, now)] += 1
    return dict(did)


def release_held_items(now: datetime) -> Did:
    """Apply pushed items whose dependency has come, and hand to a person those that waited too long (sync-protocol, 4)."""
    with transaction() as session:
        return housekeeping.release_overdue(session, now)


def make_campaign_targets(now: datetime) -> Did:
    """Make the targets of campaigns that have begun, grid by grid; what one tick has no time for is left to the next one."""
    did, until = Counter(grids=0, targets=0), time.monotonic() + PLANNING_S
    with transaction() as session:
        waiting = campaigns.waiting(session, local_day(now))
    for campaign_id, grid_code in waiting:
        with transaction() as session:
            did.update(grids=1, targets=making.make_targets(session, campaign_id, grid_code, now=now))
        if time.monotonic() > until:
            break
    return dict(did)


def plan_cycles(now: datetime) -> Did:
    """Make the cyclic visits of the day, grid by grid; what one tick has no time for is left to the next one."""
    did, until = Counter(grids=0, visits=0), time.monotonic() + PLANNING_S
    with transaction() as session:
        waiting = cycles.grids_to_plan(session, now, GRIDS_A_TICK)
    for grid_code in waiting:
        with transaction() as session:
            did.update(grids=1, visits=cycles.plan_grid(session, grid_code, current_calendar(session), now=now))
        if time.monotonic() > until:
            break
    return dict(did)


def take_in_drops(now: datetime) -> Did:
    """Take in the files that the register dropped into the folder of the setting, and write their receipts (docs/intake.md)."""
    settings: Settings = current_app.config["GRIDWATCH"]
    return dropping.take_in_folder(Path(settings.intake_dir), now) if settings.intake_dir else {"files": 0}


def clean_sign_ins(now: datetime) -> Did:
    """Forget what expired of sign-ins."""
    with transaction() as session:
        return sign_in.clean(session, now)


def forget_public_use(now: datetime) -> Did:
    """Forget how often the public pages were used, once nothing hangs on it any more."""
    with transaction() as session:
        return {"forgotten": limits.forget(session, now)}


def clean_feed(now: datetime) -> Did:
    """Age out old outcomes, forget that documents left long ago, drop snapshots that nobody needs any more."""
    settings: Settings = current_app.config["GRIDWATCH"]
    portions: dict[str, Callable[[Session], int]] = {
        "outcomes": lambda session: housekeeping.age_out_outcomes(session, now),
        "tombstones": lambda session: housekeeping.purge_tombstones(session, now, settings.tombstone_days),
        "snapshots": lambda session: housekeeping.clean_snapshots(session, now),
    }
    did: Counter[str] = Counter(dict.fromkeys(portions, 0))
    for name, portion in portions.items():
        while True:
            with transaction() as session:
                done = portion(session)
            did[name] += done
            if not done:
                break
    return dict(did)


def prepare_snapshots(now: datetime) -> Did:
    """In the small hours, build the snapshots that phones would ask for if all of them began anew in the morning."""
    if now.astimezone(CHINA).hour not in SMALL_HOURS:
        return {"built": 0}
    return {"built": snapshots.prepare(db.session(), NEWEST_SCHEMA, now)}


def sweep_files(now: datetime) -> Did:
    """Drop uploads that nobody goes on with, files that nothing ever named, and stray bytes (sync-protocol, 5)."""
    settings: Settings = current_app.config["GRIDWATCH"]
    did = _until_done(lambda session: sweeping.sweep(session, settings, now))
    with transaction() as session:
        return {**did, "strays": sweeping.sweep_strays(session, settings, now)}


def _until_done(batch: Callable[[Session], Did]) -> Did:
    """Run batches, each its own transaction, until one takes nothing; returns the sums of what they did."""
    did: Counter[str] = Counter()
    while True:
        with transaction() as session:
            done = batch(session)
        did.update(done)
        if not done["taken"]:
            return dict(did)
