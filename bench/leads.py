"""The lead loop among a million leads: one step, the inbox, the past, and a new calendar over open dates while others work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from contextvars import Context
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from itertools import count
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

import orjson
from flask import Flask
from sqlalchemy import func, select, text

from bench import asking, ledger
from bench.again import Statements
from bench.city import City, path_of, worker_of
from bench.databases import Place, settle, writing
from bench.load import build_calendar
from bench.machine import Others
from bench.scopes import Phone
from bench.table import Aim, Row
from bench.timing import Measured, alternate, measured, seconds
from gridwatch.calendars.queries import current_calendar
from gridwatch.calendars.service import NoticeDay, import_days
from gridwatch.db.base import db, new_id
from gridwatch.db.session import transaction
from gridwatch.domain.lead_words import Act
from gridwatch.domain.permits import SYSTEM, Actor, Grant, Role
from gridwatch.domain.worktime import DayKind
from gridwatch.leads import desk, history, service
from gridwatch.leads import recompute as recomputing
from gridwatch.leads.beginning import LeadReport, moment
from gridwatch.leads.models import Lead

TODAY = date(2026, 9, 22)
NOW = datetime(2026, 9, 22, 2, tzinfo=UTC)  # ten in the morning of a work day
SIZES = {  # closed leads; open duties, two to three a lead; open dates that are held against the new calendar
    ("postgis", "full"): (900_000, 235_000, 100_000), ("postgis", "small"): (9_000, 3_000, 1_000),
    ("spatialite", "full"): (90_000, 23_500, 10_000), ("spatialite", "small"): (9_000, 3_000, 1_000),
}  # fmt: skip
A_PAGE, A_BATCH, EVENTS = 50, 500, 200
FEEDBACK = {"stage": "rectifying", "progress": "已上门核实，正在办理", "next_step": "下周复查"}
STEP_IS = (
    "the very INSERTs, UPDATEs and DELETEs of such a step, sent again by the driver in one transaction: no sign-in, no reading, "
    "no rules, no answer"
)
INBOX_IS = "one select of the 50 rows and one of the counts, written by hand for this desk alone"
HOME_IS = f"{INBOX_IS}; no page"
RECOMPUTE_IS = "set statements in one transaction that write the same superseding rows; no rules, no events, no notices"
WAIT_IS = "the longest step with nothing else going on"
PAST_IS = "a select of the same events, each read as JSON"


class Step(NamedTuple):
    """A step that somebody is about to take over the API: who, on which lead, what."""

    bearer: str
    lead_id: str
    body: bytes


class Found(NamedTuple):
    """A figure to show: what, how much of it, ours beside the yardstick's, and the aim for ours."""

    what: str
    of: str
    both: tuple[Measured, Measured]
    unit: str
    bare_is: str
    aim: float


def run(place: Place) -> Iterator[Row]:
    """A step, the inbox, the past, a new calendar."""
    with ExitStack() as stack, Others(place.roots) as others:
        found = list(_found(place, stack.enter_context(place.app())))
    for one in found:
        (ours, bare), aim = one.both, Aim(one.aim) if place.kind == "postgis" else None
        yield Row("leads", one.what, place.kind, one.of, ours.median, one.unit, bare.median, one.bare_is, aim, ours.spread,
                  others.share)  # fmt: skip


def _found(place: Place, app: Flask) -> Iterator[Found]:
    closed, open_, dates = SIZES[place.kind, place.size]
    runs, calls = (1, 5) if place.small else (5, 40)
    town = Town(place, app, closed, open_)
    size = f"{town.leads:,} leads, {town.open_leads:,} open"

    def step(steps: Iterator[Step]) -> tuple[Measured, Measured]:
        return _both([partial(_median, way, steps, calls) for way in (town.take, town.take_bare)], runs)

    def ask(ours: Callable[[], float]) -> tuple[Measured, Measured]:
        return _both([partial(_p95, way, calls) for way in (ours, town.inbox_bare)], runs)

    yield Found("a step over the API: accept", size, step(town.accepts), "ms", STEP_IS, 10)
    yield Found("a step over the API: feedback", size, step(town.feedbacks), "ms", STEP_IS, 10)
    yield Found(f"inbox of a street dispatcher, {A_PAGE} with counts, p95", size, ask(town.inbox), "ms", INBOX_IS, 100)
    yield Found("the same as the page that people see (20), p95", size, ask(town.home), "ms", HOME_IS, 100)
    lead = town.long_lead(EVENTS)
    past = _both([lambda: town.past(lead), lambda: town.past_bare(lead)], runs * 3)
    yield Found("a lead as it was, from its events", f"{EVENTS} events", past, "ms", PAST_IS, 50)
    did = town.recompute(dates)
    of = f"{did.taken:,} open dates, {did.moved:,} moved"
    yield Found("a new calendar over open dates", of, _once(did.seconds, did.bare), "s", RECOMPUTE_IS, 60)
    of = f"{did.steps:,} steps meanwhile"
    yield Found("longest step meanwhile", of, _once(did.longest, did.longest_alone), "s", WAIT_IS, 1)


class Changed(NamedTuple):
    """What a new calendar did and how long it took (s): ours, the yardstick's, and the longest step meanwhile and without it."""

    taken: int
    moved: int
    seconds: float
    bare: float
    steps: int
    longest: float
    longest_alone: float


class Town:
    """A city with its leads and everybody signed in. Figures are in ms, those of `recompute` in s."""

    def __init__(self, place: Place, app: Flask, closed: int, open_: int) -> None:
        self.app = app
        clock = place.directory / "leads-clock"
        clock.write_text(NOW.isoformat())
        app.config["GRIDWATCH"] = replace(app.config["GRIDWATCH"], clock_file=str(clock))
        self.city = City(16, 20) if place.small else City(64, 50)
        build_calendar()
        calendar = current_calendar(db.session())
        db.session.rollback()
        with writing(db.engine) as connection:
            self.bearers = ledger.build(connection, self.city, calendar, TODAY, closed=closed, open_=open_)
        settle(db.engine)
        self.leads = db.session.scalar(select(func.count()).select_from(Lead)) or 0
        self.open_leads = self.leads - closed
        self._turn, self._statements = count(), Statements(db.engine)
        # All over the city; each is taken once.
        self.accepts, self.feedbacks = iter(list(self._accepts())), iter(list(self._feedbacks()))
        db.session.rollback()

    # -- a step -------------------------------------------------------------------------------------------------------

    def _accepts(self) -> Iterator[Step]:
        """Leads that a community dispatcher takes in."""
        rows = db.session.execute(text("SELECT id, community_code FROM lead WHERE state = 'reported' ORDER BY id"))
        for lead_id, community in _mixed(rows):
            inputs = {"handler": f"community_handler-{community}"}
            yield self._step(f"community_dispatcher-{community}", lead_id, "accept", inputs)

    def _feedbacks(self) -> Iterator[Step]:
        """Leads that a department is working on and reports of."""
        rows = db.session.execute(
            text("SELECT lead_id, officer_id FROM assignment WHERE state = 'working' ORDER BY lead_id")
        )
        for lead_id, officer in _mixed(rows):
            yield self._step(officer, lead_id, "feedback", FEEDBACK)

    def _step(self, who: str, lead_id: str, act: str, inputs: dict[str, Any]) -> Step:
        body = orjson.dumps({"act": act, "inputs": inputs, "expected_version": 1})
        return Step(self.bearers[who], lead_id, body)

    def take(self, step: Step) -> float:
        """Take it, answered and committed."""
        return 1_000 * self._ask("POST", f"/api/v1/leads/{step.lead_id}/steps", step.bearer, step.body)

    def take_bare(self, step: Step) -> float:
        """The yardstick: take it up to the commit, note what it wrote, roll it back, and send that again."""
        with self._statements.noted() as noted:
            self._ask("POST", f"/api/v1/leads/{step.lead_id}/steps", step.bearer, step.body)
        return 1_000 * self._statements.again(noted)

    def _ask(self, method: str, path: str, bearer: str, body: bytes = b"") -> float:
        """Seconds of a request, without any of the application context that the bench itself stands in."""
        environ = {**asking.within(Phone(bearer, "", {}), path, body), "REQUEST_METHOD": method}
        environ.pop("HTTP_ACCEPT_ENCODING")
        return Context().run(seconds, lambda: self._answered(environ))

    def _answered(self, environ: dict[str, Any]) -> None:
        told: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            told.append(status)
            return lambda data: None

        answer = self.app.wsgi_app(environ, start)
        with closing(answer):  # type: ignore[type-var]
            got = b"".join(answer)
        if not told[-1].startswith("200"):
            raise RuntimeError(f"a wrong answer: {told[-1]} {got[:500]!r}")

    # -- the inbox ----------------------------------------------------------------------------------------------------

    def home(self) -> float:
        """The page of a street dispatcher."""
        return 1_000 * self._ask("GET", "/home", self.bearers[f"street_dispatcher-{self._street()}"])

    def inbox(self) -> float:
        """The page of 50 and the counts, as the page asks for them."""
        street = self._street()
        actor = Actor("x", "", (Grant(Role.STREET_DISPATCHER, path_of(street)),))
        started = perf_counter()
        rows, counts, _ = desk.inbox(db.session(), actor, TODAY, limit=A_PAGE)
        taken = perf_counter() - started
        db.session.rollback()
        self._seen = street, [row.id for row in rows], counts
        return 1_000 * taken

    def inbox_bare(self) -> float:
        """The yardstick; it must find what `inbox` found."""
        street = self._seen[0] if hasattr(self, "_seen") else self._street()
        bound = {"low": path_of(street), "high": path_of(street)[:-1] + "0", "today": str(TODAY)}  # "0" follows "/"
        started = perf_counter()
        with db.engine.connect() as connection:
            rows = connection.execute(_INBOX, bound).all()
            clocks = connection.execute(_COUNTS, bound).one()
        taken = perf_counter() - started
        if hasattr(self, "_seen") and ([row[0] for row in rows], list(clocks)) != (
            self._seen[1],
            list(self._seen[2].values()),
        ):
            raise AssertionError("the inbox and the yardstick do not show the same")
        return 1_000 * taken

    def _street(self) -> str:
        return self.city.streets[next(self._turn) % len(self.city.streets)]

    # -- the past -----------------------------------------------------------------------------------------------------

    def long_lead(self, events: int) -> str:
        """A lead to which so much has happened, by the service: reported, taken in, handled again and again."""
        grid = self.city.grid_codes[0]
        in_community = path_of(grid[:12])
        worker = Actor(worker_of(grid), "", (Grant(Role.GRID_WORKER, in_community),), (grid,))
        dispatcher = Actor(f"community_dispatcher-{grid[:12]}", "", (Grant(Role.COMMUNITY_DISPATCHER, in_community),))
        handler = Actor(f"community_handler-{grid[:12]}", "", (Grant(Role.COMMUNITY_HANDLER, in_community),))
        told = LeadReport(
            new_id(),
            "XS04",
            "无证小餐馆",
            "现场经营",
            NOW,
            address_text="一号路1号",
            grid_code=grid,
            evidence=["a" * 64],
        )
        handled = {"measure": "guided", "narrative": "上门告知须办理食品经营许可，经营者表示配合"}
        with transaction() as session:
            service.report(session, told, actor=worker, calendar=current_calendar(session))
        steps: list[tuple[Actor, Act, dict[str, Any]]] = [(dispatcher, Act.ACCEPT, {"handler": handler.id})]
        for actor, act, inputs in steps + [(handler, Act.RECORD_HANDLING, handled)] * (events - 2):
            with transaction() as session:
                lead = session.get_one(Lead, told.id, with_for_update=True)
                service.take_step(session, lead, act, inputs, actor=actor, now=NOW, calendar=current_calendar(session))
        return told.id

    def past(self, lead_id: str) -> float:
        """The lead as it was after everything."""
        started = perf_counter()
        lead = history.lead_as_of(db.session(), lead_id, NOW)
        taken = perf_counter() - started
        if lead.handlings != lead.rev - 2:
            raise AssertionError(f"the past is wrong: {lead.handlings} handlings, version {lead.rev}")
        db.session.rollback()
        return 1_000 * taken

    def past_bare(self, lead_id: str) -> float:
        """The yardstick."""
        started = perf_counter()
        with db.engine.connect() as connection:
            found = connection.execute(_EVENTS, {"lead": lead_id}).all()
        told = [orjson.loads(data) for _, data in found]
        taken = perf_counter() - started
        if len(told) != EVENTS:
            raise AssertionError(f"{len(told)} events")
        return 1_000 * taken

    # -- a new calendar -----------------------------------------------------------------------------------------------

    def recompute(self, dates: int) -> Changed:
        """Two days off tomorrow and the day after: hold `dates` open dates against it while somebody takes steps."""
        off = [NoticeDay(date(2026, 9, day), DayKind.HOLIDAY, "放假", 2026) for day in (23, 24)]
        with transaction() as session:
            import_days(session, off, source="bench", actor_id=SYSTEM.id, at=NOW)
        did = {"taken": 0, "moved": 0}

        def batches() -> None:
            while did["taken"] < dates:
                with transaction() as session:
                    at = moment(session, SYSTEM, NOW)
                    one = recomputing.recompute(session, at, limit=min(A_BATCH, dates - did["taken"]))
                if not one["taken"]:
                    raise AssertionError(f"only {did['taken']} dates were open")
                did["taken"] += one["taken"]
                did["moved"] += one["moved"]

        with _Writer(self) as meanwhile:
            taken = seconds(batches)
        with _Writer(self) as alone:
            threading.Event().wait(min(taken, 20.0))
        return Changed(
            did["taken"],
            did["moved"],
            taken,
            self._recompute_bare(),
            len(meanwhile.took),
            max(meanwhile.took),
            max(alone.took),
        )

    def _recompute_bare(self) -> float:
        """The yardstick: what was written is superseded once more, by rows that lie ready."""
        with writing(db.engine) as connection:
            for statement in _READY:
                connection.execute(text(statement))
        settle(db.engine)

        def write() -> None:
            with writing(db.engine) as connection:
                for statement in _SUPERSEDE:
                    connection.execute(text(statement))

        return seconds(write)


_READY = (
    "CREATE TABLE bench_end AS SELECT o.id AS obligation_id, e.how, e.cause, e.on_day, e.at FROM obligation o "
    "JOIN obligation_end e ON e.obligation_id = o.supersedes LEFT JOIN obligation_end mine ON mine.obligation_id = o.id "
    "WHERE o.cause = 'calendar' AND mine.obligation_id IS NULL",
    "CREATE TABLE bench_new AS SELECT * FROM obligation WHERE id IN (SELECT obligation_id FROM bench_end)",
    "CREATE TABLE bench_next AS SELECT * FROM watch WHERE obligation_id IN (SELECT obligation_id FROM bench_end)",
    "UPDATE bench_new SET supersedes = id, id = 'bare-' || substr(id, 6)",
    "UPDATE bench_next SET obligation_id = 'bare-' || substr(obligation_id, 6)",
)
_SUPERSEDE = (
    "INSERT INTO obligation_end SELECT * FROM bench_end",
    "INSERT INTO obligation SELECT * FROM bench_new",
    "DELETE FROM watch WHERE obligation_id IN (SELECT obligation_id FROM bench_end)",
    "INSERT INTO watch SELECT * FROM bench_next",
)
_EVENTS = text("SELECT at, data FROM event WHERE subject_id = :lead AND subject_kind = 'lead' ORDER BY no")
_AT_DESK = (
    "FROM lead l JOIN obligation o ON o.lead_id = l.id LEFT JOIN obligation_end e ON e.obligation_id = o.id "
    "LEFT JOIN area a ON a.code = l.community_code "
    "WHERE l.state = 'street' AND l.area_path >= :low AND l.area_path < :high AND o.kind = 'triage_s' AND e.obligation_id IS NULL"
)
_INBOX = text(
    "SELECT l.id, l.no, l.title, l.state, l.category, l.address_text, l.grid_code, l.reported_at, l.flags, a.name, o.kind, o.k, "
    f"o.anchor_on, o.due_on, o.provisional {_AT_DESK} ORDER BY o.due_on, l.no LIMIT {A_PAGE}"
)
_COUNTS = text(
    "SELECT count(*), coalesce(sum(CASE WHEN o.due_on < :today THEN 1 ELSE 0 END), 0), "
    "coalesce(sum(CASE WHEN o.due_on = :today THEN 1 ELSE 0 END), 0), "
    f"coalesce(sum(CASE WHEN o.due_on > :today THEN 1 ELSE 0 END), 0) {_AT_DESK}"
)


class _Writer:
    """Somebody who takes one step after the other in a thread: `took` are their seconds. Raises what stopped it."""

    def __init__(self, town: Town) -> None:
        self.took: list[float] = []
        self._stop, self._wrong = threading.Event(), list[Exception]()
        self._thread = threading.Thread(target=self._write, args=(town,))

    def _write(self, town: Town) -> None:
        try:
            while not self._stop.is_set():
                self.took.append(town.take(next(town.feedbacks)) / 1_000)
        except Exception as wrong:  # noqa: BLE001 - raised again where it is waited for
            self._wrong.append(wrong)

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._wrong:
            raise self._wrong[0]


def _median(way: Callable[[Step], float], steps: Iterator[Step], calls: int) -> float:
    return median(way(next(steps)) for _ in range(calls))


def _p95(work: Callable[[], float], calls: int) -> float:
    return quantiles([work() for _ in range(calls)], n=20)[-1]


def _mixed(rows: Iterable[Any]) -> list[Any]:
    """The rows in an order of chance, the same at every run."""
    found = list(rows)
    Random(1).shuffle(found)
    return found


def _both(works: Sequence[Callable[[], float]], runs: int) -> tuple[Measured, Measured]:
    ours, bare = map(measured, alternate(works, runs))
    return ours, bare


def _once(ours: float, bare: float) -> tuple[Measured, Measured]:
    """Figures that are taken once: what they measure cannot be done twice."""
    return Measured(ours, (ours, ours)), Measured(bare, (bare, bare))
