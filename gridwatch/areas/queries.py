"""The area tree and the departments, looked up. Paths are prefixes: `441900/441900004/` holds all that lies in the street."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area, Department
from gridwatch.domain.errors import Refusal


def prefixes(path: str) -> list[str]:
    """The paths of an area and of everything above it, the root first: `1/12/` gives `1/` and `1/12/`."""
    codes = path.rstrip("/").split("/")
    return ["/".join(codes[: depth + 1]) + "/" for depth in range(len(codes))]


def area_by_code(session: Session, code: str) -> Area:
    """The area of a code. Raises 404 `area.not_found`."""
    area = session.get(Area, code)
    if area is None:
        raise Refusal("area.not_found", code=code)
    return area


def department_by_code(session: Session, code: str) -> Department:
    """The department of a code, abolished or not. Raises 404 `department.not_found`."""
    department = session.get(Department, code)
    if department is None:
        raise Refusal("department.not_found", code=code)
    return department


def department_in_force(session: Session, code: str, on: date) -> Department:
    """The department that does the work of `code` on a day: itself, or the successor of an abolished one, as far as it goes.

    One that was abolished without a successor is given as it is. Raises 404 `department.not_found`.
    """
    department = department_by_code(session, code)
    passed = {department.code}
    while department.successor_code and department.valid_to is not None and department.valid_to < on:
        if department.successor_code in passed:
            break  # two that name each other: the last one reached answers for both
        department = department_by_code(session, department.successor_code)
        passed.add(department.code)
    return department


def areas_within(path: str | None = None) -> Select[tuple[Area]]:
    """A statement for the areas of a subtree, or for all of them; its order is the caller's."""
    statement = select(Area)
    return statement.where(Area.path.startswith(path, autoescape=True)) if path else statement


def departments(session: Session) -> list[Department]:
    """Every department, abolished ones included, by code."""
    return list(session.scalars(select(Department).order_by(Department.code)))
