"""What the demo shows beside the sample data, told over the product's own interface: three leads on their way, QR tags on the doors
of a community, a call that waits at the intake desk.

They happened on the work days before today, so the clock of a second application on the same database is set back and
moved on as the story goes. Every finding is made up and names no firm: places are grids, people are posts.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from shapely.geometry import shape

from gridwatch.calendars.queries import current_calendar
from gridwatch.config import Settings
from gridwatch.db.base import db, new_id
from gridwatch.domain.worktime import CHINA, WorkCalendar, local_day
from gridwatch.jobs.service import run_all
from gridwatch.web.clock import now, read_clock

MakeApp = Callable[..., Flask]

DEPARTMENT = "NC-SCJG"
BASIS = "《无证无照经营查处办法》第五条"
WORKER, DISPATCHER, HANDLER = "hongfu.g1", "hongfu.dispatcher", "hongfu.handler"
STREET, RECEIVER, OFFICER, LEADER = "street.dispatcher1", "scjg.receiver", "scjg.officer", "scjg.leader"
CLERK, COMMUNITY = "intake.clerk", "441900004003"
EARLIEST = 24  # work days before today on which the story begins


class StoryStuck(RuntimeError):
    """A step of the story was refused: the text is the server's answer."""


@dataclass
class Town:
    """The people of the sample, each on one device, and the clock by which they act."""

    app: Flask
    clock_file: Path
    password: str
    calendar: WorkCalendar
    today: date
    latest: datetime
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def at(self, work_days_ago: int, clock: str) -> None:
        """Set the clock to a China time so many work days before today; a time that is still to come becomes now."""
        day = self.calendar.subtract(self.today, work_days_ago) if work_days_ago else self.today
        moment = datetime.combine(day, time.fromisoformat(clock), CHINA)
        self.clock_file.write_text(min(moment, self.latest).isoformat())

    def tick(self) -> None:
        """Run due work at the time of the clock: reminders are written and leave."""
        with self.app.app_context():
            run_all(now())

    def id_of(self, username: str) -> str:
        """The id of a person."""
        return str(self._signed_in(username)["user"]["id"])

    def sees(self, username: str, path: str) -> dict[str, Any]:
        """GET, as somebody."""
        return self._ask(username, "GET", path)

    def does(self, username: str, lead: str, act: str, **inputs: Any) -> dict[str, Any]:
        """Take a step of a lead, as somebody; returns the lead."""
        version = self.sees(username, f"/api/v1/leads/{lead}")["version"]
        body = {"act": act, "inputs": inputs, "expected_version": version}
        return self._ask(username, "POST", f"/api/v1/leads/{lead}/steps", json=body)

    def sends(self, username: str, kind: str, payload: dict[str, Any], **more: Any) -> str:
        """Push an item from somebody's phone; returns its id."""
        self.numbers[username] = self.numbers.get(username, 0) + 1
        with self.app.app_context():
            captured_at = now()
        item = {
            "id": new_id(), "device_no": self.numbers[username], "kind": kind,
            "captured_at": captured_at.isoformat(), "payload": payload, **more,
        }  # fmt: skip
        body = {"device_id": _device(username), "items": [item]}
        (result,) = self._ask(username, "POST", "/api/v1/sync/push", json=body)["results"]
        if result["outcome"] != "accepted":
            raise StoryStuck(f"{kind}: {result}")
        return str(result["id"])

    def enters(self, username: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST, as somebody."""
        return self._ask(username, "POST", path, json=body)

    def _signed_in(self, username: str) -> dict[str, Any]:
        known = self.people.get(username)
        with self.app.app_context():
            moment = now()
        if known is None or not known["from"] <= moment < datetime.fromisoformat(known["access_expires_at"]):
            device = {"id": _device(username), "name": "演示", "platform": "demo", "app_build": 1}
            body = {"username": username, "password": self.password, "device": device}
            known = {**self._answer("POST", "/api/v1/auth/sign-in", json=body), "from": moment}
            self.people[username] = known
        return known

    def _ask(self, username: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        token = self._signed_in(username)["access_token"]
        return self._answer(method, path, headers={"Authorization": f"Bearer {token}"}, **more)

    def _answer(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self.app.test_client(use_cookies=False).open(path, method=method, **more)
        if answer.status_code != 200:
            raise StoryStuck(f"{method} {path}: {answer.status_code} {answer.get_data(as_text=True)}")
        return answer.get_json()


def _device(username: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{username}.demo.invalid"))


def _photo(of: str) -> dict[str, Any]:
    digest = hashlib.sha256(of.encode()).hexdigest()
    return {"sha256": digest, "size": 240_000, "mime": "image/jpeg", "role": "scene", "required": True}


def tell(make_app: MakeApp, settings: Settings, password: str) -> None:
    """Tell the story into the database of `settings`, where the sample is loaded and everybody has `password`.

    Raises StoryStuck when the product refuses a step.
    """
    latest = read_clock(settings)
    with TemporaryDirectory() as folder:
        clock_file = Path(folder) / "clock"
        clock_file.write_text(latest.isoformat())
        app = make_app(replace(settings, env="development", clock_file=str(clock_file)))
        with app.app_context():
            calendar = current_calendar(db.session())
        town = Town(app, clock_file, password, calendar, local_day(latest), latest)
        try:
            _closed(town)
            _late(town)
            _fresh(town)
            _tagged(town)
        finally:
            with app.app_context():
                db.engine.dispose()


def first_day(calendar: WorkCalendar, today: date) -> date:
    """The day on which the story begins: the people of the sample must be on duty by then."""
    return calendar.subtract(today, EARLIEST)


def _reported(town: Town, title: str, what: str) -> str:
    """A finding from the worker's phone, somewhere inside her grid; returns the lead's id."""
    (grid, *_) = town.sees(WORKER, "/api/v1/grids")["items"]
    inside = shape(grid["polygon"]).representative_point()
    return town.sends(
        WORKER, "lead.report", {"category": "XS04", "title": title, "description": what, "address": f"{grid['name']}内沿街"},
        place={"lon": inside.x, "lat": inside.y, "accuracy_m": 15.0, "crs": "WGS84", "source": "gps"},
        scope=f"grid:{grid['code']}", files=[_photo(f"{title}，门头"), _photo(f"{title}，店内")],
    )  # fmt: skip


def _pushed(town: Town, lead: str, days_ago: int) -> None:
    """From the report up to the push, within the given work day and the one before it."""
    town.at(days_ago + 1, "09:00")
    town.does(DISPATCHER, lead, "accept", handler=town.id_of(HANDLER))
    town.at(days_ago + 1, "15:30")
    town.does(
        HANDLER,
        lead,
        "record_handling",
        measure="guided",
        narrative="上门告知须先取得食品经营许可，经营者表示暂不办理。",
    )
    town.at(days_ago, "10:00")
    town.does(
        DISPATCHER, lead, "submit_up", reason="食品经营许可属部门职权，社区无法处置。", proposed_department=DEPARTMENT
    )
    town.at(days_ago, "15:00")
    evidence = town.sees(STREET, f"/api/v1/leads/{lead}")["evidence"]
    town.does(
        STREET, lead, "push", lead_department=DEPARTMENT, legal_basis=BASIS, evidence=evidence,
        summary="现场从事餐饮经营，未取得食品经营许可，社区已告知。",
    )  # fmt: skip


def _closed(town: Town) -> None:
    """One that went the whole road: reported, pushed, intervened in time, fed back, verified on site, closed today."""
    town.at(EARLIEST, "09:40")
    lead = _reported(town, "演示：无招牌早餐店", "沿街店面制售早餐，现场未见食品经营许可证。")
    _pushed(town, lead, EARLIEST - 2)
    town.at(EARLIEST - 5, "16:30")
    town.does(RECEIVER, lead, "sign_in", officer=town.id_of(OFFICER))
    town.at(EARLIEST - 6, "10:30")
    occurred_on = town.calendar.subtract(town.today, EARLIEST - 6).isoformat()
    town.does(
        OFFICER, lead, "intervene", type="order_to_correct", occurred_on=occurred_on, people="两名执法人员、经营者",
        narrative="责令改正，告知办理食品经营许可的材料和窗口。", evidence=[_photo("责令改正通知书")["sha256"]],
        inspection=True, licence_nos="粤执0001、粤执0002",
    )  # fmt: skip
    town.at(10, "10:00")
    town.does(
        OFFICER, lead, "feedback", stage="permit_applied", permit_needed=True, permit_applied=True,
        progress="经营者已提交食品经营许可申请，窗口已受理。", next_step="现场核验。",
    )  # fmt: skip
    town.at(3, "11:00")
    town.does(
        OFFICER, lead, "report_done", outcome="permitted", entity_after="已取得食品经营许可证并上墙公示。",
        evidence=[_photo("食品经营许可证")["sha256"]],
    )  # fmt: skip
    town.at(3, "16:00")
    town.does(LEADER, lead, "confirm_done")
    town.at(1, "10:20")
    _verified(town, lead)
    town.at(0, "08:40")
    town.does(DISPATCHER, lead, "pass")


def _verified(town: Town, lead: str) -> None:
    tasks = town.sees(WORKER, "/api/v1/tasks?limit=200")["items"]
    check = next(task for task in tasks if task["lead_id"] == lead and task["kind"] == "verify")
    town.sends(
        WORKER, "visit.submit", {"result": "done", "findings": [{"item": "VF01", "verdict": "passed"}]}, task_id=check["id"],
        base_rev=check["rev"], item_version="VF01@1", scope=f"grid:{check['grid_code']}", files=[_photo("许可证上墙")],
    )  # fmt: skip


def _late(town: Town) -> None:
    """One with a department that has not intervened: due two work days ago, reminders up to its leader."""
    town.at(9, "10:15")
    lead = _reported(town, "演示：夜间烧烤档", "店外占道烧烤，现场未见食品经营许可证。")
    _pushed(town, lead, 7)
    for days_ago in (4, 2, 1):
        town.at(days_ago, "08:35")
        town.tick()


def _fresh(town: Town) -> None:
    """One that has just come in from a phone and waits for the community."""
    town.at(0, "08:50")
    _reported(town, "演示：流动熟食摊", "路口流动摊档销售熟食，现场未见食品经营许可证。")


def _tagged(town: Town) -> None:
    """A tag for each door of a community, and a call that waits for the intake clerk; it names no door."""
    town.at(0, "08:55")
    town.enters(STREET, "/api/v1/tags", {"community": COMMUNITY})
    call = {
        "source": "12345", "source_no": "演示-001", "text": "演示：路口晚上有流动摊贩烧烤，油烟大。", "community_code": COMMUNITY,
        "address": "鸿福社区某路口",
    }  # fmt: skip
    town.enters(CLERK, "/api/v1/complaints", call)
