"""Checking, publishing and withdrawing versions of inspection items."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.db.session import savepoint
from gridwatch.domain import burden
from gridwatch.domain.errors import Refusal
from gridwatch.domain.form_checks import CODE, LATEST_VERSION, item_problems
from gridwatch.domain.form_rules import Problem, problem
from gridwatch.domain.forms import Form
from gridwatch.domain.item_catalogue import BUILT_IN
from gridwatch.domain.items import Catalogue, Version, content_hash
from gridwatch.domain.permits import SYSTEM
from gridwatch.domain.worktime import local_day
from gridwatch.items.models import InspectionItem, ItemVersion
from gridwatch.items.queries import catalogue, forget, lock_item, version_of

LEAST_REASON, MOST_REASON = 4, 500


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at an item found. Without problems it has a hash and a burden; `grown` is what needs a reason on record."""

    problems: list[Problem]
    sha256: str | None = None
    burden: burden.Burden | None = None
    tasks: Mapping[str, burden.Burden] | None = None
    grown: list[dict[str, Any]] | None = None


def check(session: Session, item: Any, on: date) -> Checked:
    """A dry run of publishing on the local day `on`: every problem with its path, the burden, and where it grows. Writes nothing."""
    problems = item_problems(item)
    if problems:
        return Checked(problems)
    known = catalogue(session)
    published = known.version(item["code"], item["version"])
    sha256 = content_hash(item)
    if published is None:
        problems = _in_its_place(known, item, on)
    elif published.sha256 != sha256:
        problems = [
            problem(
                "version", f"{published.name} 已发布，内容不同", f"{published.name} is published with other content"
            )
        ]
    starts = date.fromisoformat(item["effective_on"])
    forms = known.forms(None, starts) or {}
    before = None if published is not None else _before(known, item)
    mine = {**forms, item["code"]: item}
    tasks = {
        name: load
        for name, load in burden.of_standard_tasks(mine).items()
        if item["code"] in burden.STANDARD_TASKS[name][1]
    }
    grown = burden.grown(item, before.item if before else None, forms) if published is None else []
    return Checked(problems, sha256, burden.of_item(item), tasks, grown)


def publish(session: Session, item: Any, reason: str, *, actor_id: str, at: datetime) -> tuple[ItemVersion, bool]:
    """Publish a version; returns its row, and whether it is new: the same content again changes nothing. Flushes.

    Raises 409 `item.version_exists` (this number has other content), 422 `item.invalid` with the problems and their paths,
    422 `item.burden_grown` where it goes beyond a limit of the burden and beyond the version before it without a reason.
    """
    forget(session)
    row = _locked(session, item, at)
    if row is not None:
        return row, False
    checked = check(session, item, local_day(at))
    if checked.problems:
        raise Refusal("item.invalid", fields=checked.problems)
    if checked.grown and len(reason.strip()) < LEAST_REASON:
        raise Refusal("item.burden_grown", grown=checked.grown, least=LEAST_REASON)
    grown = {"grown": checked.grown} if checked.grown else {}
    return _write(session, item, reason.strip(), actor_id, at, grown), True


def publish_built_in(session: Session, *, at: datetime) -> list[ItemVersion]:
    """Publish what came with the program and is not there yet; returns the new rows. Asked again, it changes nothing. Flushes.

    An item that the city does not have yet begins on the day that stands in it. A further version of one that it has obeys the
    rules of `publish`; a version that the city published under the same number stays as it is.
    """
    made = []
    for item in BUILT_IN:
        forget(session)
        known = catalogue(session)
        if not known.versions(item["code"]):
            _lock(session, item["code"], at)
            made.append(_write(session, item, "", SYSTEM.id, at, {}))
        elif known.version(item["code"], item["version"]) is None:
            made.append(publish(session, item, "随产品更新 / with a new release", actor_id=SYSTEM.id, at=at)[0])
    return made


def withdraw(session: Session, code: str, number: int, reason: str, *, actor_id: str, at: datetime) -> ItemVersion:
    """Take back a version before its first day; done again, it stays as it is. Its number is not used again. Flushes.

    Raises 404 `item.not_found`; 409 `item.version_in_use` from its first day on: phones may hold forms that were filled in on
    it, so it is replaced by another version and then lapses by itself.
    """
    lock_item(session, code)
    row = version_of(session, code, number)
    if row.withdrawn_at is not None:
        return row
    if row.effective_on <= local_day(at):
        raise Refusal("item.version_in_use", version=f"{code}@{number}", since=str(row.effective_on))
    row.withdrawn_at, row.withdrawn_by, row.withdrawn_because = at, actor_id, reason
    session.flush()
    forget(session)
    _record(session, "item.withdrawn", row, actor_id, at, {"reason": reason})
    return row


def preview(session: Session, item: Form | None) -> list[dict[str, Any]]:
    """What phones hold of the items, as it is, or as it would be with one more checked version."""
    known = catalogue(session)
    versions = [one for code in known.codes for one in known.versions(code)]
    if item is not None and known.version(item["code"], item["version"]) is None:
        versions.append(Version(item, date.fromisoformat(item["effective_on"]), content_hash(item)))
    return Catalogue(versions).for_phones()


def _locked(session: Session, item: Any, at: datetime) -> ItemVersion | None:
    """The version that has this code and number, with its item locked; None where it is new. Raises 409 for other content."""
    code, number = (item.get("code"), item.get("version")) if isinstance(item, Mapping) else (None, None)
    if not (isinstance(code, str) and CODE.fullmatch(code) and type(number) is int and 0 < number <= LATEST_VERSION):
        return None  # the check says what is wrong
    _lock(session, code, at)
    row = session.get(ItemVersion, (code, number))
    if row is not None and (item_problems(item) or content_hash(item) != row.sha256):
        raise Refusal("item.version_exists", version=f"{code}@{number}", next=_next(catalogue(session), code))
    return row


def _lock(session: Session, code: str, at: datetime) -> None:
    """Lock an item, which may be new. Of two who bring the same new one, the second waits for the first and goes on from there."""
    if lock_item(session, code) is None:
        with suppress(IntegrityError), savepoint(session):
            session.add(InspectionItem(code=code, first_published_at=at))
            session.flush()
        lock_item(session, code)


def _in_its_place(known: Catalogue, item: Form, on: date) -> list[Problem]:
    """What is wrong with the number and the first day of a version, beside those that are there."""
    problems = []
    expected, starts = _next(known, item["code"]), date.fromisoformat(item["effective_on"])
    if item["version"] != expected:
        problems.append(problem("version", f"下一版应为 {expected}", f"the next version is {expected}"))
    before = _before(known, item)
    if starts < on:
        problems.append(problem("effective_on", f"不能早于今天 {on}", f"this cannot lie before today, {on}"))
    elif before is not None and starts <= before.effective_on:
        zh = f"应晚于 {before.effective_on}（{before.name} 的首日）"
        problems.append(
            problem("effective_on", zh, f"this must be after {before.effective_on}, the first day of {before.name}")
        )
    return problems


def _next(known: Catalogue, code: str) -> int:
    return max((one.item["version"] for one in known.versions(code)), default=0) + 1


def _before(known: Catalogue, item: Form) -> Version | None:
    """The version whose place it takes."""
    return next((one for one in reversed(known.versions(item["code"])) if not one.withdrawn), None)


def _write(
    session: Session, item: Form, reason: str, actor_id: str, at: datetime, more: Mapping[str, Any]
) -> ItemVersion:
    row = ItemVersion(
        code=item["code"], version=item["version"], document=dict(item), sha256=content_hash(item),
        effective_on=date.fromisoformat(item["effective_on"]), reason=reason, published_by=actor_id, published_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    forget(session)
    _record(
        session, "item.published", row, actor_id, at, {"effective_on": str(row.effective_on), "reason": reason, **more}
    )
    return row


def _record(session: Session, act: str, row: ItemVersion, actor_id: str, at: datetime, data: Mapping[str, Any]) -> None:
    audit.record(
        session, chain=None, act=act, subject=("inspection_item", f"{row.code}@{row.version}"), actor_id=actor_id, at=at,
        data={"sha256": row.sha256, **data}, version=row.version,
    )  # fmt: skip
