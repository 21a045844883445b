"""The one place where rows are narrowed to what a person may see. Deny by default.

A feature's `queries.py` says, for each scope, which of its rows that scope means; `within()` adds the condition for the
actor's grants. What is outside is not found (404), never forbidden: a refusal would say that it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, false, or_, true

from gridwatch.domain.permits import Actor, Grant, Scope, scopes_for

Statement = TypeVar("Statement", bound=Select[Any])
Reach = Mapping[Scope, Callable[[Actor, Grant], ColumnElement[bool]]]


def condition(actor: Actor, operation: str, reach: Reach) -> ColumnElement[bool]:
    """The SQL condition for the rows that `actor` reaches by `operation`; false when no role gives it."""
    parts = [
        true() if scope is Scope.ANYWHERE else reach[scope](actor, grant) if scope in reach else false()
        for scope, grant in sorted(scopes_for(actor, operation), key=lambda pair: (pair[0].value, str(pair[1])))
    ]
    return or_(false(), *parts)


def within(statement: Statement, actor: Actor, operation: str, reach: Reach) -> Statement:
    """`statement` narrowed to the rows within the actor's reach for `operation`."""
    return statement.where(condition(actor, operation, reach))


def in_area(path_column: Any) -> Callable[[Actor, Grant], ColumnElement[bool]]:
    """Reach by area subtree: the row's path begins with the grant's. The path is data of ours (digits and '/'), never a pattern."""

    def _condition(actor: Actor, grant: Grant) -> ColumnElement[bool]:
        return path_column.startswith(grant.area_path, autoescape=True) if grant.area_path else false()

    return _condition


def in_grids(grid_column: Any) -> Callable[[Actor, Grant], ColumnElement[bool]]:
    """Reach by grid duty: the row's grid is one of those on duty today, leave covers included."""
    return lambda actor, grant: grid_column.in_(actor.grids) if actor.grids else false()
