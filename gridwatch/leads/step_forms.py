"""The steps of a lead as forms: generated from the fields of their rows, read back, and given back filled in when refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from gridwatch.areas.queries import departments, prefixes
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_flow import STEPS, Field, Step, rows_of
from gridwatch.domain.lead_inputs import STEP_OF_RESULT
from gridwatch.domain.lead_words import ENDED, JOINT_RESULTS, STATE_NAMES, Act, LeadState, UnitState
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.leads import queries
from gridwatch.leads.lights import duty_words
from gridwatch.leads.models import Lead, LeadPackage
from gridwatch.people.models import User
from gridwatch.people.queries import receivers
from gridwatch.tasks.models import Visit
from gridwatch.web.pages import TYPED, day_words, moment_words, pick, t

SHORT = 120  # a text of at most so many characters gets one line
NEARBY = 30  # so many other leads are offered
_ENDED = [state.value for state in ENDED]
FEW = 4  # so many choices are shown as buttons, more as a list
STEP_OF = {step.id: step for step in STEPS}
_BLANKS = re.compile(r"[\s,，;；]+")

Option = tuple[str, str]  # value, words
Pair = tuple[str, str]  # Chinese, English


@dataclass
class FormField:
    """One input as the page shows it. `widget`: line, text, list, radios, checks, flag, day or evidence."""

    name: str
    label: str
    widget: str
    required: bool
    most: int
    least: int
    options: list[Option] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    problem: str = ""
    hint: str = ""
    latest: date | None = None

    @property
    def value(self) -> str:
        """The first value, empty without one."""
        return self.values[0] if self.values else ""


@dataclass
class StepForm:
    """One step that may be taken now. `told` is what the asker entered, for whoever is to confirm it; `advice` what is advised."""

    act: str
    step: str
    name: str
    assignment: str | None
    fields: list[FormField]
    told: list[Option] = field(default_factory=list)
    refused: bool = False
    advice: dict[str, Any] | None = None


# -- building ---------------------------------------------------------------------------------------------------------


def forms(session: Session, lead: Lead, view: Mapping[str, Any], actor: Actor, today: date) -> list[StepForm]:
    """A form for each entry of `allowed` in the view of a lead, for the person who looks at it."""
    choose = _Choices(session, lead, view, actor, today)
    made = []
    for entry in view["allowed"]:
        step, asked = STEP_OF[entry["step"]], {one["name"] for one in entry["fields"]}
        unit = next((unit for unit in lead.assignments if unit.id == entry["assignment"]), None)
        rows = [
            row
            for one in step.fields
            if one.name in asked and one.kind != "unit"
            for row in (choose.results(one) if one.kind == "results" else (choose.field(step, one, unit),))
        ]
        made.append(StepForm(entry["act"], step.id, pick(entry["name"]), entry["assignment"], rows))
    return made


def suggest(form: StepForm, advised: dict[str, Any]) -> None:
    """Show advice with a push. Where the community proposes no department, the advised ones are chosen beforehand."""
    form.advice = advised
    fields = {one.name: one for one in form.fields}
    lead, assists = fields["lead_department"], fields["assist_departments"]
    if advised["department"] and not lead.values:
        lead.values, assists.values = [advised["department"]["code"]], [one["code"] for one in advised["assists"]]
        lead.hint = t("已按建议选好，可以改。", "As is advised; you may choose another.")
    fields["advice_overridden"].hint = t("推送给别的部门时填写。", "For a push to another department.")


class _Choices:
    """What can be chosen for the fields of a lead's steps, looked up once."""

    def __init__(self, session: Session, lead: Lead, view: Mapping[str, Any], actor: Actor, today: date) -> None:
        self.session, self.lead, self.view, self.actor, self.today = session, lead, view, actor, today
        self._departments: list[Option] | None = None

    def field(self, step: Step, one: Field, unit: Any) -> FormField:
        made = FormField(one.name, t(one.zh, one.en), _widget(one), one.required, one.most, one.least)
        makers: dict[str, Callable[[], list[Option]]] = {
            "department": self._receiving,
            "departments": self._reworking if step.act is Act.FAIL else self._receiving,
            "person": lambda: self._people(one, unit),
            "evidence": lambda: [(digest, f"{digest[:8]}…") for digest in self.lead.evidence],
            "lead": self._other_leads,
            "duty": self._late_duties,
        }
        if one.choices:
            made.options = [(code, t(*names)) for code, names in one.choices.items()]
        elif one.kind in makers:
            made.options = makers[one.kind]()
        if one.name == "visit":
            made.widget, made.options = "list", self._visits(step)
        if one.name == "occurred_on":
            made.latest = self.today
        if one.name == "package":
            newest = select(LeadPackage.sha256).where(LeadPackage.lead_id == self.lead.id)
            made.values = list(self.session.scalars(newest.order_by(LeadPackage.exported_at.desc()).limit(1)))
            made.hint = t(
                "最近导出的材料包；没有则先导出。", "The package exported last; export one first where there is none."
            )
        if one.kind == "evidence" and "evidence_is_the_leads" in step.guards:
            made.widget = "checks"
        if one.name == "lead_department" and self.lead.proposed_department:
            made.values = [self.lead.proposed_department]
            made.hint = t("已按社区的建议选好，可以改。", "As the community proposes; you may choose another.")
        if one.name == "licence_nos":
            made.hint = t("两名执法人员的证号，用逗号分开。", "Of both officers, with a comma between.")
        return made

    def results(self, one: Field) -> Iterator[FormField]:
        """The fields of what came of a joint operation: for each department at work how it stands, and what that asks for."""
        names = dict(self._receiving())
        for unit in self.lead.assignments:
            if unit.round != self.lead.round or unit.state != UnitState.WORKING.value:
                continue
            name, prefix = names.get(unit.department_code, unit.department_code), f"{one.name}.{unit.department_code}."
            options = [(code, t(*words)) for code, words in JOINT_RESULTS.items()]
            yield FormField(f"{prefix}result", f"{name}：{t(one.zh, one.en)}", "radios", True, 1, 0, options)
            for result, step in _result_steps():
                for inner in step.fields:
                    if inner.kind == "unit":
                        continue
                    made = self.field(step, inner, unit)
                    made.name, made.required = f"{prefix}{result}.{inner.name}", False
                    made.label = f"{name}：{made.label}"
                    made.hint = t(f"选「{JOINT_RESULTS[result][0]}」时填", f"for “{JOINT_RESULTS[result][1]}”")
                    yield made

    def _other_leads(self) -> list[Option]:
        """Leads that this one may be the same as, then the open ones of the place, the newest first."""
        likely = [(one["id"], f"{one['no']} {one['title']}") for one in self.view["hints"]["duplicates"]]
        nearby = (
            queries.leads_within(self.actor)
            .where(Lead.area_path == self.lead.area_path, Lead.id != self.lead.id, Lead.state.not_in(_ENDED))
            .with_only_columns(Lead.id, Lead.no, Lead.title)
            .order_by(Lead.reported_at.desc(), Lead.id)
            .limit(NEARBY)
        )
        others = [(lead_id, f"{no} {title}") for lead_id, no, title in self.session.execute(nearby)]
        return list(dict([*likely, *others]).items())

    def _late_duties(self) -> list[Option]:
        """The duties that were not met in time and are not excused yet."""
        excused = {duty.id for duty in self.lead.obligations if duty.excuse is not None}
        return [
            (duty["id"], f"{t(*duty_words(duty['kind'], duty['k']))} {day_words(duty['due_on'])}")
            for duty in self.view["obligations"]
            if duty["late"] and duty["id"] not in excused
        ]

    def _receiving(self) -> list[Option]:
        """The departments of the lead's own areas that were not abolished."""
        if self._departments is None:
            codes = {path.rstrip("/").rpartition("/")[2] for path in prefixes(self.lead.area_path)}
            self._departments = [
                (one.code, one.name)
                for one in departments(self.session)
                if one.area_code in codes and (one.valid_to is None or one.valid_to >= self.today)
            ]
        return self._departments

    def _reworking(self) -> list[Option]:
        units = [
            unit for unit in self.lead.assignments if unit.round == self.lead.round and unit.state == "done_claimed"
        ]
        codes = {unit.department_code for unit in units}
        return [option for option in self._receiving() if option[0] in codes]

    def _people(self, one: Field, unit: Any) -> list[Option]:
        if one.name == "officer":
            roles = (Role.CASE_OFFICER, Role.DEPARTMENT_RECEIVER, Role.DEPARTMENT_LEADER)
            posts = [Grant(role, department=unit.department_code) for role in roles] if unit else []
        else:
            roles = (Role.COMMUNITY_HANDLER, Role.COMMUNITY_DISPATCHER)
            posts = [Grant(role, area_path=self.lead.area_path) for role in roles]
        found = receivers(self.session, posts)
        ids = list(dict.fromkeys(person for post in posts for person in found[post]))
        rows = self.session.execute(select(User.id, User.name).where(User.id.in_(ids)))
        names = dict(rows.all())
        return [(person, names[person]) for person in ids]

    def _visits(self, step: Step) -> list[Option]:
        """The visits that can answer the step: passed verifications for T27, rechecks for T07b."""
        item = "VF01" if step.act is Act.PASS else "RC01"
        visits = self.session.scalars(
            select(Visit)
            .where(Visit.lead_id == self.lead.id, Visit.effect == "accepted")
            .order_by(Visit.received_at.desc())
        )
        found = [(visit, queries.finding_of(visit, item)) for visit in visits]
        fit = [visit for visit, one in found if one and (item == "RC01" or one.get("verdict") == "passed")]
        return [(visit.id, moment_words(visit.performed_at or visit.received_at)) for visit in fit]


def _widget(one: Field) -> str:
    if one.kind == "code":
        return "radios" if len(one.choices) <= FEW else "list"
    return {
        "text": "line" if one.most <= SHORT else "text", "codes": "checks", "date": "day", "flag": "flag",
        "department": "list", "departments": "checks", "person": "list", "evidence": "evidence",
    }.get(one.kind, "line")  # fmt: skip


# -- reading ----------------------------------------------------------------------------------------------------------


def row_for(act: Act, state: str) -> Step:
    """The row that an act means in a state of the lead, as the rules look it up."""
    rows = [step for step, _ in rows_of(act)]
    return next((step for step in rows if LeadState(state) in step.frm), rows[0])


def entered(step: Step, form: MultiDict[str, str]) -> dict[str, Any]:
    """What was filled in, in the kinds that the rules check; what was left empty is left out."""
    inputs = _read(step.fields, form, TYPED)
    for one in step.fields:
        if one.kind == "results" and (results := list(_results(f"{TYPED}{one.name}.", form))):
            inputs[one.name] = results
    if unit := form.get("assignment"):
        inputs["assignment"] = unit
    return inputs


def _read(fields: Iterable[Field], form: MultiDict[str, str], prefix: str) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for one in fields:
        values = [value.replace("\r\n", "\n") for value in form.getlist(prefix + one.name) if value.strip()]
        if one.kind == "evidence":
            values += [part for part in _BLANKS.split(form.get(f"{prefix}{one.name}.new", "")) if part]
        if one.kind == "flag":
            inputs |= {one.name: True} if values else {}
        elif values:
            inputs[one.name] = values if one.kind in ("codes", "departments", "evidence") else values[0]
    return inputs


def _results(prefix: str, form: MultiDict[str, str]) -> Iterator[dict[str, Any]]:
    """One result for each department that was answered for, with the fields of the kind of result that was chosen."""
    steps = dict(_result_steps())
    for name, result in form.items():
        if name.startswith(prefix) and name.endswith(".result") and result in steps:
            department = name.removeprefix(prefix).removesuffix(".result")
            yield {"department": department, "result": result} | _read(
                steps[result].fields, form, f"{prefix}{department}.{result}."
            )


def _result_steps() -> list[tuple[str, Step]]:
    return [(result, STEP_OF[step]) for result, step in STEP_OF_RESULT.items()]


def refill(made: StepForm, form: MultiDict[str, str], refusal: Refusal) -> None:
    """Put what was typed back into its form, and mark the fields that a refusal names."""
    problems = {one["path"]: one["problem"] for one in refusal.facts.get("fields", ())}
    made.refused = True
    for one in made.fields:
        one.values = form.getlist(TYPED + one.name)
        if one.widget == "evidence" and (new := form.get(f"{TYPED}{one.name}.new", "")):
            one.values.append(new)
        name = one.name.partition(".")[0]  # what is wrong with a result is said at the first field of the results
        if name in problems:
            one.problem = _problem(STEP_OF[made.step], name, problems.pop(name))


# -- refusals in words ------------------------------------------------------------------------------------------------


def spoken(refusal: Refusal, step: Step) -> Refusal:
    """The same refusal with its facts in the reader's language, for the sentence of the catalogue."""
    facts = dict(refusal.facts)
    if "act" in facts:
        facts["act"] = t(step.zh, step.en)
    if "assignment_state" in facts:
        facts["state"] = t(*STATE_NAMES[facts["assignment_state"] or facts["lead_state"]])
    if refusal.code == "lead.input_invalid":
        labels = {one.name: t(one.zh, one.en) for one in step.fields}
        words = [
            f"{labels.get(one['path'], one['path'])}：{_problem(step, one['path'], one['problem'])}"
            for one in facts["fields"]
        ]
        facts["reason"] = t("；", "; ").join(words) if t("zh", "en") == "zh" else "; ".join(words).replace("：", ": ")
    elif "reason" in facts:
        facts["reason"] = _half(facts["reason"])
    return Refusal(refusal.code, headers=refusal.headers, **facts)


def _half(text: str) -> str:
    """The reader's half of `中文 / English`."""
    zh, slash, en = text.partition(" / ")
    return t(zh, en) if slash else text


def _problem(step: Step, name: str, problem: str) -> str:
    """What is wrong with a field: the words of a guard, or what the kind of the field asks for."""
    one = next((one for one in step.fields if one.name == name), None)
    if " / " in problem or one is None:
        return _half(problem)
    if problem == "required":
        return t("必填", "required")
    wanted: dict[str, Pair] = {
        "text": (f"{one.least or 1} 至 {one.most} 个字", f"{one.least or 1} to {one.most} characters"),
        "date": ("写成 2026-10-13 这样的日期，2000 至 2100 年", "a day like 2026-10-13, of the years 2000 to 2100"),
        "evidence": (
            f"每条是 64 位小写十六进制的 SHA-256，不重复，最多 {one.most} 条",
            f"each is a SHA-256 in 64 lower-case hex digits, none twice, {one.most} at most",
        ),
        "codes": (f"从列出的里选，最多 {one.most} 项", f"from the list, {one.most} at most"),
        "departments": (f"从列出的里选，最多 {one.most} 个", f"from the list, {one.most} at most"),
    }
    return t(*wanted.get(one.kind, ("从列出的里选一个", "one from the list")))
