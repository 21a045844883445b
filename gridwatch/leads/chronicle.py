"""What happened to a lead, in words: who did what and when, what was entered, and which clocks it moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gridwatch.domain.lead_flow import Field, Step
from gridwatch.domain.lead_words import CATEGORIES, JOINT_RESULTS, STATE_NAMES
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.permits import SYSTEM
from gridwatch.leads import queries
from gridwatch.leads.lights import duty_words
from gridwatch.leads.models import Lead
from gridwatch.leads.step_forms import STEP_OF
from gridwatch.leads.views import VERDICT_NAMES
from gridwatch.web.pages import day_words, pick, t

# fmt: off
# What a report says (T01), in the order in which it is read. Its row in the table has no fields: it comes from a phone.
REPORT_FIELDS: dict[str, tuple[str, str]] = {
    "category": ("线索类别", "category"), "title": ("标题", "title"), "description": ("情况说明", "description"),
    "address_text": ("地址", "address"), "evidence": ("证据", "evidence"), "flags": ("标记", "marks"),
}
FLAGS: dict[str, tuple[str, str]] = {
    "major": ("重大隐患", "major hazard"), "joint": ("联合办理", "joint"), "uncertain": ("不确定或有异议", "uncertain or contested"),
    "needs_review": ("待复核", "needs review"), "ruled": ("已裁定", "ruled"),
}
# An assignment has a state of its own; `returned` is the one word that says something else there.
UNIT_STATES: dict[str, tuple[str, str]] = {**STATE_NAMES, "returned": ("已退回", "returned by the department")}
# Events that are no step of the table.
OTHERS: dict[str, tuple[str, str]] = {
    "dates_recomputed": ("按新的放假安排重算日期", "dates counted anew by the new holiday notice"),
    "windows_made": ("到期生成下一期", "the next window begins to run"),
    "passed_on": ("移交：换了网格或处置人员", "handed over: another grid or another handler"),
    "package_exported": ("导出材料包", "package exported"),
    "timeliness_corrected": ("更正：当时已按时完成", "corrected: it had been done in time"),
    "visit_without_effect": ("走访已收，留作凭证，没有改变线索", "visit kept as evidence; it changed nothing here"),
}
CORRECTED_BECAUSE: dict[str, tuple[str, str]] = {
    "late_sync": ("走访按时，手机迟到同步", "the visit was in time, the phone synced late"),
    "ruled_in_time": ("经核对认定走访按时", "a person ruled that the visit was in time"),
}
# fmt: on


@dataclass
class Entry:
    """One event as it is read. `moved` says which clocks and states it moved; `is_new` that the reader had not seen it."""

    at: str
    who: str
    what: str
    version: int | None
    step: str | None
    asked: bool
    unit: str | None
    entered: list[tuple[str, list[str]]] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    is_new: bool = False


class Teller:
    """Tells the events of one lead, with the names of the people, departments and duties that they mention."""

    def __init__(self, session: Session, lead: Lead, events: Sequence[Mapping[str, Any]]) -> None:
        self.lead, self.events = lead, events
        self.departments = queries.department_names(session)
        self.people = queries.people_names(session, set(_people_in(events)))
        self.units = {unit.id: unit.department_code for unit in lead.assignments}
        self.duties = {duty.id: duty for duty in lead.obligations}

    def told(self, seen: int | None = None) -> list[Entry]:
        """The events, oldest first; those after the version `seen` are marked as new."""
        return [self._entry(event, seen) for event in self.events]

    def entered(self, step: Step | None, inputs: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
        """What was entered for a step: the labels of its fields, and the values in words."""
        if step is None or not step.fields:
            rows = [
                (label, self._reported(name, inputs[name])) for name, label in REPORT_FIELDS.items() if inputs.get(name)
            ]
            return [(t(*label), values) for label, values in rows]
        known = [one for one in step.fields if one.kind != "unit" and inputs.get(one.name) not in (None, "", [], False)]
        return [(t(one.zh, one.en), self._values(one, inputs[one.name])) for one in known]

    def _entry(self, event: Mapping[str, Any], seen: int | None) -> Entry:
        step = STEP_OF.get(event.get("step") or "")
        return Entry(
            at=event["at"], who=self._who(event), what=_what(event, step), version=event["version"], step=event.get("step"),
            asked=bool(event.get("asked")), unit=event.get("unit"), entered=self.entered(step, event.get("inputs", {})) if step else [],
            moved=[*self._desk(event), *self._clocks(event), *self._corrected(event)],
            is_new=seen is not None and event["version"] is not None and event["version"] > seen,
        )  # fmt: skip

    def _who(self, event: Mapping[str, Any]) -> str:
        if event["actor_id"] == SYSTEM.id:
            return t("系统", "system")
        return event["actor"] or t("上报人", "the reporter")

    def _reported(self, name: str, value: Any) -> list[str]:
        if name == "category":
            return [pick(CATEGORIES.get(value, (value, value)))]
        if name == "flags":
            return [pick(FLAGS.get(one, (one, one))) for one in value]
        return value if isinstance(value, list) else [str(value)]

    def _values(self, one: Field, value: Any) -> list[str]:
        if one.kind == "flag":
            return [t("是", "yes")]
        parts = value if isinstance(value, list) else [value]
        words = {
            "code": lambda part: t(*one.choices.get(part, (part, part))),
            "department": lambda part: self.departments.get(part, part),
            "person": lambda part: self.people.get(part, part),
            "date": day_words,
            "duty": self._named_duty,
            "results": lambda part: f"{self.departments.get(part['department'], '')}{t('：', ': ')}{pick(JOINT_RESULTS[part['result']])}",
        }  # fmt: skip
        words |= {"codes": words["code"], "departments": words["department"]}
        return [words[one.kind](part) if one.kind in words else str(part) for part in parts]

    # -- what it moved ---------------------------------------------------------------------------------------------

    def _desk(self, event: Mapping[str, Any]) -> Iterable[str]:
        before, after = event.get("from"), event.get("to")
        if before and after and before != after:
            yield t(
                f"{STATE_NAMES[before][0]} → {STATE_NAMES[after][0]}",
                f"{STATE_NAMES[before][1]} → {STATE_NAMES[after][1]}",
            )
        for unit_id, values in event.get("units", {}).items():
            if "state" in values:
                name = self.departments.get(self.units.get(unit_id, ""), "")
                yield f"{name}{t('：', ': ')}{pick(UNIT_STATES[values['state']])}"

    def _corrected(self, event: Mapping[str, Any]) -> Iterable[str]:
        """Which duties were done in time after all, when word of it came, and why it counts."""
        why = pick(CORRECTED_BECAUSE.get(event.get("because", ""), ("", "")))
        for one in event.get("corrected", ()):
            name = self._duty(one["kind"], one["k"], None)
            due, done, came = day_words(one["due_on"]), day_words(one["done_on"]), day_words(one["arrived_on"])
            yield t(
                f"{name}：{done} 完成，按期（{due} 到期）；{came} 送达。更正原因：{why}",
                f"{name}: done on {done}, in time (due {due}); word came on {came}. Corrected because {why}",
            )

    def _clocks(self, event: Mapping[str, Any]) -> Iterable[str]:
        if event.get("corrected"):
            return
        for end in event.get("ended", ()):
            duty = self.duties.get(end["id"])
            if duty is not None and end["how"] != "superseded":
                yield f"{self._duty(duty.kind, duty.k, duty.assignment_id)}{t('：', ': ')}{_ended(end, duty.due_on)}"
        for one in event.get("opened", ()):
            due = _due(one["due_on"], one["provisional"])
            moved_from = self.duties.get(one.get("supersedes") or "")
            name = self._duty(one["kind"], one["k"], one["unit"])
            if one["cause"] == "unmerged":
                yield t(f"{name}：继续计时，{due} 到期", f"{name}: runs again, due {due}")
            elif moved_from is not None and moved_from.due_on.isoformat() == one["due_on"]:
                yield t(f"{name}：{due} 不变，不再暂定", f"{name}: {due} stands, no longer provisional")
            elif moved_from is not None:
                yield t(
                    f"{name}：改为 {due} 到期，原为 {day_words(moved_from.due_on)}",
                    f"{name}: now due {due}, was {day_words(moved_from.due_on)}",
                )
            else:
                yield t(f"{name}：起算，{due} 到期", f"{name}: starts, due {due}")

    def _named_duty(self, duty_id: str) -> str:
        duty = self.duties.get(duty_id)
        return duty_id if duty is None else self._duty(duty.kind, duty.k, duty.assignment_id)

    def _duty(self, kind: str, k: int, unit: str | None) -> str:
        name = t(*duty_words(ObligationKind(kind).value, k))
        department = self.departments.get(self.units.get(unit or "", ""))
        return t(f"{department} {name}", f"{department}, {name}") if department else name


def _people_in(events: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for event in events:
        step = STEP_OF.get(event.get("step") or "")
        for one in step.fields if step else ():
            if one.kind == "person" and (person := event.get("inputs", {}).get(one.name)):
                yield person


def _what(event: Mapping[str, Any], step: Step | None) -> str:
    if step is None:
        return pick(OTHERS.get(event["act"], (event["act"], event["act"])))
    return t(f"申请{step.zh}", f"asks: {step.en}") if event.get("asked") else t(step.zh, step.en)


def _ended(end: Mapping[str, Any], due_on: date) -> str:
    how = end["how"]
    if how == "met" and date.fromisoformat(end["on"]) > due_on:
        how = "met_late"
    return pick(VERDICT_NAMES.get(how, (how, how)))


def _due(on: str, provisional: bool) -> str:
    return day_words(on) + (t("（暂定）", " (provisional)") if provisional else "")
