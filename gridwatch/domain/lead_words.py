"""The words of the lead loop: states, acts, categories and codes, each with its Chinese and English name (domain.md §4b, §4d)."""

from __future__ import annotations

from enum import StrEnum


class LeadState(StrEnum):
    """States of a lead (线索)."""

    REPORTED = "reported"
    RETURNED = "returned"
    COMMUNITY = "community"
    STREET = "street"
    DISPATCHED = "dispatched"
    VERIFYING = "verifying"
    ESCALATED = "escalated"
    SHELVED = "shelved"
    CLOSED = "closed"
    MERGED = "merged"
    VOID = "void"


class UnitState(StrEnum):
    """States of an assignment (移交单) to one department."""

    PUSHED = "pushed"
    ACCEPTED = "accepted"
    WORKING = "working"
    RETURN_PENDING = "return_pending"
    RETURNED = "returned"
    DONE_CLAIMED = "done_claimed"
    CLOSED = "closed"
    CANCELLED = "cancelled"


ENDED = frozenset({LeadState.CLOSED, LeadState.MERGED, LeadState.VOID})
LIVE_UNIT = frozenset(
    {UnitState.PUSHED, UnitState.ACCEPTED, UnitState.WORKING, UnitState.RETURN_PENDING, UnitState.DONE_CLAIMED}
)


class Level(StrEnum):
    """How far above the street a lead was taken (ruling R24). It stays on the lead while the result is verified."""

    GROUP = "group"
    CITY = "city"
    PEER = "peer"


class Act(StrEnum):
    """What a person (or the system) does to a lead. One act may stand in several rows of the table, for several states."""

    # the community's desk
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    RETURN_TO_REPORTER = "return_to_reporter"
    RESUBMIT = "resubmit"
    ACCEPT = "accept"
    MERGE = "merge"
    UNMERGE = "unmerge"
    LINK_RELATED = "link_related"
    SERVE_NOTICE = "serve_notice"
    RECHECK = "recheck"
    RECORD_HANDLING = "record_handling"
    HANDLED_LOCALLY = "handled_locally"
    SUBMIT_UP = "submit_up"
    FAST_LANE = "fast_lane"
    # the street's desk
    SEND_BACK = "send_back"
    CLOSE_WITHOUT_PUSH = "close_without_push"
    PUSH = "push"
    APPROVE_RETURN = "approve_return"
    PASS_ON_RETURN = "pass_on_return"  # noqa: S105 - 转监管办裁定
    REFUSE_RETURN = "refuse_return"
    BACK_TO_STREET = "back_to_street"
    ADD_ASSIST = "add_assist"
    WAIVE_ASSIST = "waive_assist"
    ASK_CHANGE_OF_LEAD = "ask_change_of_lead"
    CHANGE_LEAD = "change_lead"
    WITHDRAW_PUSH = "withdraw_push"
    # the department's desk
    SIGN_IN = "sign_in"
    REQUEST_RETURN = "request_return"
    TAKE_BACK_RETURN = "take_back_return"
    INTERVENE = "intervene"
    FEEDBACK = "feedback"
    REPORT_DONE = "report_done"
    CONFIRM_DONE = "confirm_done"
    ASK_HOLD = "ask_hold"
    HOLD = "hold"
    ASK_END_HOLD = "ask_end_hold"
    END_HOLD = "end_hold"
    # verification and what follows
    START_VERIFYING = "start_verifying"
    REPORT_PASSED = "report_passed"
    PASS = "pass"  # noqa: S105 - the word for 核查通过
    FAIL = "fail"
    REOPEN = "reopen"
    # above the street
    START_JOINT = "start_joint"
    RECORD_ATTENDANCE = "record_attendance"
    CLOSE_JOINT = "close_joint"
    ESCALATE = "escalate"
    ASK_ESCALATE_CITY = "ask_escalate_city"
    ESCALATE_CITY = "escalate_city"
    TRANSFER_PEER = "transfer_peer"
    PEER_ACK = "peer_ack"
    FOLLOW_UP = "follow_up"
    INSTRUCT = "instruct"
    SOLVED_ABOVE = "solved_above"
    ASK_SHELVE = "ask_shelve"
    SHELVE = "shelve"
    REVIEW = "review"
    # any time
    CORRECT = "correct"
    EXCUSE = "excuse"
    # by the system, when another lead or a department changes
    REPORT_ADDED = "report_added"
    REPORT_REMOVED = "report_removed"
    LINKED = "linked"
    INHERIT = "inherit"


# fmt: off
STATE_NAMES: dict[str, tuple[str, str]] = {
    "reported": ("已上报", "reported"), "returned": ("退回补正", "returned to reporter"), "community": ("社区处置", "with the community"),
    "street": ("街道分派", "with the street"), "dispatched": ("部门办理", "with the department"), "verifying": ("核查中", "being verified"),
    "escalated": ("已上报上级", "escalated"), "shelved": ("挂账", "shelved"), "closed": ("已结案", "closed"),
    "merged": ("已并案", "merged"), "void": ("已作废", "void"),
    "pushed": ("待签收", "pushed"), "accepted": ("已签收", "signed in"), "working": ("办理中", "working"),
    "return_pending": ("申请退回", "return requested"), "done_claimed": ("报告办结", "reported done"), "cancelled": ("已撤销", "cancelled"),
}

CATEGORIES: dict[str, tuple[str, str]] = {
    "XS01": ("市场主体不存在", "entity does not exist"),
    "XS02": ("地址与登记不符", "address differs from the register"),
    "XS03": ("一般行业无照经营", "trading without a licence"),
    "XS04": ("许可行业无证照经营", "trading without a permit that is needed"),
}

OUTCOMES: dict[str, tuple[str, str]] = {
    "no_violation": ("未发现违法", "no violation"), "exempt_art3": ("依第三条豁免", "exempt by art. 3"),
    "self_corrected": ("已自行改正", "corrected by the entity"), "licensed": ("已办照", "licensed"), "permitted": ("已办证", "permit issued"),
    "change_registered": ("已变更登记", "change registered"), "listed_abnormal": ("列入经营异常名录", "listed as abnormal"),
    "deregistered": ("已注销", "deregistered"), "ceased": ("已停止经营", "ceased"), "closed_down": ("已取缔", "closed down"),
    "penalised": ("已处罚", "penalised"), "criminal_transfer": ("移送司法", "transferred to the police"),
    "solved_by_group": ("领导小组解决", "solved by the leading group"), "solved_by_city": ("市级解决", "solved by the city"),
    "transferred_peer": ("已移交外区", "transferred to another district"), "duplicate": ("重复", "duplicate"),
    "unfounded": ("查无实据", "unfounded"),
}

LACKS: dict[str, tuple[str, str]] = {
    "no_photo": ("缺照片", "no photo"), "blurred": ("照片不清", "photo is blurred"), "wrong_place": ("地点不对", "wrong place"),
    "wrong_category": ("类别不对", "wrong category"), "entity_unclear": ("主体不清", "entity unclear"),
    "duplicate": ("重复上报", "reported already"), "no_notice": ("缺告知书", "no notice"),
}

# What a recheck or a verification of a lead looks at: the inspection item of its category (domain.md §4d).
ITEMS_OF: dict[str, str] = {"XS01": "RG01", "XS02": "RG01", "XS03": "RG04", "XS04": "RG03"}

RECHECK_RESULTS: dict[str, tuple[str, str]] = {
    "passed": ("已整改", "put right"), "failed": ("未整改", "not put right"),
}

MEASURES: dict[str, tuple[str, str]] = {
    "guided": ("指导办证", "guided to a licence"), "leaflet": ("发放指引", "leaflet handed over"), "notice": ("发出告知书", "notice served"),
    "mediated": ("调解", "mediated"), "landlord_talk": ("约谈房东", "talked to the landlord"), "joint_visit": ("联合上门", "joint visit"),
    "removed_on_spot": ("当场清除", "removed on the spot"),
}

INTERVENTIONS: dict[str, tuple[str, str]] = {
    "on_site": ("到场", "on site"), "talk": ("约谈", "formal talk"), "order_to_correct": ("责令改正", "ordered to correct"),
    "case_filed": ("立案", "case filed"), "transferred": ("移送", "transferred"), "letter": ("函询", "letter of inquiry"),
}

SERVINGS: dict[str, tuple[str, str]] = {
    "served": ("当面送达", "served"), "refused": ("拒收", "refused"), "posted": ("张贴送达", "posted at the door"),
}

STAGES: dict[str, tuple[str, str]] = {
    "investigating": ("调查中", "investigating"), "rectifying": ("整改中", "being put right"), "permit_applied": ("已申请许可", "permit applied for"),
    "penalty": ("处罚程序中", "penalty in progress"), "finishing": ("即将办结", "nearly done"),
}

BEYOND: dict[str, tuple[str, str]] = {
    "enforcement_power": ("涉及执法权限", "needs enforcement power"), "permit_authority": ("涉及许可部门", "needs the permit authority"),
    "refuses": ("拒不配合", "refuses to cooperate"), "several_departments": ("涉及多个部门", "several departments"),
}

LEVELS: dict[str, tuple[str, str]] = {
    "group": ("领导小组", "leading group"), "city": ("市级", "city"), "peer": ("外区", "another district"),
}

HAZARDS: dict[str, tuple[str, str]] = {
    "gas": ("燃气", "gas"), "fire_exit": ("消防通道", "fire exit"), "three_in_one": ("三合一", "living above the shop"),
    "chemicals": ("化学品", "chemicals"), "food": ("食品", "food"), "minors": ("未成年人", "minors"),
    "crowd": ("人员聚集", "crowd"), "structure": ("结构安全", "structure"),
}

EXEMPTIONS: dict[str, tuple[str, str]] = {
    "farm_produce": ("农副产品", "farm produce"), "daily_goods": ("日用品", "daily goods"),
    "convenience": ("便民劳务", "services for daily life"),
}

RETURN_CODES: dict[str, tuple[str, str]] = {
    "not_our_duty": ("非本部门职责", "not our duty"), "other_area": ("属其他区域", "another area"),
    "other_dept_already_handling": ("其他部门已在办理", "another department has it already"),
    "facts_insufficient": ("事实不清", "facts are not sufficient"), "court_or_police": ("属司法或公安", "for court or police"),
    "duplicate": ("重复移交", "pushed already"),
}

HOLD_REASONS: dict[str, tuple[str, str]] = {
    "testing": ("检测鉴定", "testing or appraisal"), "publication": ("公告送达", "service by publication"),
    "court": ("司法程序", "court proceedings"), "force_majeure": ("不可抗力", "force majeure"),
}

OLD_LEAD: dict[str, tuple[str, str]] = {
    "returned": ("退出办理", "leaves the case"), "assist": ("转为协办", "stays as assisting department"),
}

INSTRUCTIONS: dict[str, tuple[str, str]] = {
    "push": ("重新移交部门", "push to a department"), "continue": ("原部门继续办理", "the department goes on"),
}

JOINT_RESULTS: dict[str, tuple[str, str]] = {
    "progress": ("继续办理（反馈）", "goes on (feedback)"), "done": ("报告办结", "reported as done"),
}

ASKED_FOR_BY: dict[str, tuple[str, str]] = {
    "department_leader": ("部门负责人", "department leader"), "street_dispatcher": ("街道调度员", "street dispatcher"),
}

REOPEN_AT: dict[str, tuple[str, str]] = {"street": ("街道", "the street"), "community": ("社区", "the community")}

SENT_BACK_FOR: dict[str, tuple[str, str]] = {
    "evidence": ("证据不足", "evidence is lacking"), "community_competence": ("属社区职责", "the community's own duty"),
}

# How far along a lead is, for the choice of the master of a merge (ruling R25). A shelved one counts as what it was.
FURTHER: tuple[LeadState, ...] = (
    LeadState.REPORTED, LeadState.RETURNED, LeadState.COMMUNITY, LeadState.STREET, LeadState.DISPATCHED, LeadState.ESCALATED,
    LeadState.VERIFYING,
)
# fmt: on
