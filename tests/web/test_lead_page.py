"""One lead in a browser: what its page tells to whom, its steps as forms, refusals that lose nothing, why a date is what it is."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy import func, select

from gridwatch.audit.models import Event
from gridwatch.db.base import new_id
from gridwatch.domain.lead_flow import STEPS
from gridwatch.leads.models import Lead
from gridwatch.tasks.models import Visit
from tests.fixtures import Clock, Work, World
from tests.leads.desks import BASIS, PHOTO, Desk
from tests.web.browser import Browser

Browse = Callable[..., Browser]
Reported = Callable[..., str]
Moved = Callable[[str], str]
Seat = Callable[[str], Desk]

NEW_PHOTO = "b" * 64
EVIL = """"><script>alert('x')</script><img src=x onerror=alert(1)>"""


def lead_of(work: Work, lead_id: str) -> tuple[str, int]:
    """The state and the version of a lead."""
    with work() as session:
        return tuple(session.execute(select(Lead.state, Lead.rev).where(Lead.id == lead_id)).one())


# -- the whole road, in forms -----------------------------------------------------------------------------------------


def test_a_lead_goes_its_road_by_the_forms_of_its_page(browse: Browse, clock: Clock, world: World, reported: Reported):
    lead = reported()
    seats = {name: browse(name) for name in ("community_dispatcher", "community_handler", "street_dispatcher", "department_receiver",
                                             "case_officer", "department_leader")}  # fmt: skip

    page = seats["community_dispatcher"].takes(lead, "accept", handler=world.people["community_handler"])
    assert page.status == 200
    assert "已办： 受理" in page.text
    seats["community_handler"].takes(lead, "record_handling", measure="guided", narrative="第一行\r\n第二行")
    seats["community_dispatcher"].takes(
        lead, "submit_up", reason="许可属部门职权", proposed_department=world.department
    )

    street = seats["street_dispatcher"].get(f"/leads/{lead}")
    push = street.step("push")
    assert push.values["field.lead_department"] == [world.department]  # as the community proposed
    page = seats["street_dispatcher"].submit(
        push, assist_departments=[world.department_2], legal_basis=BASIS, summary="无证餐饮", evidence=[PHOTO]
    )
    assert "市场监督管理分局 介入处理：起算，9月24日 周四 到期" in page.text

    page = seats["department_receiver"].takes(lead, "sign_in", officer=world.people["case_officer"])
    assert "承办人 case_officer" in page.text or "部门承办人 case_officer" in page.text
    clock.set("2026-09-18 16:00")
    page = seats["case_officer"].takes(
        lead, "intervene", type="on_site", occurred_on="2026-09-18", people="两名执法人员", narrative="责令改正", inspection="1",
        licence_nos="粤001，粤002", evidence=[], **{"field.evidence.new": f"{NEW_PHOTO}\n{'c' * 64}"},
    )  # fmt: skip
    assert page.status == 200
    assert "介入处理：按期完成" in page.text
    seats["case_officer"].takes(lead, "feedback", stage="rectifying", progress="已受理申请", next_step="核验")
    page = seats["case_officer"].takes(
        lead, "report_done", outcome="permitted", entity_after="已取得许可证", evidence=[NEW_PHOTO]
    )
    assert "申请确认办结" in page.text

    confirming = seats["department_leader"].get(f"/leads/{lead}")
    assert "申请人" in confirming.text  # what is to be confirmed, and by whom it was asked
    assert "已取得许可证" in confirming.text
    page = seats["department_leader"].submit(confirming.step("confirm_done"))
    assert page.status == 200
    assert "报告办结" in page.text
    told = [
        words
        for words in ("上报", "受理", "处置记录", "报请街道", "推送", "签收", "介入处理", "反馈", "申请确认办结")
        if words in page.text
    ]
    assert len(told) == 9
    assert "第一行\n第二行" in page.html  # as it was typed


def test_a_verification_names_its_visit_and_closes_the_lead(
    browse: Browse, work: Work, clock: Clock, world: World, reported, desk
):
    lead = reported()
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    browse("community_handler").takes(
        lead, "handled_locally", measure="guided", outcome="licensed", narrative="已领照", evidence=[PHOTO]
    )
    worker = browse("grid_worker")
    assert worker.get(f"/leads/{lead}").step("report_passed").options["field.visit"] == [""]
    with work() as session:
        for verdict in ("passed", "failed"):
            session.add(
                Visit(
                    id=new_id(), lead_id=lead, by_user=world.people["grid_worker"], area_path=world.path(world.community),
                    received_at=clock.now(), result="done", findings={"findings": [{"item": "VF01", "verdict": verdict}]},
                    files=[], effect="accepted", timeliness="on_time",
                )
            )  # fmt: skip
    form = worker.get(f"/leads/{lead}").step("report_passed")
    (_, passed) = form.options["field.visit"]  # the failed one cannot be chosen
    assert "申请核查通过" in worker.submit(form, visit=passed).text
    page = browse("community_dispatcher").takes(lead, "pass")
    assert page.status == 200
    assert "已结案" in page.text
    assert "没有时限在走" in page.text


def test_every_field_of_every_row_has_a_place_in_its_form(
    browse: Browse, world: World, reported, at_the_street, pushed, desk: Seat
):
    """What the table asks for can be entered: no row has a field that the page does not show."""
    roads = {
        "reported": reported(), "community": reported(), "street": at_the_street(reported()), "dispatched": pushed(reported()),
        "working": pushed(reported()), "closed": at_the_street(reported(category="XS01")),
    }  # fmt: skip
    desk("community_dispatcher").does(roads["community"], "accept", handler=world.people["community_handler"])
    desk("department_receiver").does(roads["working"], "sign_in", officer=world.people["case_officer"])
    desk("case_officer").does(
        roads["working"],
        "intervene",
        type="talk",
        occurred_on="2026-09-18",
        people="经营者",
        narrative="约谈",
        evidence=[PHOTO],
    )
    desk("street_dispatcher").does(roads["closed"], "close_without_push", outcome="unfounded", reason="查无实据")
    shown: dict[str, set[str]] = {}
    for lead in roads.values():
        for username in (
            "grid_worker",
            "community_dispatcher",
            "community_handler",
            "street_dispatcher",
            "department_receiver",
            "case_officer",
        ):
            page = browse(username).get(f"/leads/{lead}")
            for form in page.forms if page.status == 200 else ():
                if form.action.endswith("/steps"):
                    names = {name.removeprefix("field.") for name in form.widgets if name.startswith("field.")}
                    shown.setdefault(form.values["act"][0], set()).update(names)
    for step in STEPS:
        act = (step.ask or step.act).value
        if act not in shown:
            continue
        wanted = {one.name for one in step.fields if one.kind != "unit"}
        assert wanted <= shown[act] | {"departments", "copies"}, step.id
    assert {
        "withdraw",
        "accept",
        "serve_notice",
        "handled_locally",
        "push",
        "sign_in",
        "intervene",
        "feedback",
        "report_done",
        "reopen",
    } <= set(shown)


def test_only_people_who_are_eligible_can_be_chosen(browse: Browse, world: World, reported: Reported, pushed: Moved):
    accept = browse("community_dispatcher").get(f"/leads/{reported()}").step("accept")
    names = {name for name, person in world.people.items() if person in accept.options["field.handler"]}
    assert names == {"community_handler", "community_dispatcher"}
    sign_in = browse("department_receiver_2").get(f"/leads/{pushed(reported())}").step("sign_in")
    names = {name for name, person in world.people.items() if person in sign_in.options["field.officer"]}
    assert names == {"case_officer_2", "department_receiver_2", "department_leader_2"}


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refused_form_comes_back_with_everything_typed(
    browse: Browse, work: Work, clock: Clock, world: World, reported, pushed
):
    lead = pushed(reported())
    before = lead_of(work, lead)
    officer = browse("case_officer")
    typed = {"type": "talk", "occurred_on": "2026-09-19", "people": "经营者\n房东", "narrative": "谈过 <b>两次</b>，\n第二次带了房东。",
             "licence_nos": "粤001", "evidence": [PHOTO], "inspection": "1", "field.evidence.new": "ABC"}  # fmt: skip
    page = officer.takes(lead, "intervene", **typed)
    assert page.status == 422
    assert "没有办成：介入处理" in page.text.replace(" ", "")
    assert "64 位小写十六进制的 SHA-256" in page.text
    again = page.step("intervene")
    for name, value in typed.items():
        key = name if name.startswith("field.") else f"field.{name}"
        assert again.values[key] == (value if isinstance(value, list) else [value]), name
    assert re.search(r'<details class="step" open id="step-intervene"', page.html)
    assert lead_of(work, lead) == before

    # One thing after the other is put right, and nothing has to be typed twice.
    page = officer.submit(again, **{"field.evidence.new": NEW_PHOTO})
    assert page.status == 422
    assert "介入日期不能晚于今天" in page.text
    assert 'aria-invalid="true"' in page.html
    page = officer.submit(page.step("intervene"), occurred_on="2026-09-18")
    assert "两个执法证号" in page.text
    page = officer.submit(page.step("intervene"), licence_nos="粤001, 粤002")
    assert page.status == 200
    assert "谈过 &lt;b&gt;两次&lt;/b&gt;，\n第二次带了房东。" in page.html


def test_what_is_missing_is_marked_at_its_field(browse: Browse, reported: Reported):
    page = browse("community_dispatcher").takes(reported(), "return_to_reporter", text="")
    assert page.status == 422
    assert "缺少必填内容" in page.text
    assert "facts." not in page.text
    assert page.text.count("必填") >= 3  # the sentence, and at both fields


def test_who_was_too_late_is_told_what_happened_and_sends_again(
    browse: Browse, world: World, reported: Reported, desk: Seat
):
    lead, handler = reported(), browse("community_handler")
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    form = handler.get(f"/leads/{lead}").step("record_handling")
    desk("community_dispatcher").does(lead, "record_handling", measure="notice", narrative="先到一步")
    page = handler.submit(form, measure="guided", narrative="我写的一大段")
    assert page.status == 409
    assert "已被他人更新" in page.text
    assert "您填写时发生的" in page.text
    assert page.step("record_handling").values["field.narrative"] == ["我写的一大段"]
    page = handler.submit(page.step("record_handling"))
    assert page.status == 200
    assert "我写的一大段" in page.text


def test_what_was_typed_is_shown_when_its_step_is_over(browse: Browse, world: World, reported: Reported, desk: Seat):
    lead, dispatcher = reported(), browse("community_dispatcher")
    form = dispatcher.get(f"/leads/{lead}").step("return_to_reporter")
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    page = dispatcher.submit(form, lacks=["blurred"], text="看不清门牌号")
    assert page.status == 409
    assert [form for form in page.forms if form.values.get("act") == ["return_to_reporter"]] == []
    for words in ("说明", "看不清门牌号", "照片不清"):
        assert words in page.text


TAMPERED = (  # what is changed in a good form, and the answer
    ({"csrf_token": ["0" * 64]}, 403), ({"act": ["nothing"]}, 400), ({"act": ["submit"]}, 400), ({"act": ["push"]}, 403),
    ({"expected_version": ["x"]}, 400), ({"expected_version": ["999999"]}, 409),
    ({"field.handler": ["nobody"]}, 422), ({"field.handler": ["x" * 9000]}, 422),
)  # fmt: skip


def test_a_form_that_was_tampered_with_changes_nothing(browse: Browse, work: Work, world: World, reported: Reported):
    lead, dispatcher = reported(), browse("community_dispatcher")
    form = dispatcher.get(f"/leads/{lead}").step("accept")
    before = lead_of(work, lead)
    for change, status in TAMPERED:
        values = {**form.filled(handler=world.people["community_handler"]), **change}
        assert dispatcher.post(form.action, values).status == status, change
        assert lead_of(work, lead) == before
    assert dispatcher.post("/leads/nothing/steps", form.values).status == 404


# -- what the page tells, and to whom ---------------------------------------------------------------------------------


def test_who_reported_is_told_only_to_the_desks_that_may_know(browse: Browse, reported: Reported, pushed: Moved):
    lead = pushed(reported())
    name = "网格员 grid_worker"
    for username in ("community_dispatcher", "street_dispatcher", "supervision_office", "grid_worker"):
        assert name in browse(username).get(f"/leads/{lead}").html, username
    for username in ("department_receiver", "case_officer_2", "auditor", "community_handler"):
        page = browse(username).get(f"/leads/{lead}")
        assert page.status == 200
        assert name not in page.html, username
        assert "上报人" in page.text


def test_words_from_outside_are_words_and_never_markup(
    browse: Browse, clock: Clock, reported: Reported, desk: Seat, pushed
):
    lead = reported(title=EVIL[:100], description=EVIL, address_text=EVIL)
    pages = [browse("community_dispatcher").get(path) for path in (f"/leads/{lead}", "/home", "/leads")]
    pages.append(browse("community_dispatcher").takes(lead, "return_to_reporter", text=EVIL))
    pages.append(browse("community_dispatcher").get("/leads?no=%22%3E%3Cscript%3E&state=%3Cscript%3E"))
    pages.append(browse().signs_in(EVIL[:60], "x"))
    for page in pages:
        assert "<script" not in page.html, page.title
        assert "<img src=x" not in page.html
    assert EVIL in pages[3].step("return_to_reporter").values["field.text"][0]


def test_a_text_as_long_as_a_hash_is_told_whole(browse: Browse, reported: Reported):
    narrative = "看不清门牌号" * 10 + "请重拍。"
    assert len(narrative) == 64
    page = browse("community_dispatcher").takes(reported(), "return_to_reporter", lacks=["blurred"], text=narrative)
    assert narrative in page.text
    assert PHOTO not in page.text  # evidence is told by its first digits
    assert PHOTO[:8] + "…" in page.text


def test_a_page_costs_the_same_however_long_the_history(
    browse: Browse, counted, world: World, reported: Reported, desk: Seat
):
    lead, handler = reported(), browse("community_handler")
    desk("community_dispatcher").does(lead, "accept", handler=world.people["community_handler"])
    with counted() as before:
        handler.get(f"/leads/{lead}")
    for number in range(12):
        desk("community_handler").does(lead, "record_handling", measure="guided", narrative=f"第{number}次上门")
    with counted() as after:
        page = handler.get(f"/leads/{lead}")
    assert "第11次上门" in page.text
    assert len(after) == len(before) <= 20, after


def test_the_grid_and_the_age_are_told(browse: Browse, clock: Clock, world: World, reported: Reported):
    lead = reported()
    assert "鸿福社区 · 第1网格 441900004003001" in browse("auditor").get(f"/leads/{lead}").text
    clock.set("2026-09-28 09:00")
    assert "已 10 天" in browse("auditor").get(f"/leads/{lead}").text


# -- why this date ----------------------------------------------------------------------------------------------------


def test_a_sheet_counts_every_day_and_says_why(
    browse: Browse, clock: Clock, world: World, reported, pushed, desk: Seat
):
    clock.set("2026-09-30 15:00")  # before the National Day holidays
    lead = pushed(reported())
    receiver = browse("department_receiver")
    page = receiver.get(f"/leads/{lead}")
    sheets = [receiver.get(link) for link in dict.fromkeys(page.links) if link.endswith("/why")]
    intervene = next(sheet for sheet in sheets if "介入处理" in sheet.text)
    assert "起算日 2026年9月30日 周三" in intervene.text
    assert "到期日 2026年10月13日 周二" in intervene.text
    days = re.findall(
        r'<tr class="(?:counted|skipped)"><td class="nowrap">(.*?)</td><td>(.*?)</td><td>(.*?)</td>', intervene.html
    )
    assert [number for _, number, _ in days] == ["–", *["–"] * 7, "1", "2", "3", "–", "4", "5"]
    assert days[1][2] == "国庆节放假，不计入"
    assert days[10][2] == "国庆节调休上班，第3个工作日"
    api = desk("department_receiver").caller.get(
        next(link for link in page.links if link.endswith("/why")).replace("/leads", "/api/v1/leads", 1)
    )
    assert len(api.body["days"]) == len(days)
    assert browse("department_receiver_2").get(next(link for link in page.links if link.endswith("/why"))).status == 200
    assert (
        browse("community_dispatcher_2").get(next(link for link in page.links if link.endswith("/why"))).status == 404
    )
    assert receiver.get(f"/leads/{lead}/obligations/nothing/why").status == 404


def test_a_date_across_the_years_end_is_marked_provisional(browse: Browse, clock: Clock, reported, pushed):
    clock.set("2026-12-29 10:00")
    lead = pushed(reported())
    receiver = browse("department_receiver")
    page = receiver.get(f"/leads/{lead}")
    assert re.search(r"2027年1月\d+日 周. 暂定", page.text)
    assert "（暂定）" in page.text  # in the history too
    sheet = receiver.get(next(link for link in page.links if link.endswith("/why")))
    assert "放假安排还没公布" in sheet.text
    assert "（暂定：2027年放假安排尚未公布或导入）" in sheet.text


def test_the_refused_address_leads_back_to_the_lead(browse: Browse, reported: Reported):
    lead = reported()
    assert browse("auditor").get(f"/leads/{lead}/steps", follow=False).headers["Location"] == f"/leads/{lead}"


def test_only_steps_that_were_taken_are_told_as_done(browse: Browse, work: Work, reported: Reported):
    lead = reported()
    assert "已办" not in browse("community_dispatcher").get(f"/leads/{lead}?done=T13").text
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Event).where(Event.subject_id == lead)) == 1
