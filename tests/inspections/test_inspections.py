"""Inspections: officers alone, two licence numbers, a yearly limit per entity; a worker's visit is never one."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import func, select

from gridwatch.calendars.queries import current_calendar
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.entities.models import Entity
from gridwatch.entities.service import RegistryNotice
from gridwatch.inspections.models import Inspection
from gridwatch.tasks.intake import take_in_many
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.service import VisitReport, submit_visit
from tests.fixtures import user_of


@pytest.fixture
def shop(work, world, clock) -> str:
    """A shop in the first grid: its id."""
    owner = Actor("owner", "平台", (Grant(Role.PLATFORM_OWNER, world.path(world.city)),))
    notice = RegistryNotice(
        event_id="ev-1", kind="new", code="E1", occurred_on=clock.today(), name="一号店", scope="日用品", street_code=world.street,
        address_text="鸿福路1号", lon=113.745, lat=23.015, datum="WGS84",
    )  # fmt: skip
    with work() as session:
        take_in_many(session, [notice], current_calendar(session), actor=owner, now=clock.now(), today=clock.today())
        return session.scalars(select(Entity.id)).one()


@pytest.fixture
def inspect(client, shop, clock):
    """`inspect(by="case_officer", cause="complaint")` records an inspection of now."""

    def record(by: str = "case_officer", **changes):
        body = {
            "id": str(uuid.uuid4()), "licences": ["粤S100001", "粤S100002"], "performed_at": clock.now().isoformat(), "result": "done",
            **changes,
        }  # fmt: skip
        return client.as_(by).post(f"/api/v1/entities/{shop}/inspections", body)

    return record


def test_an_inspection_is_a_visit_of_its_own_kind(inspect, work, shop, world):
    answer = inspect(licences=[" 粤s100001", "粤S100002", "粤S100001"], remarks="合格")
    assert (answer.status, answer.body["licences"]) == (200, ["粤S100001", "粤S100002"])
    with work() as session:
        visit = session.get_one(Visit, answer.body["id"])
        assert (visit.visit_kind, visit.by_role, visit.task_id) == ("officer", "case_officer", None)
        assert session.get_one(Inspection, visit.id).department_code == world.department


def test_the_limit_of_the_year_holds_and_days_count_not_departments(inspect, clock, client, shop):
    assert inspect().status == 200
    assert inspect("case_officer_2").status == 200, "two departments on one day are one inspection"
    clock.advance(days=10)
    assert inspect().status == 200
    clock.advance(days=10)
    refused = inspect()
    assert (refused.status, refused.body["code"]) == (409, "inspection.cap_reached")
    assert refused.body["facts"] == {"done": 2, "most": 2, "days": ["2026-09-18", "2026-09-28"]}
    for_cause = inspect(cause="complaint", paper="12345-2026-0088")
    assert for_cause.status == 200
    shown = client.as_("supervision_office").get(f"/api/v1/entities/{shop}/inspections").body
    assert (shown["planned"], shown["most"], len(shown["items"])) == (2, 2, 4)
    clock.set("2027-01-04 09:00")
    assert inspect().status == 200, "another year"


def test_an_area_sets_its_own_limit(inspect, clock, client, world):
    office = client.as_("supervision_office")
    url = "/api/v1/inspections/caps"
    body = {"area_code": world.street, "most": 1, "effective_on": "2026-09-20", "source": "南城办〔2026〕12号"}
    assert office.post(url, body).status == 200
    assert inspect().status == 200
    clock.advance(days=1)
    assert inspect().status == 200, "the limit is not in force yet"
    clock.advance(days=1)
    assert inspect().body["code"] == "inspection.cap_reached"
    office.post(url, {**body, "area_code": world.community, "most": 9})
    assert inspect().status == 200, "that of the smaller area wins"
    assert [one["most"] for one in office.get(url).body["items"]] == [1, 9]
    passed = office.post(url, {**body, "effective_on": "2026-09-19"})
    assert (passed.status, passed.body["code"]) == (422, "inspection.cap_days")
    assert client.as_("street_dispatcher").post(url, body).status == 403


@pytest.mark.parametrize(
    ("what", "changes", "status", "code"),
    [
        ("one officer", {"licences": ["粤S100001"]}, 422, "inspection.licences"),
        ("one officer, written twice", {"licences": ["粤S100001", "粤s 100001"]}, 422, "inspection.licences"),
        ("no officer", {"licences": []}, 422, "inspection.licences"),
        ("tomorrow", {"performed_at": "2026-09-19T01:00:00Z"}, 422, "inspection.time"),
        ("long ago", {"performed_at": "2026-08-01T01:00:00Z"}, 422, "inspection.time"),
        ("a time without zone", {"performed_at": "2026-09-18T01:00:00"}, 422, "input.invalid"),
        ("a cause without paper", {"cause": "complaint"}, 422, "inspection.cause"),
        ("a paper without cause", {"paper": "12345"}, 422, "inspection.cause"),
        ("an unknown cause", {"cause": "whim", "paper": "1"}, 422, "input.invalid"),
        ("an id that is none", {"id": "1"}, 422, "input.invalid"),
        ("a worker", {"by": "grid_worker"}, 403, "auth.forbidden"),
        ("a desk of the street", {"by": "supervision_office"}, 403, "auth.forbidden"),
    ],
)
def test_what_is_no_inspection(inspect, work, what, changes, status, code):
    answer = inspect(**changes)
    assert (answer.status, answer.body["code"]) == (status, code), what
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Visit)) == 0


def test_a_report_that_is_sent_twice_is_one(inspect, work):
    body = {"id": str(uuid.uuid4())}
    assert inspect(**body).body == inspect(**body).body
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Inspection)) == 1
    assert inspect("case_officer_2", **body).body["code"] == "inspection.id_taken"


def test_an_entity_of_another_place_is_not_there(client, clock, shop):
    body = {"id": str(uuid.uuid4()), "licences": ["1", "2"], "performed_at": clock.now().isoformat(), "result": "done"}
    answer = client.as_("case_officer").post(f"/api/v1/entities/{uuid.uuid4()}/inspections", body)
    assert (answer.status, answer.body["code"]) == (404, "entity.not_found")
    assert client.as_("community_dispatcher_2").get(f"/api/v1/entities/{shop}/inspections").status == 404


def test_a_worker_visit_that_calls_itself_an_inspection_waits_for_a_person(work, world, clock, shop):
    with work() as session:
        task = session.scalars(select(Task)).one()
        user = user_of(session, "grid_worker")
        actor = Actor(user.id, user.name, (Grant(Role.GRID_WORKER),), (world.grid,))
        report = VisitReport(
            id=str(uuid.uuid4()), task_id=task.id, base_rev=1, device_id="d", performed_at=clock.now(), uncertainty_s=1, in_order=True,
            received_at=clock.now(), item_version=None, payload={"result": "closed_door", "visit_kind": "officer"},
        )  # fmt: skip
        result = submit_visit(session, report, actor=actor, calendar=current_calendar(session))
        assert (result.effect, [one["path"] for one in result.fields]) == ("review", ["visit_kind"])
