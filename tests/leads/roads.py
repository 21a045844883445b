"""The ways that lead a lead to every place, over the API, by the people of the town."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fixtures import Clock, World
from tests.leads.desks import BASIS, PHOTO, Desk, duty


@dataclass
class Road:
    """One lead and the desks around it. The methods named `to_…` bring it to a place; each may be called once."""

    seat: Callable[[str], Desk]
    world: World
    clock: Clock
    reported: Callable[..., str]
    lead: str = ""

    def does(self, who: str, act: str, **inputs: Any) -> dict[str, Any]:
        """Somebody takes a step; returns the lead afterwards."""
        return self.seat(who).does(self.lead, act, **inputs)

    @property
    def seen(self) -> dict[str, Any]:
        """The lead as the supervision office sees it."""
        return self.seat("supervision_office").sees(self.lead)

    def package(self, who: str) -> str:
        """Export the package of the lead; returns its SHA-256."""
        answer = self.seat(who).caller.post(f"/api/v1/leads/{self.lead}/package")
        assert answer.status == 200, answer.body
        return str(answer.body["sha256"])

    def unit(self, department: str) -> str:
        """The id of the newest assignment to a department."""
        return [one["id"] for one in self.seen["assignments"] if one["department"] == department][-1]

    def obligation(self, kind: str) -> str:
        """The id of the newest obligation of a kind."""
        return str(duty(self.seen, kind)["id"])

    # -- what is entered ---------------------------------------------------------------------------------------------

    @property
    def push(self) -> dict[str, Any]:
        return {"lead_department": self.world.department, "legal_basis": BASIS, "summary": "无证餐饮"}

    @property
    def push_2(self) -> dict[str, Any]:
        return {**self.push, "lead_department": self.world.department_2}

    @property
    def give_back(self) -> dict[str, Any]:
        return {"code": "not_our_duty", "legal_ground": "第八条", "proper_department": self.world.department_2}

    @property
    def intervention(self) -> dict[str, Any]:
        on = self.clock.today().isoformat()
        return {
            "type": "on_site",
            "occurred_on": on,
            "people": "两名执法人员",
            "narrative": "现场检查",
            "evidence": [PHOTO],
        }

    @property
    def plan(self) -> dict[str, Any]:
        on = self.clock.today().isoformat()
        return {
            "lead_department": self.world.department,
            "plan": "联合检查",
            "operation_on": on,
            "people": "各部门两人",
        }

    # -- the community and the street ---------------------------------------------------------------------------------

    def to_reported(self, **told: Any) -> None:
        self.lead = self.reported(**told)

    def to_returned(self) -> None:
        self.to_reported()
        self.does("community_dispatcher", "return_to_reporter", lacks=["no_photo"], text="补照片")

    def to_returned_overdue(self) -> None:
        self.to_returned()
        self.clock.set("2026-09-28 09:00")

    def to_community(self, **told: Any) -> None:
        self.to_reported(**told)
        self.does("community_dispatcher", "accept", handler=self.world.people["community_handler"])

    def to_noticed(self) -> None:
        self.to_community()
        self.does("community_handler", "serve_notice", number="告1", served="served", evidence=[PHOTO])

    def to_street(self, **more: Any) -> None:
        self.to_community()
        self.does(
            "community_dispatcher", "submit_up", exceeds_authority=True, ground="permit_authority", reason="许可属部门",
            proposed_department=self.world.department, **more,
        )  # fmt: skip

    def to_street_uncertain(self) -> None:
        self.to_street(uncertain=True)

    def to_street_returned(self, **more: Any) -> None:
        self.to_pending(**more)
        self.does("street_dispatcher", "approve_return", decision="同意")

    def to_street_returned_uncertain(self) -> None:
        self.to_street_returned()
        # A push settles it (ruling R30), so the lead climbs once more, now contested.
        self.does("street_dispatcher", "send_back", ground="evidence", reason="补充证据")
        self.does(
            "community_dispatcher", "submit_up", exceeds_authority=True, ground="several_departments", reason="有异议",
            proposed_department=self.world.department_2, uncertain=True,
        )  # fmt: skip

    def to_fast_lane(self) -> None:
        self.to_reported()
        self.does("grid_worker", "fast_lane", hazards=["gas"], acknowledged_by="值班员", narrative="燃气泄漏")

    def to_merged(self) -> None:
        self.to_reported()
        self.does("community_dispatcher", "merge", master=self.other(), reason="同一店铺")

    def other(self) -> str:
        """Another lead of the town, further along than one that is just reported."""
        mine, self.lead = self.lead, ""
        self.to_street()
        there, self.lead = self.lead, mine
        return there

    # -- departments ---------------------------------------------------------------------------------------------------

    def to_department(self, **more: Any) -> None:
        self.to_street()
        self.does("street_dispatcher", "push", **self.push, **more)

    def to_assisted(self) -> None:
        self.to_department(assist_departments=[self.world.department_2])

    def to_pending(self, **more: Any) -> None:
        self.to_department(**more)
        self.does("department_leader", "request_return", **self.give_back)

    def to_pending_passed_on(self) -> None:
        self.to_pending()
        self.does("street_dispatcher", "pass_on_return", reason="需裁定")

    def to_pending_assist(self) -> None:
        self.to_assisted()
        self.does(
            "department_leader_2", "request_return", **{**self.give_back, "proper_department": self.world.department}
        )

    def to_working(self) -> None:
        self.to_department()
        self.does("department_receiver", "sign_in", officer=self.world.people["case_officer"])
        self.does("case_officer", "intervene", **self.intervention)

    def to_done(self, **more: Any) -> None:
        self.to_working()
        self.does("case_officer", "report_done", outcome="permitted", entity_after="已办证", evidence=[PHOTO], **more)

    def to_verifying(self, **more: Any) -> None:
        self.to_done(**more)
        self.does("department_leader", "confirm_done")

    def to_verifying_locally(self) -> None:
        self.to_community()
        self.does(
            "community_handler",
            "handled_locally",
            measure="guided",
            outcome="licensed",
            narrative="已办照",
            evidence=[PHOTO],
        )

    def to_held(self) -> None:
        self.to_working()
        on = self.clock.today().isoformat()
        self.does(
            "department_leader", "ask_hold", code="testing", from_on=on, until_on="2026-10-20", document="检测通知"
        )
        self.does("supervision_office", "hold")

    # -- above ---------------------------------------------------------------------------------------------------------

    def to_joint(self) -> None:
        self.to_assisted()
        self.does("case_officer", "intervene", **self.intervention)
        self.does("supervision_office", "start_joint", **self.plan)

    def to_group(self) -> None:
        self.to_working()
        self.does("supervision_office", "escalate", tried="约谈、责令改正", question="是否取缔")

    def to_city(self) -> None:
        self.to_group()
        package = self.package("supervision_office")
        self.does("supervision_office", "ask_escalate_city", package=package, letter_no="南监〔2026〕1号")
        self.does("leading_group", "escalate_city")

    def to_peer(self) -> None:
        self.to_street()
        package = self.package("street_dispatcher")
        self.does("street_dispatcher", "transfer_peer", district="东城街道", package=package, reason="主体已迁往")

    def to_peer_overdue(self) -> None:
        self.to_peer()
        self.clock.set("2026-09-28 09:00")

    def to_solved_above(self) -> None:
        self.to_group()
        self.does("supervision_office", "solved_above", reply="已协调解决", outcome="solved_by_group")

    def to_shelved(self) -> None:
        self.to_working()
        self.does("supervision_office", "ask_shelve", reason="拆迁范围", review_on="2026-11-18")
        self.does("leading_group", "shelve")

    def to_late(self) -> None:
        self.to_department()
        self.clock.set("2026-09-28 09:00")
