"""The town of the phones: grids side by side, two people in each, first checks to be done at their doors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from argon2 import PasswordHasher
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, box
from sqlalchemy.orm import Session

from gridwatch.app import create_app
from gridwatch.areas.models import Area
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.permits import Role
from gridwatch.domain.worktime import Due, local_day
from gridwatch.people.service import NewGrant, create_or_update_user
from gridwatch.places.models import Grid
from gridwatch.tasks.service import plan_task
from gridwatch.web.clock import now
from tests.phone import uuid7

PASSWORD = "正确 horse battery staple"
CITY = "441900"
A_GRID, A_STREET = 2, 4  # phones in a grid, grids in a street, which has one community


@dataclass(frozen=True)
class Town:
    """Who has a phone, and which scopes he may hold."""

    people: list[str]
    scopes: dict[str, set[str]]


def build(settings: Settings, phones: int, tasks: int) -> Town:
    """Write a town with so many phones and so many tasks, spread over its grids."""
    app = create_app(settings)
    grids = [f"{_community(number)}{number + 1:03d}" for number in range(-(-phones // A_GRID))]
    scopes: dict[str, set[str]] = {}
    with app.app_context():
        with transaction() as session:
            _places(session, grids)
        with transaction() as session:
            for number in range(phones):
                name, grid = f"phone_{number:02d}", grids[number // A_GRID]
                scopes[name] = {f"user:{_person(session, name, grid, number)}", f"grid:{grid}"}
        for start in range(0, tasks, 200):
            with transaction() as session:
                for number in range(start, min(start + 200, tasks)):
                    _task(session, grids[number % len(grids)], number)
        db.session.remove()
        db.engine.dispose()
    return Town(list(scopes), scopes)


def _community(grid: int) -> str:
    return f"{CITY}{grid // A_STREET + 1:03d}001"


def _path(code: str) -> str:
    """The path of an area, from its code: city, street and community have 6, 9 and 12 digits."""
    return "".join(f"{code[:end]}/" for end in (6, 9, 12) if end <= len(code))


def _places(session: Session, grids: list[str]) -> None:
    communities = sorted({grid[:12] for grid in grids})
    areas = [(CITY, "city", None)]
    areas += [(one[:9], "street", CITY) for one in communities]
    areas += [(one, "community", one[:9]) for one in communities]
    for code, level, above in areas:
        session.add(Area(code=code, name=f"{code} 号", level=level, parent_code=above, path=_path(code)))
        session.flush()
    for number, code in enumerate(grids):
        west = round(113.70 + number * 0.01, 2)
        shape = from_shape(MultiPolygon([box(west, 23.01, round(west + 0.01, 2), 23.02)]), srid=4326)
        session.add(
            Grid(
                code=code, name=f"第{number + 1}网格", community_code=code[:12], area_path=_path(code[:12]), shape=shape
            )
        )
    session.flush()


def _person(session: Session, name: str, grid: str, number: int) -> str:
    role = Role.MARKET_MANAGER if number % 8 == 7 else Role.GRID_WORKER
    user = create_or_update_user(
        session, name, f"网格员 {name}", grants=[NewGrant(role, grid[:12])], grid_codes=[grid], at=now(),
        from_on=local_day(now()) - timedelta(days=30),
    )  # fmt: skip
    user.password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    return user.id


def _task(session: Session, grid: str, number: int) -> None:
    today = local_day(now())
    plan_task(
        session, kind="first_check", source_id=uuid7(now()), items=("RG01", "RG02"), entity=None, lead_id=None, grid_code=grid,
        area_path=_path(grid[:12]), address_text=f"宏伟路 {number} 号", title=f"首检：面包店 {number}", reason="新登记", start_on=today,
        due=Due(today + timedelta(days=14)), calendar_version=0, at=now(),
    )  # fmt: skip
