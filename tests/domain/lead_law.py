"""The law of the lead, transcribed from domain.md §4b with its rulings and not from the code: from where, to where, by whom."""

from __future__ import annotations

from typing import NamedTuple

from gridwatch.domain.lead_shape import Step
from gridwatch.domain.permits import Actor, Role
from tests.domain.lead_road import FAR_CD, FAR_WORKER, SD, SO, WORKER

OPEN = "reported returned community street dispatched verifying escalated shelved"
ANY = f"{OPEN} closed merged void"
WORK = "dispatched street"
ABOVE = "dispatched street escalated shelved"  # R23


class Law(NamedTuple):
    """One row: states it leads from; the state it leads to, `=` for the same and `<` for the former one; who does it.

    `+` joins the asker and the confirmer (R31). A row of nobody is the system's.
    """

    frm: str
    to: str
    by: str


LAW = {
    "T01": Law("", "reported", "W M IC"),
    "T02": Law("reported returned", "void", "reporter"),  # R16
    "T02c": Law("returned", "void", "CD"),  # R16
    "T03": Law("reported", "returned", "CD"),
    "T04": Law("returned", "reported", "reporter"),
    "T05": Law("reported returned", "community", "CD"),
    "T06": Law("reported community street", "merged", "CD SD"),
    "T06a": Law(ANY, "=", ""),  # edge case (a)
    "T06l": Law(ANY, "=", ""),
    "T06r": Law(OPEN, "=", "CD SD SO"),  # R25
    "T07": Law("community", "=", "W CH"),
    "T07a": Law("community", "=", "CH CD"),
    "T07b": Law("community shelved", "=", "W"),
    "T08": Law("community", "verifying", "CH"),
    "T09": Law("community", "street", "CD"),
    "T10": Law("reported community", "street", "W CD CH"),
    "T11": Law("street", "community", "SD"),
    "T12": Law("street", "closed", "SD"),
    "T13": Law("street", "dispatched", "SD"),
    "T14": Law(ABOVE, "=", "DR"),
    "T15": Law(WORK, "=", "DL"),
    "T15b": Law(WORK, "=", "DL"),  # R18
    "T16": Law(WORK, "=", "SD"),
    "T16p": Law(WORK, "=", "SD"),  # R18
    "T17": Law(WORK, "=", "SO"),
    "T18": Law("dispatched", "street", ""),
    "T18w": Law("dispatched", "street", ""),  # R17
    "T19": Law("street", "dispatched", "SD"),
    "T20": Law(ABOVE, "=", "DO"),
    "T21": Law(ABOVE, "=", "DO"),
    "T22": Law("dispatched", "=", "SD"),
    "T22w": Law(WORK, "=", "SD"),
    "T23": Law("dispatched", "=", "SD+SO"),
    "T24": Law("dispatched", "=", "SD"),
    "T25": Law(WORK, "=", "DO+DL"),
    "T26": Law("dispatched", "verifying", ""),
    "T27": Law("verifying", "closed", "W+CD"),
    "T28": Law("verifying", "dispatched", "W CD"),
    "T28c": Law("verifying", "community", "W CD"),
    "T28e": Law("verifying", "escalated", "W CD"),  # R20
    "T29": Law("dispatched", "=", "SO"),
    "T29s": Law("street", "dispatched", "SO"),
    "T29a": Law(WORK, "=", "SO"),  # R22
    "T30": Law(WORK, "=", "SO"),
    "T31": Law(WORK, "escalated", "SO"),
    "T32": Law("escalated", "=", "SO+LG"),
    "T32f": Law("escalated shelved", "=", "SO"),  # R24
    "T33": Law("escalated", "dispatched", "SO"),
    "T33c": Law("escalated", "dispatched", "SO"),  # R21
    "T34": Law("escalated", "verifying", "SO"),
    "T34p": Law("escalated", "closed", "SO"),  # R24
    "T35": Law("reported community street dispatched escalated", "shelved", "SO+LG"),  # R23
    "T36": Law("shelved", "<", "SO"),
    "T37": Law("closed", "street", "SD SO"),
    "T37c": Law("closed", "community", "SD SO"),
    "T38": Law("dispatched", "=", "DL+SO"),
    "T38e": Law("dispatched", "=", "DL+SO"),
    "T39": Law("merged", "<", "SD"),
    "T39a": Law(ANY, "=", ""),
    "T40": Law("reported returned community verifying", "=", "CD"),
    "T40s": Law("street dispatched verifying", "=", "SD"),
    "T40o": Law("escalated shelved", "=", "SO"),
    "T41": Law(WORK, "escalated", "SD"),
    "T41a": Law("escalated shelved", "=", "SD SO"),  # R24: the office once it is overdue
    "T42": Law(ANY, "=", "SO"),
    "Tf": Law(ANY, "=", ""),  # edge case (f)
}
# Who takes the place of the one above where the case asks for it: uncertain (R30), not the first request (R18), a pending
# return of an assist (edge case (h)), major (R31).
IN_SOME_CASES = {"T11": SO, "T12": SO, "T13": SO, "T19": SO, "T16": SO, "T22w": SO, "T27": SD}

CODES = {
    Role.GRID_WORKER: "W", Role.MARKET_MANAGER: "M", Role.INTAKE_CLERK: "IC", Role.COMMUNITY_DISPATCHER: "CD",
    Role.COMMUNITY_HANDLER: "CH", Role.STREET_DISPATCHER: "SD", Role.SUPERVISION_OFFICE: "SO", Role.LEADING_GROUP: "LG",
    Role.AUDITOR: "AU", Role.DEPARTMENT_RECEIVER: "DR", Role.CASE_OFFICER: "DO", Role.DEPARTMENT_LEADER: "DL",
}  # fmt: skip


def may(who: Actor, step: Step, half: int, department: str | None) -> bool:
    """Whether the law gives a row to this person: half 0 asks, half -1 does or confirms."""
    doers = LAW[step.id].by.split("+")[half].split()
    if "reporter" in doers and who is WORKER:
        return True
    mine = who.grants[0].department in (None, department)
    return CODES[next(iter(who.roles))] in doers and mine and who not in (FAR_CD, FAR_WORKER)
