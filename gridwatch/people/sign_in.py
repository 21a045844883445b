"""Signing in, staying signed in, signing out (sync-protocol, section 2).

Verbs that must leave a trace although they refuse (a counted failure, an ended family) return the Refusal instead of
raising it: the caller commits first and raises then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, text, update
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.config import Settings
from gridwatch.db.base import Instant, new_id
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import Actor
from gridwatch.people import lockout, tokens
from gridwatch.people.models import AccessToken, Device, SignIn, SignInFailure, User
from gridwatch.people.passwords import verify_password
from gridwatch.people.queries import devices_within, home_area

GRACE = timedelta(seconds=120)  # how long after its successor's first use an old refresh token is forgiven
REMEMBERED = 50  # first uses kept within the grace: no phone refreshes more often, and a mad one must not fill the row
REUSED, SIGNED_OUT, REVOKED = "reused", "signed_out", "revoked"


@dataclass(frozen=True, slots=True)
class DeviceSaid:
    """What a phone says of itself when it signs in."""

    id: str
    name: str = ""
    platform: str = ""
    app_build: int = 0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The members of the answer to a sign-in or a refresh; tokens in clear, which exist nowhere else on the server."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    user: dict[str, Any]
    server_time: datetime


# -- signing in -------------------------------------------------------------------------------------------------------


def whose_password(session: Session, username: str, password: str, now: datetime) -> str | None:
    """The id of the person whose name and password these are, else None. Slow on purpose: call it outside a transaction.

    It takes as long for a name that does not exist. A paused name is not tried at all.
    """
    if lockout.paused_until(session, username, now):
        return None
    found = session.execute(select(User.id, User.password_hash).where(User.username == username)).one_or_none()
    right = verify_password(found.password_hash if found else None, password)
    return found.id if found and right else None


def sign_in(
    session: Session,
    settings: Settings,
    username: str,
    user_id: str | None,
    device: DeviceSaid,
    now: datetime,
    access_life: timedelta | None = None,
) -> SignedIn | Refusal:
    """Open a sign-in on a device for whom `whose_password` found, or count the failure when it found nobody.

    A revoked device, or one that others use as well, becomes good again. Returns `auth.wrong` or `auth.locked` to be raised
    after the commit. `access_life` (default: the setting) is for browsers, which never refresh. Flushes.
    """
    if until := lockout.paused_until(session, username, now):
        return _locked(until, now)
    user = session.get(User, user_id) if user_id else None
    if user is None or user.disabled_at is not None:
        return _failed(session, username, now)
    _register(session, user, device, now)
    family = SignIn(
        id=new_id(), user_id=user.id, device_id=device.id, generation=0, used=[], started_at=now,
        refresh_expires_at=now + timedelta(days=settings.refresh_days),
    )  # fmt: skip
    session.add(family)
    session.flush()
    _note(session, user, "auth.signed_in", now, device=device.id, platform=device.platform)
    return _give(session, settings, family, 0, user, now, access_life)


def _failed(session: Session, username: str, now: datetime) -> Refusal:
    number = lockout.count_failure(session, username, now)
    if number == 0:  # another try at the same moment was the fifth
        return _locked(lockout.paused_until(session, username, now) or now, now)
    if number >= lockout.MOST:
        known = session.scalars(select(User).where(User.username == username)).one_or_none()
        if known is not None:
            _note(session, known, "auth.locked", now)
    return Refusal("auth.wrong")


def _locked(until: datetime, now: datetime) -> Refusal:
    seconds = max(1, math.ceil((until - now).total_seconds()))
    return Refusal("auth.locked", headers={"Retry-After": str(seconds)}, retry_after_s=seconds)


_REGISTER = text(
    "INSERT INTO device (id, user_id, name, platform, app_build, first_seen_at, last_seen_at) "
    "VALUES (:id, :user_id, :name, :platform, :app_build, :now, :now) ON CONFLICT (id, user_id) DO UPDATE SET "
    "name = excluded.name, platform = excluded.platform, app_build = excluded.app_build, "
    "last_seen_at = excluded.last_seen_at, revoked_at = NULL"
).bindparams(bindparam("now", type_=Instant))


def _register(session: Session, user: User, device: DeviceSaid, now: datetime) -> None:
    """In one statement, since the same sign-in may arrive twice at once."""
    said = {"id": device.id, "name": device.name, "platform": device.platform, "app_build": device.app_build}
    session.execute(_REGISTER, {**said, "user_id": user.id, "now": now})


# -- staying signed in ------------------------------------------------------------------------------------------------


def refresh(session: Session, settings: Settings, token: str, device_id: str, now: datetime) -> SignedIn | Refusal:
    """Trade a refresh token for its successor and a fresh access token.

    The answer may be lost: until the successor has been used as a refresh token, and for 120 s after its first use, the old
    one gives the same successor again. Later than that, or from another device, it is a stolen one: the family ends,
    and its access tokens with it. Returns `auth.required`, `auth.expired` or `auth.reused` to be raised after the commit. Flushes.
    """
    said = tokens.read_refresh_token(settings.secret_key, token)
    family = session.get(SignIn, said[0], with_for_update=True, populate_existing=True) if said else None
    if said is None or family is None:
        return Refusal("auth.required")
    generation = said[1]
    if family.ended_at is not None:
        return Refusal("auth.reused" if family.end_reason == REUSED else "auth.required")
    user = session.get_one(User, family.user_id)
    if device_id != family.device_id or not _fresh_enough(family, generation, now):
        _end(session, SignIn.id == family.id, REUSED, now)
        _note(session, user, "auth.reused", now, device=family.device_id, came_from=device_id)
        return Refusal("auth.reused")
    if now >= family.refresh_expires_at:
        return Refusal("auth.expired")
    if generation >= family.generation:  # its first use; a later one than known is ours too, from before a restore
        recent = [moment for moment in family.used if now - datetime.fromisoformat(moment) <= GRACE]
        family.used = [*recent, now.isoformat()][-REMEMBERED:] if generation == family.generation else [now.isoformat()]
        family.generation = generation + 1
        family.refresh_expires_at = now + timedelta(days=settings.refresh_days)
    session.execute(
        update(Device).where(Device.id == family.device_id, Device.user_id == user.id).values(last_seen_at=now)
    )
    return _give(session, settings, family, generation + 1, user, now)


def _fresh_enough(family: SignIn, generation: int, now: datetime) -> bool:
    """Whether a refresh token may still be traded: nobody used its successor more than 120 s ago."""
    place = family.generation - generation - 1  # 0: its successor is the newest, which nobody has used yet
    if place < 1:
        return True
    first_use = family.used[-place] if place <= len(family.used) else None
    return first_use is not None and now - datetime.fromisoformat(first_use) <= GRACE


def _give(
    session: Session, settings: Settings, family: SignIn, generation: int, user: User, now: datetime,
    life: timedelta | None = None,
) -> SignedIn:  # fmt: skip
    access, expires = tokens.new_access_token(), now + (life or timedelta(minutes=settings.access_minutes))
    session.add(AccessToken(hash=tokens.fingerprint(access), sign_in_id=family.id, expires_at=expires))
    session.flush()
    area = home_area(session, user)
    return SignedIn(
        access_token=access,
        access_expires_at=expires,
        refresh_token=tokens.refresh_token(settings.secret_key, family.id, generation),
        refresh_expires_at=family.refresh_expires_at,
        user={
            "id": user.id,
            "name": user.name,
            "roles": list(dict.fromkeys(grant.role for grant in user.grants)),
            "area": {"code": area.code, "name": area.name, "level": area.level, "path": area.path} if area else {},
        },
        server_time=now,
    )


# -- signing out ------------------------------------------------------------------------------------------------------


def sign_out(session: Session, settings: Settings, now: datetime, *, access: str = "", refresh_: str = "") -> None:
    """End the sign-in of an access token, expired or not, or of a refresh token. Nothing happens where none lives. Flushes."""
    said = tokens.read_refresh_token(settings.secret_key, refresh_) if refresh_ else None
    of_access = select(AccessToken.sign_in_id).where(AccessToken.hash == tokens.fingerprint(access))
    for user_id in _end(session, SignIn.id == said[0] if said else SignIn.id.in_(of_access), SIGNED_OUT, now):
        _note(session, session.get_one(User, user_id), "auth.signed_out", now)


def revoke_device(session: Session, actor: Actor, device_id: str, now: datetime, user_id: str | None = None) -> None:
    """End every sign-in on a device: one's own, or, for an administrator, that of a person of the area.

    A shared phone has an owner for each of its users: `user_id` names whose it is, by default one's own, else everybody's
    within reach. Raises 404 `device.not_found` outside the actor's reach. Flushes.
    """
    found = session.scalars(devices_within(actor).where(Device.id == device_id)).all()
    own = [device for device in found if device.user_id == (user_id or actor.id)]
    devices = own if own or user_id else found
    if not devices:
        raise Refusal("device.not_found")
    for device in devices:
        if device.revoked_at is None:
            device.revoked_at = now
            _note(session, session.get_one(User, device.user_id), "device.revoked", now, by=actor.id, device=device.id)
        _end(session, and_(SignIn.device_id == device.id, SignIn.user_id == device.user_id), REVOKED, now)
    session.flush()


def end_sign_ins(session: Session, user_id: str, reason: str, now: datetime) -> None:
    """End every sign-in of a person on every device. Flushes."""
    _end(session, SignIn.user_id == user_id, reason, now)


def _end(session: Session, which: ColumnElement[bool], reason: str, now: datetime) -> list[str]:
    """End the living families of a condition, and with them their access tokens; returns whose they were."""
    ended = update(SignIn).where(which, SignIn.ended_at.is_(None)).values(ended_at=now, end_reason=reason)
    return list(session.scalars(ended.returning(SignIn.user_id)))


def clean(session: Session, now: datetime) -> dict[str, int]:
    """Delete what nobody can ask for any more; returns the numbers of rows. For the table of jobs. Flushes.

    Access tokens stay a day beyond their end, so that a sign-out with an expired one finds its family; families 30 days, so
    that a stolen token is still called one; failures until no pause can hang on them.
    """
    old = now - timedelta(days=30)
    gone = {
        "access_tokens": delete(AccessToken).where(AccessToken.expires_at < now - timedelta(days=1)),
        "sign_ins": delete(SignIn).where((SignIn.refresh_expires_at < old) | (SignIn.ended_at < old)),
        "failures": delete(SignInFailure).where(SignInFailure.last_at < now - lockout.WINDOW - lockout.PAUSE),
    }
    return {name: session.execute(statement).rowcount for name, statement in gone.items()}


def _note(session: Session, user: User, act: str, now: datetime, *, by: str | None = None, **data: Any) -> None:
    area = home_area(session, user)
    audit.record(
        session, chain=area.code if area else None, act=act, subject=("person", user.id), actor_id=by or user.id, at=now,
        data=data,
    )  # fmt: skip
