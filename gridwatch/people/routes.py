"""Sign-in, devices, and the permit table (sync-protocol, section 2)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from gridwatch.db.base import db
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import ROLE_NAMES, permits_as_json
from gridwatch.people import queries, schemas, sign_in
from gridwatch.people.models import Device
from gridwatch.web.api import Blueprint
from gridwatch.web.clock import now
from gridwatch.web.identity import bearer_token, current_actor, permit, public, writes

blueprint = Blueprint("people", __name__, url_prefix="/api/v1")


@blueprint.after_request
def _keep_nothing(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _raised(outcome: sign_in.SignedIn | Refusal) -> sign_in.SignedIn:
    """After the commit: a refusal has left its trace and may now be raised."""
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


@blueprint.post("/auth/sign-in")
@blueprint.arguments(schemas.SignInIn)
@blueprint.response(200, schemas.SignedInOut)
@public
def post_sign_in(body: dict[str, Any]) -> sign_in.SignedIn:
    """Sign in with name and password on a device."""
    moment = now()
    user_id = sign_in.whose_password(db.session(), body["username"], body["password"], moment)
    with transaction() as session:
        outcome = sign_in.sign_in(
            session, current_app.config["GRIDWATCH"], body["username"], user_id, body["device"], moment
        )
    return _raised(outcome)


@blueprint.post("/auth/refresh")
@blueprint.arguments(schemas.RefreshIn)
@blueprint.response(200, schemas.SignedInOut)
@public
def post_refresh(body: dict[str, Any]) -> sign_in.SignedIn:
    """Trade a refresh token for its successor; safe to repeat when the answer was lost."""
    with transaction() as session:
        outcome = sign_in.refresh(
            session, current_app.config["GRIDWATCH"], body["refresh_token"], body["device_id"], now()
        )
    return _raised(outcome)


@blueprint.post("/auth/sign-out")
@blueprint.arguments(schemas.SignOutIn, required=False)
@blueprint.response(204)
@public
@writes
def post_sign_out(body: dict[str, Any]) -> None:
    """End the sign-in of the bearer token (expired or not) or of the refresh token in the body; a second time does no harm."""
    access, refresh_ = bearer_token(), body["refresh_token"]
    if not access and not refresh_:
        raise Refusal("auth.required")
    sign_in.sign_out(db.session(), current_app.config["GRIDWATCH"], now(), access=access, refresh_=refresh_)


@blueprint.get("/auth/devices")
@blueprint.arguments(schemas.DeviceQuery, location="query")
@blueprint.response(200, schemas.DeviceList)
@permit("session.own")
def list_devices(query: dict[str, Any]) -> dict[str, Any]:
    """One's own devices; for an administrator, with `user_id`, those of a person of the area."""
    actor = current_actor()
    whose = query["user_id"] or actor.id
    devices = db.session.scalars(queries.devices_within(actor).where(Device.user_id == whose)).all()
    if whose != actor.id and not devices:
        raise Refusal("person.not_found")
    return {"items": [_device(one, current=(one.id, one.user_id) == (actor.device_id, actor.id)) for one in devices]}


@blueprint.delete("/auth/devices/<device_id>")
@blueprint.arguments(schemas.DeviceQuery, location="query")
@blueprint.response(204)
@permit("session.own")
@writes
def delete_device(query: dict[str, Any], device_id: str) -> None:
    """Revoke a device: every sign-in on it ends. Signing in again on it makes it good again."""
    sign_in.revoke_device(db.session(), current_actor(), device_id, now(), user_id=query["user_id"])


def _device(device: Device, *, current: bool) -> dict[str, Any]:
    return {**{column.key: getattr(device, column.key) for column in Device.__table__.columns}, "current": current}


@blueprint.get("/permits")
@blueprint.response(200, schemas.PermitsOut)
@permit("reference.read")
def get_permits() -> dict[str, Any]:
    """Who may do what, so that a client offers only what the server allows."""
    roles = {role.value: {"zh": chinese, "en": english} for role, (chinese, english) in ROLE_NAMES.items()}
    return {"operations": permits_as_json(), "roles": roles}
