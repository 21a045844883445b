"""The ledger of a made-up city: open leads at every desk (those of `duties`), many more closed ones, and everybody signed in.

Closed leads have their assignment, two duties that were met and an event, and lie over three years. All is written by the database.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Column, Connection, Date, Integer, MetaData, Table, select, text

from bench import duties
from bench.city import DEPARTMENTS_A_STREET, City, build_areas, build_grids, build_people
from gridwatch.db.base import Instant
from gridwatch.db.engine import dialect_of
from gridwatch.domain.worktime import CHINA, WorkCalendar
from gridwatch.people import tokens
from gridwatch.people.models import AccessToken, Device, SignIn, User

_CLOSED_FIRST = 1_000_000  # so that all numbers have the same length, and stand before those of open leads
_DAYS = 750  # over which closed leads were reported, up to half a year ago
_DAY = Table(
    "bench_day", MetaData(), Column("d", Integer, primary_key=True), Column("day", Date), Column("at", Instant),
    Column("later", Date), Column("later_at", Instant),
)  # fmt: skip

# Of the leads that communities have, a quarter is only reported and a quarter waits at the street's desk.
_DESKS = {1: ("reported", "triage_c"), 2: ("street", "triage_s")}
_OPEN = (
    "UPDATE lead SET grid_code = community_code || '001'",
    *(
        statement
        for quarter, (state, kind) in _DESKS.items()
        for statement in (
            f"UPDATE lead SET state = '{state}', handler_id = NULL "
            f"WHERE state = 'community' AND CAST(substr(id, 6) AS INTEGER) % 4 = {quarter}",
            f"UPDATE obligation SET kind = '{kind}' WHERE lead_id IN (SELECT id FROM lead WHERE state = '{state}')",
        )
    ),
)

_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
_OF_LEAD = "FROM n JOIN bench_day d ON d.d = n.i % :days JOIN bench_place p ON p.n = n.i % :places"
_ID = f"({_CLOSED_FIRST} + n.i)"
_M = "(n.i % :units)"
_CLOSED = (
    "CREATE TABLE bench_place AS SELECT row_number() OVER (ORDER BY code) - 1 AS n, code AS community, path, parent_code AS street "
    "FROM area WHERE level = 'community'",
    f"""
    INSERT INTO lead (id, rev, no, state, category, title, description, address_text, street_code, community_code, grid_code,
        area_path, source, reporter_id, reported_at, round, bounces, returns, handlings, flags, evidence, outcome, closed_at)
    {_NUMBERS}
    SELECT 'done-' || {_ID}, 9, 'XS0' || {_ID}, 'closed', 'XS03', '无照经营的便利店，第' || n.i || '户', '',
        p.street || '路' || (n.i % 997) || '号', p.street,
        p.community, p.community || '001', p.path, 'worker', 'worker-' || p.community || '001', d.at, 1, 0, 0, 1, '[]', '[]',
        'licensed', d.later_at
    {_OF_LEAD}
    """,
    f"""
    INSERT INTO assignment (id, lead_id, round, department_code, role, state, pushed_at, push_on, officer_id, intervened_on, copies,
        duty, legal_basis)
    {_NUMBERS}
    SELECT 'done-' || {_ID}, 'done-' || {_ID}, 1, 'D' || p.street || CASE WHEN {_M} < 10 THEN '0' ELSE '' END || {_M}, 'lead',
        'closed', d.at, d.day, NULL, d.day, '[]', '', ''
    {_OF_LEAD}
    """,
    *(
        f"""
        INSERT INTO obligation (id, lead_id, assignment_id, kind, k, round, anchor_on, days, due_on, provisional, calendar_version,
            policy_version, created_at, cause)
        {_NUMBERS}
        SELECT 'done-' || {_ID} || '-{kind}', 'done-' || {_ID}, 'done-' || {_ID}, '{kind}', 1, 1, d.day, {days}, d.later,
            :no, 1, 1, d.at, 'T13'
        {_OF_LEAD}
        """
        for kind, days in (("intervene", 5), ("feedback", 15))
    ),
    *(
        f"""
        INSERT INTO obligation_end (obligation_id, how, cause, on_day, at)
        {_NUMBERS}
        SELECT 'done-' || {_ID} || '-{kind}', 'met', '{cause}', d.later, d.later_at {_OF_LEAD}
        """
        for kind, cause in (("intervene", "T20"), ("feedback", "T21"))
    ),
    f"""
    INSERT INTO event (chain, no, at, actor_id, act, subject_kind, subject_id, version, data, previous, hash)
    {_NUMBERS}
    SELECT p.community, n.i / :places + 1, d.later_at, 'community_dispatcher-' || p.community, 'lead.pass', 'lead', 'done-' || {_ID},
        9, '{{"act":"pass"}}', :mark, :mark
    {_OF_LEAD}
    """,
    "INSERT INTO event_chain (chain, length, head) SELECT chain, max(no), :mark FROM event GROUP BY chain "
    "ON CONFLICT (chain) DO UPDATE SET length = excluded.length",
    "DROP TABLE bench_place",
)  # fmt: skip


def build(
    connection: Connection, city: City, calendar: WorkCalendar, today: date, *, closed: int, open_: int
) -> dict[str, str]:
    """Write the city with so many closed leads and at least `open_` open duties; returns the access tokens by user id."""
    build_areas(connection, city)
    build_people(connection, city)
    build_grids(connection, city)
    duties.build(connection, city, calendar, today, open_=open_, due=min(1_000, open_ // 10))
    for statement in _OPEN:
        connection.execute(text(statement))
    if connection.dialect.name == "postgresql":  # all of it is ours: no foreign key has to be looked up for each row
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    _DAY.create(connection)
    dialect_of(connection).bulk_insert(
        connection, _DAY, [_day(n, today - timedelta(days=180 + _DAYS - n)) for n in range(_DAYS)]
    )
    bound = {
        "last": closed - 1, "days": _DAYS, "places": len(city.communities), "units": DEPARTMENTS_A_STREET, "mark": "0" * 64, "no": False,
    }  # fmt: skip
    for statement in _CLOSED:
        connection.execute(text(statement), {name: value for name, value in bound.items() if f":{name}" in statement})
    _DAY.drop(connection)
    return sign_in(connection)


def _day(number: int, on: date) -> dict[str, object]:
    later = on + timedelta(days=20)
    at, later_at = (datetime.combine(one, time(10), CHINA).astimezone(UTC) for one in (on, later))
    return {"d": number, "day": on, "at": at, "later": later, "later_at": later_at}


def sign_in(connection: Connection) -> dict[str, str]:
    """Everybody on a browser of her own."""
    now = datetime.now(UTC)
    until = now + timedelta(days=30)
    people = list(connection.scalars(select(User.id)))
    bearers = {one: tokens.new_access_token() for one in people}
    rows = {
        Device: [
            {"id": one, "user_id": one, "name": "浏览器", "platform": "browser", "app_build": 17, "first_seen_at": now, "last_seen_at": now}
            for one in people
        ],
        SignIn: [
            {"id": one, "user_id": one, "device_id": one, "generation": 0, "used": [], "refresh_expires_at": until, "started_at": now}
            for one in people
        ],
        AccessToken: [
            {"hash": tokens.fingerprint(bearer), "sign_in_id": one, "expires_at": until} for one, bearer in bearers.items()
        ],
    }  # fmt: skip
    for model, values in rows.items():
        dialect_of(connection).bulk_insert(connection, model.__table__, values)
    return bearers
