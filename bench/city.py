"""A made-up city, the same at every run: streets, communities and grids that tile the ground, departments, people in every post.

A community has five grids, a street twenty communities. Grids are irregular: neighbours share a winding border of several
points, as borders along roads and rivers are, so that a point lies in exactly one of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from shapely.geometry import MultiPolygon, Polygon
from sqlalchemy import Connection

from gridwatch.areas.models import Area, Department
from gridwatch.db.engine import dialect_of
from gridwatch.domain.permits import Role
from gridwatch.people.models import GridDuty, RoleGrant, User
from gridwatch.places.models import Grid

CITY = "990000"
GRIDS_A_COMMUNITY, COMMUNITIES_A_STREET, DEPARTMENTS_A_STREET = 5, 20, 15
SOUTH_WEST, CELL = (113.60, 22.90), 0.004  # degrees WGS-84; about 400 m
_CORNER, _BEND = 0.18, 0.05  # how far corners and points on borders stray, in cells
_SINCE = date(2026, 1, 1)

IN_COMMUNITY = (Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER)
IN_STREET = (Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE, Role.LEADING_GROUP)
IN_DEPARTMENT = (Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER)


@dataclass(frozen=True)
class City:
    """A city of `columns` × `rows` grids."""

    columns: int
    rows: int

    @property
    def grids(self) -> int:
        """How many grids it has."""
        return self.columns * self.rows

    @cached_property
    def communities(self) -> list[str]:
        """The codes of its communities."""
        number = -(-self.grids // GRIDS_A_COMMUNITY)
        return [f"{street_code(n // COMMUNITIES_A_STREET)}{n % COMMUNITIES_A_STREET + 1:03d}" for n in range(number)]

    @cached_property
    def streets(self) -> list[str]:
        """The codes of its streets."""
        return list(dict.fromkeys(code[:9] for code in self.communities))

    @cached_property
    def grid_codes(self) -> list[str]:
        """The codes of its grids, community by community."""
        return [f"{self.communities[n // GRIDS_A_COMMUNITY]}{n % GRIDS_A_COMMUNITY + 1:03d}" for n in range(self.grids)]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees; winding borders stray a little beyond."""
        west, south = SOUTH_WEST
        return west, south, west + self.columns * CELL, south + self.rows * CELL

    def shapes(self) -> Iterator[Polygon]:
        """The outlines of the grids, in the order of `grid_codes`; 32 to 56 points each."""
        random_ = random.Random(20260918)
        corners = {
            (x, y): (x + random_.uniform(-_CORNER, _CORNER), y + random_.uniform(-_CORNER, _CORNER))
            for x in range(self.columns + 1)
            for y in range(self.rows + 1)
        }
        east = {at: _border(corners[at], corners[at[0] + 1, at[1]], random_) for at in corners if at[0] < self.columns}
        north = {at: _border(corners[at], corners[at[0], at[1] + 1], random_) for at in corners if at[1] < self.rows}
        for y in range(self.rows):
            for x in range(self.columns):
                ring = east[x, y] + north[x + 1, y][1:]
                ring = ring + east[x, y + 1][::-1][1:] + north[x, y][::-1][1:-1]
                yield Polygon([_degrees(*point) for point in ring])


def street_code(number: int) -> str:
    """The code of a street by its number, counted from 0."""
    return f"{CITY}{number + 1:03d}"


def path_of(code: str) -> str:
    """The path of an area of the city."""
    return "".join(f"{code[:end]}/" for end in (6, 9, 12) if end <= len(code))


def department_code(street: str, number: int) -> str:
    """The code of a department of a street by its number, counted from 0."""
    return f"D{street}{number:02d}"


def build_areas(connection: Connection, city: City) -> None:
    """Write areas and departments."""
    levels = {6: "city", 9: "street", 12: "community"}
    parents = {6: None, 9: 6, 12: 9}
    codes = [CITY, *city.streets, *city.communities]
    areas = [
        {"code": code, "name": f"{code} 号", "level": levels[len(code)], "path": path_of(code),
         "parent_code": code[: parents[len(code)]] if parents[len(code)] else None}
        for code in codes
    ]  # fmt: skip
    departments = [
        {"code": department_code(street, n), "name": f"第{n + 1}部门", "area_code": street}
        for street in city.streets
        for n in range(DEPARTMENTS_A_STREET)
    ]
    insert = dialect_of(connection).bulk_insert
    insert(connection, Area.__table__, areas)
    insert(connection, Department.__table__, departments)


def build_grids(connection: Connection, city: City) -> None:
    """Write the grids with their outlines."""
    rows = [
        {"code": code, "rev": 1, "name": f"第{code[-3:]}网格", "community_code": code[:12], "area_path": path_of(code[:12]),
         "shape": f"SRID=4326;{MultiPolygon([shape]).wkt}"}
        for code, shape in zip(city.grid_codes, city.shapes(), strict=True)
    ]  # fmt: skip
    dialect_of(connection).bulk_insert(connection, Grid.__table__, rows)


def build_people(connection: Connection, city: City) -> None:
    """Write one person for each post: in every community, street and department, and a grid worker for each grid on duty."""
    posts: list[tuple[str, Role, dict[str, str]]] = []
    for roles, codes in ((IN_COMMUNITY, city.communities), (IN_STREET, city.streets)):
        posts += [(f"{role}-{code}", role, {"area": code}) for code in codes for role in roles]
    for street in city.streets:
        codes = [department_code(street, n) for n in range(DEPARTMENTS_A_STREET)]
        posts += [(f"{role}-{code}", role, {"department": code}) for code in codes for role in IN_DEPARTMENT]
    posts += [(worker_of(code), Role.GRID_WORKER, {"area": code[:12]}) for code in city.grid_codes]
    users = [{"id": user_id, "rev": 1, "username": user_id, "name": user_id} for user_id, _, _ in posts]
    grants = [
        {"id": f"grant-{n}", "user_id": user_id, "role": role.value, "area_code": where.get("area"),
         "area_path": path_of(where["area"]) if "area" in where else None,
         "department_code": where.get("department"), "deputy": False}
        for n, (user_id, role, where) in enumerate(posts)
    ]  # fmt: skip
    duties: list[dict[str, Any]] = [
        {"id": f"duty-{code}", "user_id": worker_of(code), "grid_code": code, "from_on": _SINCE}
        for code in city.grid_codes
    ]
    insert = dialect_of(connection).bulk_insert
    insert(connection, User.__table__, users)
    insert(connection, RoleGrant.__table__, grants)
    insert(connection, GridDuty.__table__, duties)


def worker_of(grid_code: str) -> str:
    """The id of the worker on duty in a grid."""
    return f"worker-{grid_code}"


def _border(start: tuple[float, float], end: tuple[float, float], random_: random.Random) -> list[tuple[float, float]]:
    """A winding line between two corners, both included: seven to thirteen points on the way."""
    steps = random_.randint(8, 14)
    across = (start[1] - end[1], end[0] - start[0])
    line = [start]
    for step in range(1, steps):
        share, bend = step / steps, random_.uniform(-_BEND, _BEND)
        line.append(
            (
                start[0] + (end[0] - start[0]) * share + across[0] * bend,
                start[1] + (end[1] - start[1]) * share + across[1] * bend,
            )
        )
    return [*line, end]


def _degrees(x: float, y: float) -> tuple[float, float]:
    return round(SOUTH_WEST[0] + x * CELL, 7), round(SOUTH_WEST[1] + y * CELL, 7)
