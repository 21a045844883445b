"""What a phone needs from the people around it: each fault with its words and what to do about it, the worst phone first.

A supervisor looks after phones, not after people: nothing here counts what somebody did, and nothing is ordered by person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gridwatch.domain.permits import Actor
from gridwatch.people.browser import DEVICE as BROWSER
from gridwatch.people.models import Device, User
from gridwatch.sync.ledger import Ledger, devices_within, ledgers

OLD_UNSENT = timedelta(hours=24)
QUIET, SILENT = timedelta(days=3), timedelta(days=7)
SIGN_IN_LASTS = 30  # days without contact after which a phone must sign in again (sync-protocol §2)
_AT_ONCE = 1_000


class Need(NamedTuple):
    """One fault: `late` (act today) or `warn` (keep an eye on it), what is the matter and what to do, in both languages."""

    level: str
    code: str
    zh: str
    en: str
    do_zh: str
    do_en: str


@dataclass(frozen=True, slots=True)
class PhoneState:
    """One phone of one person with its ledger, its last contact (heartbeat or sign-in) and what it needs."""

    device: Device
    name: str
    ledger: Ledger
    last_contact_at: datetime
    needs: list[Need]

    @property
    def level(self) -> str:
        """late, warn or ok."""
        return next((level for level in ("late", "warn") if any(need.level == level for need in self.needs)), "ok")

    @property
    def unsent(self) -> int | None:
        """How many items wait in its outbox by its own last word."""
        return _whole(self.ledger.said, "unsent")

    @property
    def oldest_unsent_at(self) -> datetime | None:
        """Since when the oldest of them waits."""
        return _instant(self.ledger.said.get("oldest_unsent_at")) if self.unsent else None

    @property
    def build(self) -> int:
        """The build of the app by its last word, else by its sign-in."""
        return _whole(self.ledger.said, "app_build") or self.device.app_build

    @property
    def storage_used(self) -> int | None:
        """Bytes that the app keeps on it."""
        return _whole(self.ledger.said, "storage_used")

    @property
    def storage_persisted(self) -> bool | None:
        """Whether the browser promised to keep them."""
        said = self.ledger.said.get("storage_persisted")
        return said if isinstance(said, bool) else None

    @property
    def incidents(self) -> int:
        """How often its copy did not agree with the server's digest."""
        return _whole(self.ledger.said, "incidents") or 0


def phones_by_need(session: Session, actor: Actor, now: datetime) -> list[PhoneState]:
    """The phones of the people whom the actor supervises, those that need somebody first. Browsers at desks are no phones.

    A phone whose sign-in was ended is there only while something of it has not come.
    """
    devices = session.scalars(
        devices_within(actor).where(Device.id != BROWSER.id).order_by(Device.id, Device.user_id)
    ).all()
    names = dict(
        session.execute(
            select(User.id, User.name).where(or_(*_in_parts(User.id, {one.user_id for one in devices})))
        ).all()
    )
    pairs = [(one.id, one.user_id) for one in devices]
    read: dict[tuple[str, str], Ledger] = {}
    for start in range(0, len(pairs), _AT_ONCE):
        read |= ledgers(session, pairs[start : start + _AT_ONCE])
    newest = max((one.app_build for one in devices), default=0)
    found = [_state(one, names[one.user_id], read[one.id, one.user_id], newest, now) for one in devices]
    return sorted((one for one in found if one.device.revoked_at is None or one.level == "late"), key=_urgency)


def _in_parts(column: Any, values: Iterable[str]) -> list[Any]:
    listed = sorted(values)
    parts = [listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE)] or [[]]
    return [column.in_(part) for part in parts]


def _urgency(phone: PhoneState) -> tuple[Any, ...]:
    levels = [need.level for need in phone.needs]
    return (-levels.count("late"), -levels.count("warn"), phone.last_contact_at, phone.device.id, phone.device.user_id)


def _state(device: Device, name: str, ledger: Ledger, newest: int, now: datetime) -> PhoneState:
    contact = max(filter(None, (ledger.last_contact_at, device.last_seen_at)))
    phone = PhoneState(device, name, ledger, contact, [])
    phone.needs.extend(_needs(phone, newest, now))
    return phone


def _needs(phone: PhoneState, newest: int, now: datetime) -> Iterable[Need]:
    silent, unsent, since = now - phone.last_contact_at, phone.unsent or 0, phone.oldest_unsent_at
    if phone.ledger.missing:
        numbers = ranges(phone.ledger.missing)
        yield Need(
            "late", "numbers_missing", f"第 {numbers} 号没有到", f"numbers {numbers} never arrived",
            "请他打开应用同步，在发件箱里找这几号；手机上没有了，就请他把那几次走访重报。",
            "Have the app opened and synced, and look for these numbers in its outbox; if they are gone, have those visits reported again.",
        )  # fmt: skip
    if unsent and (silent >= OLD_UNSENT or (since is not None and now - since >= OLD_UNSENT)):
        yield Need(
            "late", "unsent_old", f"{unsent} 条超过一天没发出来", f"{unsent} items unsent for more than a day",
            "请他连上网络打开应用；在此之前不要换手机、不要清除数据。",
            "Have the app opened where there is a network; until then, no new phone and no clearing of data.",
        )  # fmt: skip
    if unsent and phone.storage_persisted is False:
        yield Need(
            "late", "may_be_cleared", "没发的内容可能被系统清掉", "the system may clear what is unsent",
            "请他马上同步一次，再把应用装到桌面并允许长期保存。",
            "Have it synced at once, then have the app installed and allowed to keep its data.",
        )  # fmt: skip
    if silent >= QUIET:
        days = silent.days
        yield Need(
            "late" if silent >= SILENT else "warn", "silent", f"{days} 天没有联系", f"no contact for {days} days",
            f"请联系他：在休假就不用管；手机坏了，请先换一台登录。满 {SIGN_IN_LASTS} 天要重新登录，没发的内容不会丢。",
            "Ask: on leave is fine; where a phone is broken, another one signs in. "
            f"After {SIGN_IN_LASTS} days it must sign in again; unsent work stays.",
        )  # fmt: skip
    if phone.ledger.refused:
        numbers = ranges(phone.ledger.refused)
        yield Need(
            "warn", "numbers_refused", f"第 {numbers} 号被拒收", f"numbers {numbers} were refused",
            "这几条没有保存。请他在发件箱里导出，交给管理员。",
            "They are not stored. Have them exported from the outbox and handed to an administrator.",
        )  # fmt: skip
    if phone.incidents:
        yield Need(
            "warn", "digest_incidents", f"本机数据对不上 {phone.incidents} 次", f"its copy did not agree {phone.incidents} times",
            "手机已自动重新下载。次数一直涨，请告诉管理员。",
            "The phone has downloaded again by itself. If the number keeps rising, tell an administrator.",
        )  # fmt: skip
    if phone.build < newest:
        yield Need(
            "warn", "old_build", f"应用版本 {phone.build}，已有 {newest}", f"build {phone.build}, there is {newest}",
            "请他发完再更新应用。", "Have it updated once everything is sent.",
        )  # fmt: skip


def ranges(pairs: Iterable[tuple[int, int]]) -> str:
    """Numbers as they are read: `57–61, 70`; the first five ranges."""
    listed = list(pairs)
    told = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in listed[:5])
    return f"{told} …" if len(listed) > 5 else told


def _whole(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _instant(text: Any) -> datetime | None:
    """The instant that a phone wrote; None where it wrote none."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
