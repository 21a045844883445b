"""What most tests stand on: an application over a fresh database, a clock that stands still, a small town, its people.

    def test_a_worker_sees_her_grid(client, world, clock):
        clock.set("2026-09-18 09:00")
        answer = client.as_("grid_worker").get("/api/v1/grids")
        assert (answer.status, answer.body["items"][0]["code"]) == (200, world.grid)

A test that asks for any of these runs twice, on SpatiaLite and on PostGIS.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from flask import Flask
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, box
from sqlalchemy.orm import Session

from gridwatch.app import create_app
from gridwatch.areas.models import Area, Department
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.permits import ROLE_NAMES, Role
from gridwatch.people.models import User
from gridwatch.people.service import NewGrant, create_or_update_user
from gridwatch.places.models import Grid

CHINA = ZoneInfo("Asia/Shanghai")
Work = Callable[[], AbstractContextManager[Session]]


class Clock:
    """The time that every process of the test reads. It stands until it is set or advanced."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set("2026-09-18 09:00")

    def set(self, local: str) -> None:
        """Set it to a China time, as in `2026-09-18 09:00`."""
        self._write(datetime.fromisoformat(local).replace(tzinfo=CHINA))

    def advance(self, **by: float) -> None:
        """Move it on, as in `advance(minutes=15)`."""
        self._write(self.now() + timedelta(**by))

    def now(self) -> datetime:
        """Its time, in UTC."""
        return datetime.fromisoformat(self.file.read_text()).astimezone(UTC)

    def today(self) -> date:
        """Its day in China."""
        return self.now().astimezone(CHINA).date()

    def _write(self, moment: datetime) -> None:
        self.file.write_text(moment.isoformat())


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock at 2026-09-18 09:00, a Friday and work day."""
    return Clock(tmp_path / "clock")


@pytest.fixture
def settings(database_url: str, clock: Clock, tmp_path: Path) -> Settings:
    """The settings of `app`; `dataclasses.replace` makes others."""
    return Settings(
        env="test", database_url=database_url, secret_key="test-" * 8, clock_file=str(clock.file),
        files_dir=str(tmp_path / "files"),
    )  # fmt: skip


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application, over a fresh migrated database."""
    app = create_app(settings)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def work(app: Flask) -> Work:
    """`with work() as session:` is one unit of work, as a job does it: committed at the end, with events and feed."""

    @contextmanager
    def unit() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    return unit


# -- a town -----------------------------------------------------------------------------------------------------------

PASSWORD = "正确 horse battery staple"
# What a password costs is written in its hash; this one costs next to nothing.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

IN_CITY = (Role.PLATFORM_OWNER, Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY_OFFICER)
IN_STREET = (Role.INTAKE_CLERK, Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE, Role.LEADING_GROUP)
IN_COMMUNITY = (Role.GRID_WORKER, Role.MARKET_MANAGER, Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER)
IN_DEPARTMENT = (Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER)


@dataclass(frozen=True)
class World:
    """A city, one street in it, two communities, three grids, two departments, and somebody in every role.

    A person is named after the role: `grid_worker` (on duty in `grid`) and `community_dispatcher` in the first community,
    `department_receiver` in the first department, with `department_deputy`. Those with `_2` are their neighbours:
    `grid_worker_2` works next door in `grid_2`, `grid_worker_3`, `community_dispatcher_2` and `community_handler_2` in the
    second community, `department_receiver_2`, `case_officer_2` and `department_leader_2` in the second department.
    """

    city: str = "441900"
    street: str = "441900004"
    community: str = "441900004003"
    community_2: str = "441900004005"
    grid: str = "441900004003001"
    grid_2: str = "441900004003002"
    grid_3: str = "441900004005001"
    department: str = "NC-SCJG"
    department_2: str = "NC-YJGL"
    people: dict[str, str] = field(default_factory=dict)  # username → user id

    def path(self, code: str) -> str:
        """The path of one of its areas, as rows keep it."""
        above = [self.city] + [self.street] * (code != self.city) + [code] * (code not in (self.city, self.street))
        return "".join(f"{part}/" for part in above)


GRID_CORNERS = {  # south-west corner (lon, lat, WGS-84) of each grid, a square of 0.01°
    "441900004003001": (113.74, 23.01),
    "441900004003002": (113.75, 23.01),
    "441900004005001": (113.74, 23.02),
}


@pytest.fixture
def world(work: Work, clock: Clock) -> World:
    """The town, committed. Everybody's password is PASSWORD; duties began on 2026-01-01."""
    world = World()
    with work() as session:
        _build_places(session, world)
        for username, grant, grids in _cast(world):
            chinese = ROLE_NAMES[Role(grant.role)][0]
            user = create_or_update_user(
                session, username, f"{chinese} {username}", grants=[grant], grid_codes=grids,
                at=clock.now(), from_on=date(2026, 1, 1),
            )  # fmt: skip
            user.password_hash = PASSWORD_HASH
            world.people[username] = user.id
    return world


def _build_places(session: Session, world: World) -> None:
    areas = [
        (world.city, "东莞市", "city", None),
        (world.street, "南城街道", "street", world.city),
        (world.community, "鸿福社区", "community", world.street),
        (world.community_2, "元美社区", "community", world.street),
    ]
    for code, name, level, parent in areas:
        session.add(Area(code=code, name=name, level=level, parent_code=parent, path=world.path(code)))
        session.flush()
    for code, name in ((world.department, "市场监督管理分局"), (world.department_2, "应急管理分局")):
        session.add(Department(code=code, name=name, area_code=world.street))
    for code, (lon, lat) in GRID_CORNERS.items():
        session.add(
            Grid(
                code=code, name=f"第{code[-1]}网格", community_code=code[:12], area_path=world.path(code[:12]),
                shape=from_shape(MultiPolygon([box(lon, lat, round(lon + 0.01, 2), round(lat + 0.01, 2))]), srid=4326),
            )
        )  # fmt: skip
    session.flush()


def _cast(world: World) -> Iterator[tuple[str, NewGrant, list[str]]]:
    for roles, area in ((IN_CITY, world.city), (IN_STREET, world.street), (IN_COMMUNITY, world.community)):
        for role in roles:
            grids = {Role.GRID_WORKER: [world.grid], Role.MARKET_MANAGER: [world.grid_2]}.get(role, [])
            yield role.value, NewGrant(role, area), grids
    for role in IN_DEPARTMENT:
        yield role.value, NewGrant(role, department_code=world.department), []
        yield f"{role.value}_2", NewGrant(role, department_code=world.department_2), []
    deputy = NewGrant(Role.DEPARTMENT_RECEIVER, department_code=world.department, deputy=True)
    yield "department_deputy", deputy, []
    yield "grid_worker_2", NewGrant(Role.GRID_WORKER, world.community), [world.grid_2]
    yield "grid_worker_3", NewGrant(Role.GRID_WORKER, world.community_2), [world.grid_3]
    for role in (Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER):
        yield f"{role.value}_2", NewGrant(role, world.community_2), []


def user_of(session: Session, username: str) -> User:
    """One of the town's people, inside a unit of work."""
    return session.query(User).filter_by(username=username).one()


# -- people who ask ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came back: status, parsed JSON (None for another type or an empty body), headers, and the response itself."""

    status: int
    body: Any
    headers: Any
    response: Any


class Caller:
    """Somebody who asks: nobody in particular, or with `signed_in` a person on a device. Signs in again when time has passed."""

    def __init__(self, app: Flask, clock: Clock, username: str | None = None, device_id: str | None = None) -> None:
        self._http = app.test_client(use_cookies=False)
        self._app, self._clock, self.username = app, clock, username
        self.device_id = device_id or str(uuid.uuid4())
        self.signed_in: dict[str, Any] = {}  # the answer to the newest sign-in
        if username:
            self.sign_in()

    def as_(self, username: str, device_id: str | None = None) -> Caller:
        """One of the town's people, signed in, on a device of her own unless one is given."""
        return Caller(self._app, self._clock, username, device_id)

    def sign_in(self) -> None:
        """Sign in (again) on the same device."""
        self.signed_in = {}
        answer = self.post("/api/v1/auth/sign-in", sign_in_body(str(self.username), self.device_id))
        assert answer.status == 200, answer.body
        self.signed_in = answer.body

    def get(self, path: str, **more: Any) -> Answer:
        """GET; `more` is what Flask's test client takes (headers, query_string)."""
        return self.ask("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        """POST a JSON value, or with `data` anything else."""
        return self.ask("POST", path, json=json, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        """DELETE."""
        return self.ask("DELETE", path, **more)

    def ask(self, method: str, path: str, **more: Any) -> Answer:
        """Any request."""
        if self.signed_in and self._clock.now() >= datetime.fromisoformat(self.signed_in["access_expires_at"]):
            self.sign_in()
        headers = dict(more.pop("headers", {}))
        if self.signed_in:
            headers.setdefault("Authorization", f"Bearer {self.signed_in['access_token']}")
        response = self._http.open(path, method=method, headers=headers, **more)
        is_json = (response.mimetype or "").endswith("json") and response.data  # a 304 has no type
        return Answer(
            response.status_code, response.get_json(force=True) if is_json else None, response.headers, response
        )


def sign_in_body(username: str, device_id: str, password: str = PASSWORD) -> dict[str, Any]:
    """The body of a sign-in."""
    device = {"id": device_id, "name": "测试手机", "platform": "android", "app_build": 17}
    return {"username": username, "password": password, "device": device}


@pytest.fixture
def client(app: Flask, clock: Clock) -> Caller:
    """Somebody who is not signed in; `client.as_("grid_worker")` is somebody who is."""
    return Caller(app, clock)
