"""Complaints (投诉) and ratings (好差评): sources, states, how long texts may be, how often anybody may write.

Sources: requirements rows 51, 66 and 67 (intake from 12345, 12315, letters and QR: answered on the spot, passed on; ratings by
QR, bad named ones followed up without exception), R16 (a lead from a complaint is never withdrawn or voided), R32 and I9
(informants are protected), Decree 684 Art. 9 (whoever takes a report keeps the informant secret).
Lengths, limits and days are defaults of the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

Words = tuple[str, str]  # Chinese, English

SOURCES: dict[str, Words] = {
    "qr": ("扫码", "by QR tag"),
    "12345": ("12345 热线", "hotline 12345"),
    "12315": ("12315 平台", "platform 12315"),
    "letter": ("来信来访", "letter or visit"),
}
AT_THE_DESK = ("12345", "12315", "letter")  # what a clerk enters; the rest comes by itself

STATES: dict[str, Words] = {
    "received": ("待处理", "waiting"),
    "answered": ("已答复", "answered"),
    "task": ("已派核查", "a check was ordered"),
    "lead": ("已转线索", "made a lead"),
    "rejected": ("不予受理", "rejected"),
}

# What the holder of a receipt is told: how far it is, never who deals with it.
PUBLIC_STATES: dict[str, Words] = {
    "received": ("已收到，等待受理员处理", "received; it waits for the intake clerk"),
    "answered": ("已答复", "answered"),
    "task": ("已安排现场核查", "a check on the spot was ordered"),
    "checked": ("现场核查已完成", "the check on the spot is done"),
    "lead": ("已转有关单位办理", "passed on to those who are competent"),
    "closed": ("已办结", "closed"),
    "rejected": ("不予受理", "not taken up"),
}

TEXT, LETTER, CONTACT = 500, 4_000, 100  # characters: from the public, at the desk, of a contact
BAD = 2  # a rating of so many stars or fewer is a bad one; with a contact it opens a complaint
STARS: dict[int, Words] = {
    5: ("非常满意", "very satisfied"), 4: ("满意", "satisfied"), 3: ("基本满意", "fair"),
    2: ("不满意", "dissatisfied"), 1: ("非常不满意", "very dissatisfied"),
}  # fmt: skip

VISIT_DAYS = 5  # work days that the worker has for a check that a complaint ordered
VISIT_ITEMS: dict[str, Words] = {
    "RG02": ("开业经营情况", "whether and what it trades"),
    "RG03": ("许可办理情况", "permits"),
    "RG04": ("无证照经营", "trade without licence"),
    "RG05B": ("亮照经营", "licence displayed"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` uses in each window of time."""

    most: int
    window: timedelta


# By what is counted. Many citizens share the address of one network, so its limits are wide: they stop machines, not people.
LIMITS: dict[str, Limit] = {
    "tag": Limit(30, timedelta(hours=1)),  # complaints and ratings by one tag
    "client": Limit(20, timedelta(hours=1)),  # the same from one address of the network
    "guess": Limit(60, timedelta(minutes=10)),  # codes and receipts from one address that there are not
}

_APART = re.compile(r"[\s,，;；、:：()（）/|]+")
_BETWEEN = re.compile(r"[\s\-‐–—_.·]+")


def names_informant(contact: str | None, *texts: str) -> bool:
    """Whether one of the texts holds a part of the contact that was left: its number, name or address, however spaced."""
    if not contact:
        return False
    parts = {_BETWEEN.sub("", part).casefold() for part in _APART.split(contact)}
    parts.add("".join(character for character in contact if character.isdigit()))
    told = [_BETWEEN.sub("", text).casefold() for text in texts]
    return any(len(part) >= 2 and not _is_label(part) and part in text for part in parts for text in told)


def _is_label(part: str) -> bool:
    """Words that introduce a contact and tell nobody."""
    return part in {
        "电话",
        "手机",
        "微信",
        "邮箱",
        "姓名",
        "先生",
        "女士",
        "tel",
        "phone",
        "email",
        "wechat",
        "name",
        "mr",
        "ms",
    }
