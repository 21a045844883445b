"""What the sign-in and device routes take and give (sync-protocol, section 2)."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, fields, post_load, validate

from gridwatch.people.sign_in import DeviceSaid
from gridwatch.web.api import Input, Moment, Output

_UUID = validate.Regexp(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z", error="不是 UUID / is not a UUID")


class _FromPhone(Input):
    """A phone may be newer than the server: members that were added later are passed over."""

    class Meta:
        unknown = EXCLUDE


class DeviceIn(_FromPhone):
    """What a phone says of itself. The id is made by the phone, once."""

    id = fields.String(required=True, validate=_UUID)
    name = fields.String(load_default="", validate=validate.Length(max=80))
    platform = fields.String(load_default="", validate=validate.Length(max=40))
    app_build = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 2**31 - 1))

    @post_load
    def _said(self, data: dict[str, Any], **kwargs: Any) -> DeviceSaid:
        return DeviceSaid(**data)


class SignInIn(_FromPhone):
    """Name, password and the device that will carry the sign-in."""

    username = fields.String(required=True, validate=validate.Length(1, 64))
    password = fields.String(required=True, load_only=True, validate=validate.Length(1, 1024))
    device = fields.Nested(DeviceIn, required=True)


class RefreshIn(_FromPhone):
    """The refresh token, and the device that it was given to."""

    refresh_token = fields.String(required=True, validate=validate.Length(1, 200))
    device_id = fields.String(required=True, validate=validate.Length(1, 64))


class SignOutIn(_FromPhone):
    """Nothing is required; the refresh token ends a sign-in whose access token is long gone."""

    refresh_token = fields.String(load_default="", validate=validate.Length(max=200))


class HomeOut(Output):
    """The area of the person's first role."""

    code = fields.String()
    name = fields.String()
    level = fields.String()
    path = fields.String()


class PersonOut(Output):
    """Who has signed in."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    area = fields.Nested(HomeOut, required=True)


class SignedInOut(Output):
    """The tokens, in clear here and nowhere else."""

    access_token = fields.String(required=True)
    access_expires_at = Moment(required=True)
    refresh_token = fields.String(required=True)
    refresh_expires_at = Moment(required=True)
    user = fields.Nested(PersonOut, required=True)
    server_time = Moment(required=True)


class DeviceQuery(Input):
    """Whose devices: one's own, or for an administrator those of a person of the area."""

    user_id = fields.String(load_default=None, validate=validate.Length(1, 36))


class DeviceOut(Output):
    """One device of one person; `current` is the one that asks."""

    id = fields.String(required=True)
    user_id = fields.String(required=True)
    name = fields.String(required=True)
    platform = fields.String(required=True)
    app_build = fields.Integer(required=True)
    first_seen_at = Moment(required=True)
    last_seen_at = Moment(required=True)
    revoked_at = Moment(required=True, allow_none=True)
    current = fields.Boolean(required=True)


class DeviceList(Output):
    """The devices of one person, the one last seen first."""

    items = fields.List(fields.Nested(DeviceOut), required=True)


class PermitsOut(Output):
    """The permit table: operation → role → how far it reaches; and the roles by name."""

    operations = fields.Dict(
        keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.String()), required=True
    )
    roles = fields.Dict(
        keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.String()), required=True
    )
