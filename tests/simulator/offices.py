"""Those who sit at desks: they take steps that the server offers them, register entities, and move people and grids about."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from gridwatch.people.service import assign_grid, disable, enable, end_duty
from tests.fixtures import Answer, Caller, user_of
from tests.leads.desks import BASIS, PHOTO, Desk
from tests.simulator.server import Server

AT_DESKS = (
    "community_dispatcher", "community_dispatcher", "community_dispatcher_2", "community_handler", "street_dispatcher",
    "street_dispatcher", "supervision_office", "leading_group", "department_receiver", "department_receiver_2", "case_officer",
    "case_officer", "case_officer_2", "department_leader", "department_leader_2",
)  # fmt: skip
AT_ANY_TIME = frozenset({"T06r", "T40", "T40s", "T40o", "T42"})  # offered in nearly every state
FAR_ENDS = frozenset({"T02", "T02c", "T06", "T12", "T31", "T35", "T41"})  # a lead should not end before it has lived


class Offices:
    """All desks of the town. Each act returns what the trace says of it."""

    def __init__(self, server: Server, dice: Random) -> None:
        self.server, self.dice = server, dice
        self.world = server.world
        self._callers: dict[str, tuple[Any, Caller]] = {}

    def _caller(self, username: str) -> Caller:
        """That person, signed in to the server that is there now."""
        app, caller = self._callers.get(username, (None, None))
        if caller is None or app is not self.server.app:
            caller = Caller(self.server.app, self.server.clock, username)
            self._callers[username] = (self.server.app, caller)
        return caller

    # -- leads --

    def takes_a_step(self) -> str:
        """Somebody takes a step that is offered to her, now and then twice with one version."""
        username = self.dice.choice(AT_DESKS)
        desk = Desk(self._caller(username))
        seen = desk.caller.get("/api/v1/leads?limit=100")
        if seen.status != 200:
            return f"{username} sees no leads: {_told(seen)}"
        leads = seen.body["items"]
        open_ = [
            lead for lead in leads if lead["state"] not in ("closed", "void", "merged") or self.dice.random() < 0.05
        ]
        if not open_:
            return f"{username} has nothing to do"
        lead = desk.sees(self.dice.choice(open_)["id"])
        offers = [one for one in lead["allowed"] if self._is_wanted(one["step"])]
        if not offers:
            return f"{username} may do nothing with {lead['no']}"
        offer = self.dice.choice(offers)
        others = [one["id"] for one in leads if one["id"] != lead["id"]]
        inputs = {
            one["name"]: value
            for one in offer["fields"]
            if (value := self._value(one, lead, offer, others)) is not None
        }
        if offer["assignment"]:
            inputs["assignment"] = offer["assignment"]
        answers = [
            desk.tries(lead["id"], offer["act"], version=lead["version"], **inputs) for _ in range(self._times())
        ]
        told = ", ".join(_told(answer) for answer in answers)
        if [answer.status for answer in answers].count(200) > 1:
            told += " TWICE"
        return f"{username}: {lead['no']} {offer['step']} {offer['act']}: {told}"

    def _times(self) -> int:
        return 2 if self.dice.random() < 0.1 else 1

    def _is_wanted(self, step: str) -> bool:
        return step not in AT_ANY_TIME | FAR_ENDS or self.dice.random() < 0.12

    def _value(self, one: dict[str, Any], lead: dict[str, Any], offer: dict[str, Any], others: list[str]) -> Any:
        """What is entered into a field: sensible as far as one can tell from the outside."""
        chance, name = self.dice, one["name"]
        if not one["required"] and chance.random() < 0.5:
            return None
        departments = [self.world.department, self.world.department_2]
        units = {unit["id"]: unit["department"] for unit in lead["assignments"]}
        second = "" if units.get(offer["assignment"]) != self.world.department_2 else "_2"
        days = {"occurred_on": 0, "from_on": 0}.get(name, chance.randint(3, 12))
        texts = {"legal_basis": BASIS, "package": "c" * 64, "licence_nos": "粤执0001、粤执0002"}
        far = "" if lead["community_code"] == self.world.community else "_2"
        person = f"community_handler{far}" if name == "handler" else f"case_officer{second}"
        values = {
            "text": lambda: texts.get(name, "情况说明"),
            "code": lambda: chance.choice(sorted(one["choices"])),
            "codes": lambda: [chance.choice(sorted(one["choices"]))],
            "flag": lambda: chance.random() < 0.5,
            "department": lambda: chance.choice(departments),
            "departments": lambda: chance.sample(departments, 1),
            "person": lambda: self.world.people[person],
            "evidence": lambda: lead["evidence"][:1] or [PHOTO],
            "date": (self.server.clock.today() + timedelta(days=days)).isoformat,
            "lead": lambda: chance.choice(others) if others else lead["id"],
            "duty": lambda: chance.choice(lead["obligations"])["id"],
        }
        return values[one["kind"]]() if one["kind"] in values else None

    # -- the register --

    def registers(self, number: int) -> str:
        """The register announces an entity in one of the grids, now and then twice."""
        lon, lat = self.dice.choice([(113.745, 23.015), (113.755, 23.015), (113.745, 23.025)])
        event = {
            "event_id": f"GS-{number:04}", "kind": "new", "occurred_on": self.server.clock.today().isoformat(), "code": f"E{number}",
            "name": f"好味 {number} 号餐饮店", "address_text": f"南城街道鸿福路 {number} 号", "street_code": self.world.street,
            "entity_type": "个体工商户", "scope": self.dice.choice(["餐饮服务", "服装零售"]), "lon": lon, "lat": lat, "datum": "WGS84",
        }  # fmt: skip
        caller = self._caller("platform_owner")
        for _ in range(self._times()):
            answer = caller.post("/api/v1/registry/events", event)
        outcome = answer.body["results"][0]["outcome"] if answer.status == 200 else answer.body["code"]
        return f"the register announces {event['code']}: {outcome}"

    # -- people and grids --

    def moves_somebody(self) -> str:
        """A supervisor gives a grid to somebody, for good, for a few days, or from tomorrow on, or takes it away."""
        grid = self.dice.choice([self.world.grid, self.world.grid_2, self.world.grid_3])
        who, other = self.dice.sample(["grid_worker", "grid_worker_2", "grid_worker_3"], 2)
        today = self.server.clock.today()
        act = self.dice.choice(["takes", "gives", "gives", "covers", "tomorrow"])
        with self.server.work() as session:
            told = {"at": self.server.clock.now(), "by": self.world.people["administrator"]}
            user = user_of(session, who)
            if act == "takes":
                end_duty(session, user, grid, last_on=today - timedelta(days=1), **told)
            elif act == "covers":
                assign_grid(session, user, grid, from_on=today, to_on=today + timedelta(days=self.dice.randint(0, 3)),
                            covers=user_of(session, other), **told)  # fmt: skip
            else:
                assign_grid(session, user, grid, from_on=today + timedelta(days=act == "tomorrow"), **told)
        return f"{who} {grid}: {act}"

    def disables(self, username: str) -> str:
        """Somebody is shut out."""
        with self.server.work() as session:
            disable(session, user_of(session, username), at=self.server.clock.now())
        return f"{username} is disabled"

    def enables(self, username: str) -> str:
        """And let in again."""
        with self.server.work() as session:
            enable(session, user_of(session, username), at=self.server.clock.now())
        return f"{username} is enabled"

    def revokes(self, device_id: str) -> str:
        """A phone is said to be lost."""
        answer = self._caller("administrator").delete(f"/api/v1/auth/devices/{device_id}")
        return f"a device is revoked: {answer.status}"


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.body.get('code', answer.body.get('state'))}"


def local(moment: datetime) -> str:
    """A time as the trace writes it."""
    return moment.strftime("%m-%d %H:%M")
