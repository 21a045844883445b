"""The review queue: what phones sent and a person must decide (sync-protocol §4, outcome `review`; Time; invariant I6).

Three questions wait here. *Repair*: an item that could not be applied, or whose dependency has not come in three days; a person
repairs and applies it, or refuses it. *Two contents*: one id came with two contents; the second takes the place of the
first, or stands apart under an id of its own, or is refused. *Timeliness*: a visit that counts, by a clock that cannot be
believed; a person says whether it was in time.

What a phone sent is never edited: a decision is a row of its own that keeps the repaired members, and the phone learns it from
the item's `outcome` document. Every function flushes; the caller commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.calendars.queries import current_calendar
from gridwatch.db.base import new_id
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.domain.worktime import local_day
from gridwatch.entities.service import area_of
from gridwatch.files.service import name_evidence
from gridwatch.leads import service as leads
from gridwatch.people.models import User
from gridwatch.people.queries import home_area
from gridwatch.sync import capture, checking, queries, waiting, words
from gridwatch.sync.kinds import KINDS, Applied, Fact, from_refusal
from gridwatch.sync.models import Item, ReviewDecision
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.rulings import rule_timeliness
from gridwatch.web.clock import rfc3339

REPAIRABLE = ("kind", "task_id", "item_version", "scope", "place", "files", "payload")
_WITHOUT_EFFECT = (words.REVIEW, words.HELD)
_OF_THE_PHONE = ("device_no", "depends_on")  # a person who applies an item has looked past these


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides, when, why, and on which version of the item (its outcome document's rev)."""

    actor: Actor
    at: datetime
    reason: str
    expected_version: int


def apply(
    session: Session, no: int, decision: Decision, *, repairs: Mapping[str, Any] | None = None, apart: bool = False
) -> Item:
    """Apply an item that waits, as it is or with `repairs` (members of REPAIRABLE that take the place of those sent).

    It acts for the person who sent it, with the grids of the day on which it arrived, and on the state of now; its clocks run
    from its arrival. `apart` gives a second content an id of its own. What comes out is accepted or superseded. Raises 404
    `sync.review_not_found`, 403 `sync.review_own`, 409 `sync.review_changed`, `sync.review_decided`,
    `sync.review_first_counts` or `sync.review_against_rule`, 422 `sync.review_invalid` or `input.invalid`.
    """
    item = _locked(session, no, decision, "repair", "two_contents")
    _check_repairs(repairs or {}, apart and not item.reused)
    first = waiting.first_of(session, item) if item.reused else None
    if first is not None and not apart and first.outcome not in _WITHOUT_EFFECT and first.code != "refused":
        raise Refusal("sync.review_first_counts", no=first.no)
    value = _repaired(session, item, repairs or {})
    applied = _applied(session, item, value, decision.at, new_id() if apart else None)
    _settle(session, item, applied, decision, "applied", repairs)
    if first is not None:
        if not apart and first.outcome in _WITHOUT_EFFECT:
            _settle(session, first, Applied(words.SUPERSEDED, "refused"), decision, "refused")
        _tell_first(first, item)
    session.flush()
    return item


def refuse(session: Session, no: int, decision: Decision) -> Item:
    """Leave an item that waits without effect: it stays as evidence, and the phone is told why. Raises as `apply` does."""
    item = _locked(session, no, decision, "repair", "two_contents")
    _settle(session, item, Applied(words.SUPERSEDED, "refused"), decision, "refused")
    if item.reused:
        _tell_first(waiting.first_of(session, item), item)
    session.flush()
    return item


def judge_timeliness(session: Session, no: int, decision: Decision, *, in_time: bool) -> Item:
    """Answer whether a visit of unclear time was in time, for the visit and the task that it ended. Raises as `apply` does."""
    item = _locked(session, no, decision, "timeliness")
    visit = session.get_one(Visit, item.became["id"], populate_existing=True)
    rule_timeliness(session, visit, in_time, decision.reason, actor=decision.actor, at=decision.at)
    if in_time and visit.task_id is not None:
        leads.note_timeliness(
            session, visit, session.get_one(Task, visit.task_id), now=decision.at, calendar=current_calendar(session),
            ruled_by=decision.actor.id, reason=decision.reason,
        )  # fmt: skip
    applied = Applied(item.outcome, "reviewed", dict(item.facts), item.result_rev, item.became)
    _settle(session, item, applied, decision, "in_time" if in_time else "late")
    session.flush()
    return item


# -- before a decision ------------------------------------------------------------------------------------------------


def _locked(session: Session, no: int, decision: Decision, *questions: str) -> Item:
    """The item within reach, locked, if it is at the version that was seen and asks one of these questions."""
    item = waiting.item_within(session, no, decision.actor, lock=True)
    if item.user_id == decision.actor.id:
        raise Refusal("sync.review_own")
    if item.rev != decision.expected_version:
        raise Refusal("sync.review_changed", version=item.rev)
    if waiting.question_of(session, item, decision.at) not in questions:
        raise Refusal("sync.review_decided", outcome=item.outcome, outcome_code=item.code)
    return item


def _check_repairs(repairs: Mapping[str, Any], apart_in_vain: bool) -> None:
    wrong = [
        {"path": f"repairs.{name}", "problem": f"只能更正 {'、'.join(REPAIRABLE)} / one of {', '.join(REPAIRABLE)}"}
        for name in repairs
        if name not in REPAIRABLE
    ]
    if b"\\u0000" in orjson.dumps(dict(repairs)):
        wrong.append({"path": "repairs", "problem": "含空字符 / holds a NUL"})
    if apart_in_vain:
        wrong.append({"path": "apart", "problem": "只用于同一编号的第二份内容 / only for a second content of one id"})
    if wrong:
        raise Refusal("input.invalid", fields=wrong)


def _repaired(session: Session, item: Item, repairs: Mapping[str, Any]) -> dict[str, Any]:
    """The item as it is to be applied: what was sent, repaired, on the base of what the person has seen now."""
    value = {**orjson.loads(item.raw), **repairs}
    value.pop("depends_on", None)
    task = session.get(Task, value.get("task_id")) if isinstance(value.get("task_id"), str) else None
    if task is not None:
        value["base_rev"] = task.rev
    return value


def _applied(session: Session, item: Item, value: dict[str, Any], at: datetime, as_id: str | None) -> Applied:
    """Apply it as the push would have; what would have to wait for a person again is a refusal to this one."""
    kind = KINDS.get(value["kind"]) if isinstance(value.get("kind"), str) else None
    has_nul = b"\\u0000" in orjson.dumps(value)
    wrong = checking.problems(value, on_task=kind is not None and kind.on_task, has_nul=has_nul)
    wrong = [one for one in wrong if not one["path"].startswith(_OF_THE_PHONE)]
    if kind is None:
        wrong.append({"path": "kind", "problem": f"应为 {'、'.join(KINDS)} 之一 / one of {', '.join(KINDS)}"})
    if wrong:
        raise Refusal("sync.review_invalid", fields=wrong)
    sender = queries.sender(session, item, local_day(item.received_at), disabled_too=True)
    if sender is None:
        raise Refusal("person.not_found")
    taken = capture.Capture(item.captured_at, item.corrected_at, item.uncertainty_s)
    plausible = taken.is_plausible(item.received_at)
    fact = Fact(item, value, sender, current_calendar(session), at, plausible, as_id)
    try:
        applied = kind.apply(session, fact)
    except Refusal as refusal:
        applied = from_refusal(refusal)
    if applied.outcome == words.REVIEW:
        if applied.code == "stale_base":
            raise Refusal("sync.review_against_rule", reason=applied.facts.get("reason", ""))
        raise Refusal("sync.review_invalid", fields=applied.facts.get("fields", []), outcome_code=applied.code)
    name_evidence(session, {fact.id: checking.named_hashes(value)}, actor=sender, now=item.received_at)
    if applied.outcome == words.ACCEPTED:
        code = "reviewed" if plausible or not value["kind"].startswith("visit.submit") else "implausible_time"
        applied = Applied(applied.outcome, code, applied.facts, applied.rev, applied.became)
    return applied


# -- a decision -------------------------------------------------------------------------------------------------------


def _settle(
    session: Session, item: Item, applied: Applied, decision: Decision, act: str, repairs: Mapping[str, Any] | None = None
) -> None:  # fmt: skip
    """Write what was decided: the decision beside the item, the outcome in it, the event."""
    also = {"also": item.facts["also"]} if "also" in item.facts else {}
    item.outcome, item.code = applied.outcome, applied.code
    item.result_rev, item.became, item.waits_for = applied.rev, applied.became, []
    item.facts = {
        **applied.facts, **also, "reason": decision.reason,
        "review": {"act": act, "at": rfc3339(decision.at), "repaired": sorted(repairs or ())},
    }  # fmt: skip
    session.add(
        ReviewDecision(
            id=new_id(), item_no=item.no, act=act, reason=decision.reason, repairs=dict(repairs or {}), by_user=decision.actor.id,
            at=decision.at, outcome=item.outcome, code=item.code, made=item.became["id"] if item.became else None,
        )
    )  # fmt: skip
    session.flush()
    audit.record(
        session, chain=_chain(session, item), act=f"item.{act}", subject=("item", item.id), actor_id=decision.actor.id,
        at=decision.at, version=item.rev,
        data={"no": item.no, "reason": decision.reason, "repairs": dict(repairs or {}), "outcome": item.outcome, "code": item.code,
              "became": item.became},
    )  # fmt: skip


def _tell_first(first: Item, second: Item) -> None:
    """A second content has no document of its own: the one of the first says what became of it."""
    told = {"outcome": second.outcome, "code": second.code, "became": second.became}
    also = [{**one, **told} if one["no"] == second.no else one for one in first.facts.get("also", [])]
    first.facts = {**first.facts, "also": also}


def _chain(session: Session, item: Item) -> str | None:
    """The area in whose log a decision stands: that of the task, else that of the sender."""
    task = session.get(Task, item.task_id) if item.task_id else None
    if task is not None:
        return area_of(task.area_path)
    area = home_area(session, session.get_one(User, item.user_id))
    return area.code if area is not None else None
