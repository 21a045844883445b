"""The kinds of items as a table: kind → what applies it. A handler calls the same service that the consoles use.

A handler gets a `Fact`, whose common part is checked, and returns an `Applied`. A Refusal of a service, which has changed
nothing, becomes an outcome here: what is a fact is never refused, only queued for a person (invariant I6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.domain.datum import Datum, to_wgs84
from gridwatch.domain.errors import Refusal
from gridwatch.domain.lead_words import Act
from gridwatch.domain.offers import Offer
from gridwatch.domain.permits import Actor, Role, scopes_for
from gridwatch.domain.worktime import WorkCalendar, local_day
from gridwatch.entities.models import Entity
from gridwatch.entities.queries import lock_entity
from gridwatch.entities.service import area_of
from gridwatch.leads import service as leads
from gridwatch.leads.beginning import LeadReport, report_all
from gridwatch.leads.models import Lead
from gridwatch.leads.queries import lead_within
from gridwatch.markets import service as markets
from gridwatch.markets.models import Market, MarketFinding, MarketRound
from gridwatch.markets.offers import offers_at
from gridwatch.people.queries import held_scopes
from gridwatch.places.models import Address, Grid
from gridwatch.sync import checking, words
from gridwatch.sync.decoding import is_uuid
from gridwatch.sync.models import Item
from gridwatch.tags.queries import address_of_tag
from gridwatch.tasks import service as tasks
from gridwatch.tasks.models import Visit
from gridwatch.tasks.offers import offers_of
from gridwatch.tasks.rulings import withdraw_visit

_ONCE_HELD = timedelta(days=180)
_Record = TypeVar("_Record", Visit, MarketRound)


@dataclass(frozen=True, slots=True)
class Fact:
    """An item to apply: its row (times corrected), what was sent, who sent it, and the calendar and time of applying it.

    The item's own arrival drives its clocks; `now` is later than that only for an item that was held or reviewed. `value` is
    the item as sent, or as a person repaired it; `as_id` is another id to apply it under, for a second content of one id.
    """

    item: Item
    value: Mapping[str, Any]
    actor: Actor
    calendar: WorkCalendar
    now: datetime
    is_plausible: bool
    as_id: str | None = None

    @property
    def id(self) -> str:
        """The id of what it makes."""
        return self.as_id or self.item.id

    @property
    def scope(self) -> str:
        """The scope that the phone stood in, empty where it named none."""
        return self.value.get("scope") or ""

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the kind itself brings."""
        return self.value["payload"]

    @property
    def performed_at(self) -> datetime | None:
        """The corrected time of capture, None where it cannot be true."""
        return self.item.corrected_at if self.is_plausible else None

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of all files of the item."""
        return [one["sha256"] for one in checking.files_of(dict(self.value))]

    @property
    def point(self) -> tuple[float, float] | None:
        """Longitude and latitude of the place of capture in WGS-84."""
        return point_of(self.value.get("place"))


def point_of(place: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Longitude and latitude in WGS-84 of a checked place, as an item or a visit keeps it; None without one."""
    if not place:
        return None
    return to_wgs84(place["lon"], place["lat"], Datum.named(place.get("crs") or "WGS84"))


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an item. `rev` is that of the document it changed, `became` names the thing that it made."""

    outcome: str = words.ACCEPTED
    code: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    rev: int | None = None
    became: dict[str, Any] | None = None


Handler = Callable[[Session, Fact], Applied]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table. `on_task`: the item must name a task and the rev of it that the phone knew.

    `together` applies several facts of one sender at once, for a kind that comes by the dozen; it raises where one of them
    would be refused, having changed nothing that lasts.
    """

    apply: Handler
    on_task: bool = False
    together: Callable[[Session, list[Fact]], list[Applied]] | None = None


def _visit(session: Session, fact: Fact) -> Applied:
    """visit.submit: what a worker did at the door of a task; what it means for a lead follows from it (recheck, verification)."""
    item, value = fact.item, fact.value
    result = tasks.submit_visit(
        session,
        tasks.VisitReport(
            id=fact.id, task_id=value["task_id"], base_rev=value["base_rev"], device_id=item.device_id, performed_at=fact.performed_at,
            uncertainty_s=item.uncertainty_s, in_order=item.in_order, received_at=item.received_at,
            item_version=value.get("item_version"),
            payload=dict(fact.payload), place=value.get("place"), files=checking.files_of(dict(value)),
        ),
        actor=fact.actor, calendar=fact.calendar,
    )  # fmt: skip
    if result.effect == "review":
        return Applied(words.REVIEW, result.code, {"fields": _of_payload(result.fields)} if result.fields else {})
    if result.effect == "superseded":
        if result.visit is not None and result.task is not None:
            leads.note_timeliness(session, result.visit, result.task, now=item.received_at, calendar=fact.calendar)
        return Applied(words.SUPERSEDED, result.code, rev=result.task.rev if result.task else None)
    if result.visit is not None and result.task is not None:
        leads.note_visit(
            session, result.visit, result.task, actor=fact.actor, now=item.received_at, calendar=fact.calendar
        )
    return Applied(rev=result.task.rev if result.task else None, became={"kind": "visit", "id": fact.id})


def _withdraw_visit(session: Session, fact: Fact) -> Applied:
    """visit.withdraw: {visit_id, reason}. A worker takes a visit of his own back: it counts for nothing, the task is open again.

    Where something stands on the visit (a lead, another visit) a person decides: the item goes to review, by the refusal of
    the service. In a grid that he lost the task is no longer his: superseded.
    """
    visit_id = fact.payload.get("visit_id")
    visit = session.get(Visit, visit_id) if is_uuid(visit_id) else None
    if visit is None or visit.by_user != fact.actor.id or visit.task_id != fact.value["task_id"]:
        return _invalid(
            [_problem("payload.visit_id", "应为您在本任务的走访记录 / a visit of yours to this task is needed")]
        )
    if visit.grid_code not in fact.actor.grids:
        return Applied(words.SUPERSEDED, "reassigned")
    reason = str(fact.payload.get("reason") or "")[:500]
    task = withdraw_visit(session, visit, reason, actor=fact.actor, at=fact.item.received_at)
    return Applied(rev=task.rev if task else None, became={"kind": "visit", "id": visit.id})


def _report(session: Session, fact: Fact) -> Applied:
    """lead.report: T01. The payload is {category, title, description, entity_id, address}; the id of the item is the lead's.

    With {visit_id, transfer} it makes a lead of what a visit of the sender found: what it does not say itself is filled in from
    the visit (entity, address, place, evidence, category, title, the findings in words). `transfer` is the condition that the
    visit meets, as `RG01.not_there`; the first that it meets without. {round_id, stall, transfer} does the same with what a round
    in a market, or a check of one, found at a stall.
    """
    told = _told(session, fact)
    return _invalid(told) if isinstance(told, list) else _reported(session, [fact], [told])[0]


def _reports(session: Session, facts: list[Fact]) -> list[Applied]:
    """The same for several reports of one person; raises where one of them would be refused."""
    all_told = []
    for fact in facts:
        told = _told(session, fact)
        if isinstance(told, list):
            raise Refusal("lead.input_invalid", reason=told[0]["problem"], fields=told)
        all_told.append(told)
    return _reported(session, facts, all_told)


def _reported(session: Session, facts: list[Fact], told: list[LeadReport]) -> list[Applied]:
    leads_ = report_all(session, told, actor=facts[0].actor, calendar=facts[0].calendar)
    return [_became_lead(lead) for lead in leads_]


def _told(session: Session, fact: Fact) -> LeadReport | list[checking.Problem]:
    """What is reported, or what is wrong with it."""
    if not scopes_for(fact.actor, "lead.report"):
        return [_problem("kind", "您的岗位不上报线索 / your role does not report leads")]
    wrong = [
        _problem(f"payload.{name}", "应为文字 / a text is needed")
        for name in _REPORT
        if not isinstance(fact.payload.get(name) or "", str)
    ]
    if wrong:
        return wrong
    offer = None
    if any(fact.payload.get(name) is not None for name in ("visit_id", "round_id")):
        offer = _offered(session, fact)
        if isinstance(offer, list):
            return offer
    told = fact.payload
    by_market = Role.MARKET_MANAGER in fact.actor.roles and Role.GRID_WORKER not in fact.actor.roles
    report = LeadReport(
        id=fact.id, category=told.get("category") or "", title=told.get("title") or "", description=told.get("description") or "",
        entity_id=told.get("entity_id") or None, address_text=told.get("address") or "", grid_code=fact.scope.partition("grid:")[2] or None,
        evidence=fact.hashes, performed_at=fact.performed_at, received_at=fact.item.received_at,
        source="market" if by_market else "worker", flags=["needs_review"] if by_market else [],
    )  # fmt: skip
    point = fact.point
    if offer is not None:
        report = _filled_in(report, offer)
        point = point or point_of(offer.place)
    lon, lat = point or (None, None)
    return replace(report, lon=lon, lat=lat)


def _offered(session: Session, fact: Fact) -> Offer | list[checking.Problem]:
    """What the visit or round that a report names offers to become; it is one of the sender's own."""
    wanted = fact.payload.get("transfer")
    if fact.payload.get("visit_id") is not None:
        visit = _own(session, Visit, fact, "visit_id")
        if visit is None:
            return [_problem("payload.visit_id", "应为您的走访记录 / a visit of yours is needed")]
        offers = offers_of(session, visit, fact.value.get("item_version"))
    else:
        round_, stall = _own(session, MarketRound, fact, "round_id"), fact.payload.get("stall") or ""
        finding = (
            session.get(MarketFinding, (round_.id, stall)) if round_ is not None and isinstance(stall, str) else None
        )
        if round_ is None or finding is None:
            said = "应为您的自查或抽查记录及其中的铺位 / a round of yours and a stall in it are needed"
            return [_problem("payload.round_id", said)]
        offers = offers_at(session, round_, finding)
    found = next((one for one in offers if wanted in (None, "", one.name)), None)
    if found is None:
        names = "、".join(one.name for one in offers) or "-"
        said = (
            f"结果不符合这一移交条件，符合的：{names} / what was found does not meet this condition; it meets: {names}"
        )
        return [_problem("payload.transfer", said)]
    return found


def _own(session: Session, model: type[_Record], fact: Fact, name: str) -> _Record | None:
    """The row of the sender's own that the payload names."""
    id_ = fact.payload.get(name)
    row = session.get(model, id_) if is_uuid(id_) else None
    return row if row is not None and row.by_user == fact.actor.id else None


def _filled_in(report: LeadReport, offer: Offer) -> LeadReport:
    """A report with what it leaves open filled in from a visit or round. The findings stay in words beside what the worker adds."""
    said = [text for text in (offer.description, report.description.strip()) if text]
    return replace(
        report, category=report.category or offer.categories[0], title=report.title or offer.title, description="\n".join(said),
        entity_id=report.entity_id or offer.entity_id, address_text=report.address_text or offer.address_text,
        grid_code=report.grid_code or offer.grid_code, evidence=list(dict.fromkeys([*report.evidence, *offer.evidence])),
    )  # fmt: skip


_REPORT = ("category", "title", "description", "entity_id", "address")


def _lead_step(act: Act, *, with_evidence: bool = False) -> Handler:
    """lead.resubmit, lead.withdraw, notice.serve: a step of the lead table. The payload is {lead_id, and the fields of its row}."""

    def _take(session: Session, fact: Fact) -> Applied:
        inputs = dict(fact.payload)
        lead_id = inputs.pop("lead_id", None)
        if not is_uuid(lead_id):
            return _invalid([_problem("payload.lead_id", "应为线索编号 / the id of a lead is needed")])
        try:
            lead = lead_within(session, lead_id, fact.actor, "lead.step", lock=True)
        except Refusal:
            if _held_once(session, fact, lead_id):
                return Applied(words.SUPERSEDED, "reassigned")
            raise
        if with_evidence:
            inputs.setdefault("evidence", fact.hashes)
        leads.take_step(session, lead, act, inputs, actor=fact.actor, now=fact.now, calendar=fact.calendar)
        return _became_lead(lead)

    return _take


def _became_lead(lead: Lead) -> Applied:
    return Applied(rev=lead.rev, became={"kind": "lead", "id": lead.id, "no": lead.no})


def _held_once(session: Session, fact: Fact, lead_id: str) -> bool:
    """Whether the lead stands in a grid that the sender held within the last 180 days: then it was his work, and went to others."""
    grid = session.scalar(select(Lead.grid_code).where(Lead.id == lead_id))
    return _held_grid(session, fact, grid)


def _held_grid(session: Session, fact: Fact, grid: str | None) -> bool:
    """Whether the sender held a grid within the last 180 days."""
    today = local_day(fact.item.received_at)
    return (
        grid is not None
        and f"grid:{grid}" in session.scalars(held_scopes(fact.actor.id, today, today - _ONCE_HELD)).all()
    )


def _bind(session: Session, fact: Fact) -> Applied:
    """address.bind: {entity_id, address_code or tag}. A worker at the door says which standard address a market entity stands at,
    by its code or by what a phone without a connection scanned there.

    An entity of his grid that has no standard address yet gets it; its text, point and grid stay those of the register, which
    is their master. In every other case (another address is there, another grid, an unknown code) the item is a record that
    the desk reads beside the entity. `facts.bound` says which it was.
    """
    entity_id = fact.payload.get("entity_id")
    code = fact.payload.get("address_code") or address_of_tag(session, fact.payload.get("tag"))
    entity = session.get(Entity, entity_id) if is_uuid(entity_id) else None
    address = session.get(Address, code) if isinstance(code, str) else None
    bound = False
    if entity is not None and address is not None and entity.grid_code in fact.actor.grids:
        entity = lock_entity(session, entity.id)
        if bound := entity.address_code is None:
            entity.address_code = address.code
            session.flush()
    return replace(_keep(session, fact, about=entity, bound=bound), facts={"bound": bound})


def _round(session: Session, fact: Fact) -> Applied:
    """checklist.submit: {market, checklist, stalls: [{stall, findings, remarks, photos}], draw}. A manager's round of his market.

    With `draw`, a month, it is a worker's check of stalls that were drawn then. A round of a market that is no longer the
    sender's is superseded. A payload without `market` is a record as a suggestion is: phones sent such before markets had stalls.
    """
    if "market" not in fact.payload:
        return _record_only(session, fact)
    report = markets.RoundReport(fact.id, fact.payload, fact.hashes, fact.performed_at, fact.item.received_at)
    try:
        market = markets.submit_round(session, report, actor=fact.actor)
    except Refusal as refusal:
        if refusal.code == "market.not_found" and _lost_market(session, fact):
            return Applied(words.SUPERSEDED, "reassigned")
        raise
    return Applied(rev=market.rev, became={"kind": "checklist", "id": fact.id})


def _lost_market(session: Session, fact: Fact) -> bool:
    """Whether the market of a round stands in a grid that the sender held and holds no more."""
    code = fact.payload["market"]
    market = session.get(Market, code) if isinstance(code, str) else None
    return (
        market is not None and market.grid_code not in fact.actor.grids and _held_grid(session, fact, market.grid_code)
    )


def _record_only(session: Session, fact: Fact) -> Applied:
    """suggestion.submit (what a worker proposes): nothing follows by itself.

    The item is the record, with an event in its community's log; the desk reads it in the records of the review page.
    """
    return _keep(session, fact)


def _keep(session: Session, fact: Fact, about: Entity | None = None, **more: Any) -> Applied:
    item = fact.item
    grid = session.get(Grid, fact.scope.partition("grid:")[2])
    chain = area_of(about.area_path) if about is not None else grid.community_code if grid else None
    audit.record(
        session, chain=chain, act=fact.value["kind"], subject=("entity", about.id) if about is not None else ("item", fact.id),
        actor_id=fact.actor.id, at=item.received_at,
        data={"item": fact.id, "payload": fact.payload, "scope": fact.scope, **more},
    )  # fmt: skip
    return Applied(became={"kind": fact.value["kind"].partition(".")[0], "id": fact.id})


KINDS: dict[str, Kind] = {
    "visit.submit": Kind(_visit, on_task=True),
    "visit.withdraw": Kind(_withdraw_visit, on_task=True),
    "lead.report": Kind(_report, together=_reports),
    "lead.resubmit": Kind(_lead_step(Act.RESUBMIT, with_evidence=True)),
    "lead.withdraw": Kind(_lead_step(Act.WITHDRAW)),
    "notice.serve": Kind(_lead_step(Act.SERVE_NOTICE, with_evidence=True)),
    "address.bind": Kind(_bind),
    "checklist.submit": Kind(_round),
    "suggestion.submit": Kind(_record_only),
}


def from_refusal(refusal: Refusal) -> Applied:
    """The outcome of an item that a rule refused: stored for a person, with the rule's own words."""
    facts = {**refusal.facts, "refused": refusal.code, "reason": refusal.title()}
    if refusal.entry.status == 409:
        return Applied(words.REVIEW, "stale_base", facts)
    named = facts.pop("fields", None) or [_problem("", refusal.title())]
    facts["fields"] = _of_payload(named)
    return Applied(words.REVIEW, "payload_invalid", facts)


def _of_payload(fields: list[checking.Problem]) -> list[checking.Problem]:
    """Problems that a service found, with the path that they have in the item. `task_id` stands beside the payload."""
    return [
        one if one["path"] == "task_id" else {**one, "path": f"payload.{one['path']}".rstrip(".")} for one in fields
    ]


def _invalid(fields: list[checking.Problem]) -> Applied:
    return Applied(words.REVIEW, "payload_invalid", {"fields": fields})


def _problem(path: str, problem: str) -> checking.Problem:
    return {"path": path, "problem": problem}
