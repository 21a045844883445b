"""What a phone is told about an item: for each outcome and code, what happened and what to do. Chinese first, English beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACCEPTED, DUPLICATE, SUPERSEDED, HELD, REVIEW, REJECTED = (
    "accepted",
    "duplicate",
    "superseded",
    "held",
    "review",
    "rejected",
)

# A row stands on one line, so that it can be read down the column.
# ruff: noqa: E501
# fmt: off
MESSAGES: dict[tuple[str, str | None], tuple[str, str]] = {
    (ACCEPTED, None):                   ("已收到并生效，无需再做什么。", "Received and applied; nothing more to do."),
    (ACCEPTED, "implausible_time"):     ("已收到并生效；手机时间不可信，是否按时由人工认定，请校准手机时间。", "Received and applied; the phone's clock is not believed, so a person judges whether it was in time. Please set the clock."),
    (ACCEPTED, "reviewed"):             ("工作人员已核对，已生效，无需再做什么。", "A person looked at it and it is applied; nothing more to do."),
    (DUPLICATE, None):                  ("此条此前已经收到，回执不变，按首次结果处理即可。", "This was received before; the receipt is the first one, act on the first result."),
    (SUPERSEDED, "reassigned"):         ("任务已改派他人；您的记录已作为证据保存，不影响任务，无需重做。", "The task went to somebody else; your record is kept as evidence, nothing to redo."),
    (SUPERSEDED, "task_withdrawn"):     ("任务已撤销；您的记录已作为证据保存，无需重做。", "The task was withdrawn; your record is kept as evidence, nothing to redo."),
    (SUPERSEDED, "task_closed"):        ("任务已办结；您的记录已作为证据保存，无需重做。", "The task is closed already; your record is kept as evidence, nothing to redo."),
    (SUPERSEDED, "refused"):            ("工作人员已核对，没有采用；您的记录已作为证据保存。", "A person looked at it and did not use it; your record is kept as evidence."),
    (HELD, None):                       ("已收到；它所依据的前一条还没有到，到达后自动生效，请保持同步。", "Received; what it builds on has not come yet and it applies by itself when it does. Keep syncing."),
    (REVIEW, "unknown_item_version"):   ("已保存；表单版本不认识，由人工处理，请更新应用。", "Stored; the form version is not known, a person looks at it. Please update the app."),
    (REVIEW, "payload_invalid"):        ("已保存；内容有误，由人工核对，请留意处理结果。", "Stored; the content is not right, a person checks it. Watch for the result."),
    (REVIEW, "id_reused"):              ("已保存；同一编号此前有另一内容，两份都保留，由人工核对。", "Stored; the same id came before with other content. Both are kept and a person compares them."),
    (REVIEW, "stale_base"):             ("已保存；其间情况有变，由人工核对后生效，请先同步最新内容。", "Stored; things changed meanwhile, a person decides. Please pull the newest state."),
    (REVIEW, "dependency_missing"):     ("已保存；它所依据的前一条三天未到，由人工处理。", "Stored; what it builds on has not come in three days, a person looks at it."),
    (REVIEW, "not_applied"):            ("已保存；系统处理时出错，由人工处理，内容没有丢失。", "Stored; the system failed while applying it, a person looks at it. Nothing is lost."),
    (REJECTED, "not_your_device"):      ("未保存：登录的设备与发送的设备不一致，请在原设备上登录后重发。", "Not stored: the signed-in device is not the sending one. Sign in on the original device and send again."),
    (REJECTED, "over_limit"):           ("未保存：内容超过限制（每条 1 MB、9 个文件、每个文件 10 MB），请导出后联系管理员。", "Not stored: over the limits (1 MB an item, 9 files, 10 MB a file). Export it and ask an administrator."),
    (REJECTED, "undecodable"):          ("未保存：内容无法解析，请导出后联系管理员。", "Not stored: it cannot be decoded. Export it and ask an administrator."),
}
# fmt: on


def message(outcome: str, code: str | None, facts: Mapping[str, Any]) -> str:
    """The Chinese sentence for an outcome, with the reason that a rule gave, where there is one."""
    sentence = MESSAGES[outcome, code][0]
    reason = facts.get("reason")
    return f"{sentence.removesuffix('。')}（{reason}）。" if reason else sentence


def words_as_json() -> list[dict[str, Any]]:
    """The whole table, for phones and the review desk."""
    return [{"outcome": outcome, "code": code, "zh": zh, "en": en} for (outcome, code), (zh, en) in MESSAGES.items()]
