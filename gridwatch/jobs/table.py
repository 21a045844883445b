"""Every job of Gridwatch: its name, how often it is due, and where its function lives.

A function takes the clock's time and returns counts of what it did. It commits for itself, in batches, and may be running
in several processes at once; what must happen once is kept single by rows, never by the scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

EACH_TICK, HOURLY = timedelta(0), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `function` is looked up when it runs, so that a broken one does not stop the others."""

    name: str
    every: timedelta
    function: str


# In this order: who owes it and by when, then what is said about that, then what leaves.
JOBS: tuple[Job, ...] = (
    Job("departments", EACH_TICK, "gridwatch.jobs.work:inherit_assignments"),
    Job("transfers", EACH_TICK, "gridwatch.jobs.work:apply_transfers"),
    Job("dates", EACH_TICK, "gridwatch.jobs.work:recompute_dates"),
    Job("reminders", EACH_TICK, "gridwatch.jobs.work:write_reminders"),
    Job("digests", EACH_TICK, "gridwatch.jobs.work:write_digests"),
    Job("delivery", EACH_TICK, "gridwatch.jobs.work:deliver_notices"),
    Job("held_items", EACH_TICK, "gridwatch.jobs.work:release_held_items"),
    Job("messages", EACH_TICK, "gridwatch.jobs.work:send_messages"),
    Job("campaigns", EACH_TICK, "gridwatch.jobs.work:make_campaign_targets"),
    Job("cycles", EACH_TICK, "gridwatch.jobs.work:plan_cycles"),
    Job("intake", EACH_TICK, "gridwatch.jobs.work:take_in_drops"),
    Job("sign_ins", HOURLY, "gridwatch.jobs.work:clean_sign_ins"),
    Job("public_use", HOURLY, "gridwatch.jobs.work:forget_public_use"),
    Job("feed", HOURLY, "gridwatch.jobs.work:clean_feed"),
    Job("snapshots", HOURLY, "gridwatch.jobs.work:prepare_snapshots"),
    Job("files", HOURLY, "gridwatch.jobs.work:sweep_files"),
)

HEARTBEAT = "reminders"  # the job whose last run shows that a scheduler is alive
