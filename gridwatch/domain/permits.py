"""Who may do what, where: role × operation × scope, on one screen. What is not listed is denied.

Source: ruling R34 (roles and reach), R32 and I9 (reporters), I7 (nobody outside the area or department).
The table is exported as JSON, so that a phone or console offers only what the server will allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """The roles of ruling R34. One person may hold several, each within an area or a department."""

    GRID_WORKER = "grid_worker"
    MARKET_MANAGER = "market_manager"
    INTAKE_CLERK = "intake_clerk"
    COMMUNITY_DISPATCHER = "community_dispatcher"
    COMMUNITY_HANDLER = "community_handler"
    STREET_DISPATCHER = "street_dispatcher"
    SUPERVISION_OFFICE = "supervision_office"
    DEPARTMENT_RECEIVER = "department_receiver"
    CASE_OFFICER = "case_officer"
    DEPARTMENT_LEADER = "department_leader"
    LEADING_GROUP = "leading_group"
    PLATFORM_OWNER = "platform_owner"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    SECURITY_OFFICER = "security_officer"


ROLE_NAMES: dict[Role, tuple[str, str]] = {
    Role.GRID_WORKER: ("网格员", "grid worker"),
    Role.MARKET_MANAGER: ("市场管理方", "market manager"),
    Role.INTAKE_CLERK: ("受理员", "intake clerk"),
    Role.COMMUNITY_DISPATCHER: ("社区调度员", "community dispatcher"),
    Role.COMMUNITY_HANDLER: ("社区处置人员", "community handler"),
    Role.STREET_DISPATCHER: ("街道网格中心调度员", "street dispatcher"),
    Role.SUPERVISION_OFFICE: ("科学市场监管办", "supervision office"),
    Role.DEPARTMENT_RECEIVER: ("部门专人", "designated receiver"),
    Role.CASE_OFFICER: ("部门承办人", "case officer"),
    Role.DEPARTMENT_LEADER: ("部门负责人", "department leader"),
    Role.LEADING_GROUP: ("领导小组", "leading group"),
    Role.PLATFORM_OWNER: ("平台管理方", "platform owner"),
    Role.ADMINISTRATOR: ("系统管理员", "administrator"),
    Role.AUDITOR: ("审计员", "auditor"),
    Role.SECURITY_OFFICER: ("安全管理员", "security officer"),
}


class Scope(StrEnum):
    """How far a permit reaches. Each feature says in `queries.py` which rows a scope means there."""

    OWN = "own"  # what the person did or holds
    GRID = "grid"  # the grids on duty today, leave covers included
    AREA = "area"  # the subtree of the area in the role grant
    DEPARTMENT = "department"  # what is assigned to the department in the role grant
    ANYWHERE = "anywhere"  # not tied to a place: reference data, one's own session


@dataclass(frozen=True, slots=True)
class Grant:
    """One role of one person: within an area (`area_path`, ends with '/') or within a department."""

    role: Role
    area_path: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the signed-in person with roles, reach and the device that carries the sign-in."""

    id: str
    name: str
    grants: tuple[Grant, ...] = ()
    grids: tuple[str, ...] = ()
    device_id: str | None = None

    @property
    def roles(self) -> frozenset[Role]:
        """Every role held, wherever."""
        return frozenset(grant.role for grant in self.grants)

    def holds(self, role: Role, *, area_path: str | None = None, department: str | None = None) -> bool:
        """True when the role is held for the given area (a subtree of the grant's) or department."""
        for grant in self.grants:
            if grant.role is not role:
                continue
            if department is not None and grant.department == department:
                return True
            if area_path is not None and grant.area_path is not None and area_path.startswith(grant.area_path):
                return True
        return False


SYSTEM = Actor(id="system", name="系统")

_W, _M, _IC = Role.GRID_WORKER, Role.MARKET_MANAGER, Role.INTAKE_CLERK
_CD, _CH, _SD, _SO = Role.COMMUNITY_DISPATCHER, Role.COMMUNITY_HANDLER, Role.STREET_DISPATCHER, Role.SUPERVISION_OFFICE
_DR, _DO, _DL, _LG = Role.DEPARTMENT_RECEIVER, Role.CASE_OFFICER, Role.DEPARTMENT_LEADER, Role.LEADING_GROUP
_PO, _AD, _AU, _SE = Role.PLATFORM_OWNER, Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY_OFFICER

_DESKS = dict.fromkeys((_CD, _CH, _SD, _SO, _LG), Scope.AREA)
_UNITS = dict.fromkeys((_DR, _DO, _DL), Scope.DEPARTMENT)
_FIELD = dict.fromkeys((_W, _M), Scope.GRID)
_EVERYBODY = dict.fromkeys(Role, Scope.ANYWHERE)

# fmt: off
PERMITS: dict[str, dict[Role, Scope]] = {
    "session.own":     _EVERYBODY,                                    # one's own devices, profile, sign-out
    "device.revoke":   {_AD: Scope.AREA},                             # other people's devices
    "reference.read":  _EVERYBODY,                                    # calendar, items, words, areas, departments
    "grid.read":       {**_FIELD, **_DESKS, _IC: Scope.AREA, _PO: Scope.AREA, _AD: Scope.AREA, _AU: Scope.AREA},
    "address.read":    {**_FIELD, **_DESKS, _IC: Scope.AREA, _PO: Scope.AREA, _AU: Scope.AREA},
    "address.name":    dict.fromkeys((_CD, _SD), Scope.AREA),         # what an address is also called
    "entity.read":     {**_FIELD, **_DESKS, _IC: Scope.AREA, _PO: Scope.AREA, _AU: Scope.AREA},
    "task.read":       {**_FIELD, **_DESKS, _AU: Scope.AREA},
    "task.route":      {_SD: Scope.AREA},                             # the hand-triage queue of the street
    "tag.read":        {**_FIELD, **_DESKS, _IC: Scope.AREA, _PO: Scope.AREA, _AU: Scope.AREA},  # scanning a door's QR tag
    "tag.issue":       dict.fromkeys((_SD, _PO), Scope.AREA),         # issuing, printing, replacing and voiding tags
    "complaint.read":  {_IC: Scope.AREA},                             # nobody else learns of complainants (R32, I9)
    "complaint.decide": {_IC: Scope.AREA},                            # taking in, answering, making a task or lead, rejecting
    "work.hand_over":  dict.fromkeys((_CD, _SD), Scope.AREA),         # workload, and all open work of one to another
    "grid.edit":       {_SD: Scope.AREA},                             # grids drawn anew
    "task.order":      dict.fromkeys((_SD, _SO), Scope.AREA),         # cycles of the street, and its campaigns
    "inspection.record": dict.fromkeys((_DR, _DO, _DL), Scope.DEPARTMENT),  # administrative inspections, by officers alone
    "inspection.read": {**_DESKS, **_UNITS, _AU: Scope.AREA},
    "inspection.cap":  {_SO: Scope.AREA},                             # how often a year an entity may be inspected
    "registry.intake": {_PO: Scope.AREA},                             # registration events
    "lead.read":       {_W: Scope.GRID, _M: Scope.OWN, _IC: Scope.OWN, **_DESKS, **_UNITS, _AU: Scope.AREA},
    "lead.report":     {_W: Scope.GRID, _M: Scope.GRID, _IC: Scope.AREA},
    "lead.step":       {_W: Scope.GRID, _M: Scope.OWN, _IC: Scope.OWN, **_DESKS, **_UNITS},  # which step: lead_flow
    "lead.package":    dict.fromkeys((_SD, _SO, _LG), Scope.AREA),    # what is handed to the city and to other districts
    "lead.export":     dict.fromkeys((_SD, _SO), Scope.AREA),         # making such a package
    "file.upload":     dict.fromkeys((_W, _M, _IC, _CD, _CH, _SD, _SO, _DR, _DO, _DL), Scope.OWN),  # evidence of one's own work
    "file.read":       {**_FIELD, _IC: Scope.OWN, **_DESKS, **_UNITS, _AU: Scope.AREA},  # with a lead or task that names it
    "notice.read":     _EVERYBODY,                                    # one's own notices, and where else one hears of them
    "delivery.read":   {**dict.fromkeys(Role, Scope.OWN), _AD: Scope.AREA},  # what left over other channels, and what did not
    "sync.phone":      {**_FIELD, _CH: Scope.AREA, _CD: Scope.AREA},  # pull and push
    "sync.health":     {_SD: Scope.AREA, _CD: Scope.AREA, _AD: Scope.AREA},
    "sync.review":     {_SD: Scope.AREA, _CD: Scope.AREA},              # what phones sent and a person must decide
    "sync.import":     {_SD: Scope.AREA, _CD: Scope.AREA},              # unsent work that a phone exported as a file
    "calendar.import": {_PO: Scope.ANYWHERE, _AD: Scope.ANYWHERE, _SO: Scope.ANYWHERE},
    "calendar.order":  {_PO: Scope.AREA, _AD: Scope.AREA, _SO: Scope.AREA},  # a local order, for an area of one's own
    "item.publish":    dict.fromkeys((_PO, _SO), Scope.ANYWHERE),     # versions of inspection items
    "market.read":     {**_FIELD, **_DESKS, _PO: Scope.AREA, _AU: Scope.AREA},
    "market.manage":   dict.fromkeys((_SD, _SO, _PO), Scope.AREA),    # open a market, its stalls and checklist
    "market.round":    {_M: Scope.GRID},                              # the manager's own round of the stalls
    "market.draw":     dict.fromkeys((_CD, _SD, _SO), Scope.AREA),    # spot checks: seed and draw
    "market.check":    {_W: Scope.GRID, _CH: Scope.AREA, _CD: Scope.AREA},  # checking a drawn stall
    "market.draws":    {_W: Scope.GRID, **_DESKS, _AU: Scope.AREA},   # what was drawn and the rates; never for the manager
    "planner.read":    dict.fromkeys((_SD, _SO), Scope.AREA),         # if I push today
    "audit.read":      {_AU: Scope.AREA},
}
# fmt: on


def scopes_for(actor: Actor, operation: str) -> frozenset[tuple[Scope, Grant]]:
    """The (scope, grant) pairs that the actor's roles give for an operation; empty means denied."""
    row = PERMITS[operation]
    return frozenset((row[grant.role], grant) for grant in actor.grants if grant.role in row)


def permits_as_json() -> dict[str, dict[str, str]]:
    """The whole table as plain JSON, for phones and consoles."""
    return {operation: {role.value: scope.value for role, scope in row.items()} for operation, row in PERMITS.items()}
