"""Reference data, immutable by content: a name, the hash of its bytes, and bytes that never change under that hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.calendars.queries import current_calendar
from gridwatch.domain import lead_flow, lead_words, permits, statutory, task_flow
from gridwatch.domain.errors import Refusal
from gridwatch.domain.form_checks import ELEMENTS, PHOTOS
from gridwatch.domain.items import RESULTS
from gridwatch.domain.worktime import WorkCalendar
from gridwatch.entities.models import PermitRule
from gridwatch.files import service as files
from gridwatch.items import queries as items
from gridwatch.sync import service, words

_PERMIT_COLUMNS = [column.key for column in PermitRule.__table__.columns]
_YEARS_AHEAD = 2  # provisional years that phones may have to count in


def hashes(session: Session) -> dict[str, str]:
    """Name → SHA-256 (hex) of each piece of reference data as it is now."""
    return {name: hashlib.sha256(read(session)).hexdigest() for name, read in _SOURCES.items()}


def body(session: Session, name: str, sha256: str) -> bytes:
    """The bytes of a piece of reference data. Raises 404 `http.not_found` for an unknown name or a hash that is no longer current."""
    content = _SOURCES[name](session) if name in _SOURCES else b""
    if name not in _SOURCES or hashlib.sha256(content).hexdigest() != sha256:
        raise Refusal("http.not_found")
    return content


def _bytes(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _fixed(make: Callable[[], Any]) -> Callable[[Session], bytes]:
    """Data that is part of the program: written once a process."""
    made = cache(lambda: _bytes(make()))
    return lambda session: made()


def _words() -> dict[str, Any]:
    return {
        "outcomes": words.words_as_json(),
        "task_states": task_flow.STATES,
        "task_close_codes": {code: texts for code, (_, *texts) in task_flow.CLOSE_CODES.items()},
        "lead_states": lead_words.STATE_NAMES,
        "lead_categories": lead_words.CATEGORIES,
        "lead_outcomes": lead_words.OUTCOMES,
        "visit_results": RESULTS,
        "item_elements": ELEMENTS,
        "photos": PHOTOS,
        "roles": {role.value: names for role, names in permits.ROLE_NAMES.items()},
    }


def _items(session: Session) -> bytes:
    """Every version of every inspection item that a phone may need, those to come and those replaced included."""
    return items.for_phones(items.catalogue(session).for_phones())


def _limits(session: Session) -> bytes:
    """The limits of docs/sync.md, section 9, that a phone warns of before it reaches one."""
    return _bytes(
        {
            "items_a_batch": service.MOST_ITEMS, "bytes_a_batch": service.MOST_BYTES, "bytes_an_item": service.MOST_BYTES,
            "files_an_item": current_app.config["GRIDWATCH"].files_per_item, "bytes_a_file": files.MOST_BYTES,
        }
    )  # fmt: skip


def _permits(session: Session) -> bytes:
    """The permit table: which sector needs which permit, and who grants it."""
    rules = session.scalars(select(PermitRule).order_by(PermitRule.sector))
    return _bytes([{key: getattr(rule, key) for key in _PERMIT_COLUMNS} for rule in rules])


def _calendar(session: Session) -> bytes:
    """Every day that is not an ordinary weekday or weekend: what notices say, and for the years ahead what the law says."""
    calendar = current_calendar(session)
    days = {on: _day(calendar, on) for on in calendar.days}
    for year in sorted(calendar.official_years)[-1:]:
        for ahead in range(year + 1, year + 1 + _YEARS_AHEAD):
            days |= {on: _day(calendar, on) for on in statutory.statutory_days(ahead)}
    said = {
        "version": calendar.version,
        "official_years": sorted(calendar.official_years),
        "days": [days[on] for on in sorted(days)],
    }
    return _bytes(said)


def _day(calendar: WorkCalendar, on: date) -> dict[str, Any]:
    day = calendar.day(on)
    return {"on": on, "kind": day.kind.value, "name": day.name, "provisional": day.provisional}


_SOURCES: dict[str, Callable[[Session], bytes]] = {
    "items": _items,
    "lead_steps": _fixed(lead_flow.as_json),
    "rights": _fixed(permits.permits_as_json),
    "words": _fixed(_words),
    "limits": _limits,
    "permits": _permits,
    "calendar": _calendar,
}
