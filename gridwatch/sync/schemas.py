"""The shapes of pull and push, for the API document. Bodies are read and written by hand (pull.py, decoding.py, service.py):
pull joins stored text, and push must tell what one item did wrong from what the envelope did wrong.
"""

from __future__ import annotations

from marshmallow import fields, validate

from gridwatch.sync import pull, reviewing, rx, service, waiting
from gridwatch.sync.kinds import KINDS
from gridwatch.web.api import Input, Moment, Output
from gridwatch.web.clock import rfc3339


class HeartbeatIn(Output):
    """What a phone says of itself. Further plain members are kept."""

    device_id = fields.String()
    app_build = fields.Integer()
    unsent = fields.Integer(metadata={"description": "Items in the outbox."})
    unsent_bytes = fields.Integer()
    oldest_unsent_at = fields.String(allow_none=True)
    highest_device_no = fields.Integer(
        metadata={"description": "The last number given out by this device to this user."}
    )
    incidents = fields.Integer(metadata={"description": "How often a digest did not agree."})
    storage_persisted = fields.Boolean()
    storage_used = fields.Integer()


class PullIn(Output):
    """What a phone holds: its token (or null) for each scope. `user:me` means the caller's own scope."""

    schema = fields.Integer(load_default=pull.NEWEST_SCHEMA)
    limit = fields.Integer(
        metadata={"description": f"Changes in the answer, {pull.LEAST} to {pull.MOST}; clamped. Default {pull.USUAL}."}
    )
    scopes = fields.Dict(
        keys=fields.String(),
        values=fields.String(allow_none=True),
        metadata={"maxProperties": pull.MOST_SCOPES, "description": "Scope → token."},
    )
    heartbeat = fields.Nested(HeartbeatIn, allow_none=True)


class DigestOut(Output):
    """Number of live documents, and the XOR of the first 64 bits of SHA-256 over kind/id/rev."""

    count = fields.Integer(required=True)
    hash = fields.String(required=True, validate=validate.Regexp(r"^[0-9a-f]{16}$"))


class ChangeOut(Output):
    """`put` brings a document at its newest state, `leave` says that the scope no longer holds it."""

    op = fields.String(required=True, validate=validate.OneOf(["put", "leave"]))
    kind = fields.String(required=True)
    id = fields.String(required=True)
    rev = fields.Integer()
    seq = fields.Integer(required=True)
    doc = fields.Dict()


class ScopeOut(Output):
    """One scope that moved: a delta, or a page of a snapshot."""

    scope = fields.String(required=True)
    mode = fields.String(required=True, validate=validate.OneOf(["delta", "snapshot"]))
    snapshot = fields.String(
        metadata={"description": "Names the build; another name means: throw away what was staged."}
    )
    page = fields.Integer()
    token = fields.String(required=True)
    more = fields.Boolean(required=True)
    digest = fields.Nested(DigestOut, required=True, allow_none=True)
    changes = fields.List(fields.Nested(ChangeOut), required=True)


class PullOut(Output):
    """A scope that is left out is unchanged: its token stays good."""

    server_time = fields.String(required=True)
    epoch = fields.String(required=True)
    granted = fields.List(fields.String(), required=True)
    revoked = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.Nested(ScopeOut), required=True)
    more = fields.Boolean(required=True)


class ItemIn(Output):
    """One immutable fact. What its `payload` holds depends on `kind`. Unknown members are kept and hashed."""

    id = fields.String(required=True, metadata={"description": "UUIDv7 made by the phone."})
    device_no = fields.Integer(
        required=True, metadata={"description": "1, 2, 3 … for each device and user, without gaps."}
    )
    kind = fields.String(required=True, validate=validate.OneOf(sorted(KINDS)))
    captured_at = fields.String(
        required=True, allow_none=True, metadata={"description": "RFC 3339 with offset, by the phone's clock."}
    )
    payload = fields.Dict(required=True)
    task_id = fields.String(allow_none=True)
    base_rev = fields.Integer(allow_none=True)
    scope = fields.String(allow_none=True)
    scope_token = fields.String(allow_none=True)
    item_version = fields.String(allow_none=True)
    clock = fields.Dict(
        allow_none=True,
        metadata={
            "description": "offset_ms (server minus phone), offset_age_s, rtt_ms, as measured at the last contact."
        },
    )
    place = fields.Dict(allow_none=True)
    depends_on = fields.List(fields.String(), allow_none=True)
    files = fields.List(fields.Dict(), allow_none=True)


class PushIn(Output):
    """A batch: at most 200 items or 1 MB."""

    device_id = fields.String(required=True)
    items = fields.List(fields.Nested(ItemIn), required=True, validate=validate.Length(max=service.MOST_ITEMS))


class ReceiptOut(Output):
    """The server's durable word that it holds the item."""

    id = fields.String(required=True)
    item_sha256 = fields.String(required=True)
    received_at = fields.String(required=True)
    no = fields.Integer(required=True)


class FirstOut(Output):
    """What the first answer said."""

    outcome = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)


class ResultOut(Output):
    """The outcome of one item; every member is always there."""

    id = fields.String(required=True, allow_none=True)
    outcome = fields.String(
        required=True, validate=validate.OneOf(["accepted", "duplicate", "superseded", "held", "review", "rejected"])
    )
    code = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)
    facts = fields.Dict(required=True)
    receipt = fields.Nested(ReceiptOut, required=True, allow_none=True)
    missing = fields.List(fields.String(), required=True)
    rev = fields.Integer(required=True, allow_none=True)
    first = fields.Nested(FirstOut, required=True, allow_none=True)


class PushOut(Output):
    """One result an item, in the order sent."""

    server_time = fields.String(required=True)
    results = fields.List(fields.Nested(ResultOut), required=True)


class ExportKeyOut(Output):
    """The public key with which a phone seals what it exports: DER (SPKI) in Base64, and its name."""

    key_id = fields.String(required=True)
    algorithm = fields.String(required=True)
    public_key = fields.String(required=True)


class ExportFileIn(Output):
    """An exported file: the key of the file, sealed with the server's public one, and what it opens. Base64."""

    format = fields.String(required=True)
    version = fields.Integer(required=True)
    key_id = fields.String(required=True)
    wrapped_key = fields.String(required=True)
    iv = fields.String(required=True)
    data = fields.String(required=True)


class ImportedPhotoOut(Output):
    """A photo in the file; `code` says why it was not kept, null when it is here."""

    sha256 = fields.String(required=True)
    item_id = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)


class ImportOut(Output):
    """Whose work was in the file, and what became of each part of it; results as a push answers them."""

    user = fields.Dict(required=True)
    device = fields.Dict(required=True)
    exported_at = fields.String(required=True)
    results = fields.List(fields.Nested(ResultOut), required=True)
    photos = fields.List(fields.Nested(ImportedPhotoOut), required=True)


class RxOut(Output):
    """Documents with `_deleted`, and the checkpoint to ask with next time. A page shorter than the limit is the end."""

    documents = fields.List(fields.Dict(), required=True)
    checkpoint = fields.Dict(required=True)


class RxRowIn(Output):
    """One row of an RxDB push; its new state is an item."""

    newDocumentState = fields.Nested(ItemIn, required=True)
    assumedMasterState = fields.Dict(allow_none=True)


class RxItemOut(ItemIn):
    """An item that is stored under an id which came with other content."""

    deleted = fields.Boolean(required=True, data_key="_deleted")


RX_QUERY = [
    {"in": "query", "name": name, "required": name == "scope", "description": says, "schema": schema}
    for name, says, schema in (
        ("scope", "grid:<grid code>, user:<user id> or user:me.", {"type": "string"}),
        ("checkpoint", "The last checkpoint as JSON; left out: from the start.", {"type": "string"}),
        (
            "limit",
            f"Documents in the answer; {rx.USUAL} when left out.",
            {"type": "integer", "minimum": 1, "maximum": rx.MOST},
        ),
    )
]


class HealthQuery(Input):
    """Which page of devices."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=50)


class PhoneOut(Output):
    """A device, as it named itself at its last sign-in."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    platform = fields.String(required=True)
    app_build = fields.Integer(required=True)


class HolderOut(Output):
    """Whose device it is."""

    id = fields.String(required=True)
    name = fields.String(required=True)


class RangeOut(Output):
    """Numbers from `first` to `last`, both included."""

    first = fields.Function(lambda pair: pair[0], metadata={"type": "integer"}, required=True)
    last = fields.Function(lambda pair: pair[1], metadata={"type": "integer"}, required=True)


class LedgerOut(Output):
    """Which numbers of the device came: `missing` never did, `refused` were rejected, `waiting` are still on the phone."""

    highest = fields.Integer(required=True)
    missing = fields.List(fields.Nested(RangeOut), required=True)
    refused = fields.List(fields.Nested(RangeOut), required=True)
    waiting = fields.Nested(RangeOut, required=True, allow_none=True)
    last_contact_at = fields.Function(
        lambda ledger: rfc3339(ledger.last_contact_at), metadata={"type": ["string", "null"]}, required=True
    )
    said = fields.Dict(required=True, metadata={"description": "The last heartbeat."})


class HealthOut(Output):
    """One device of one person."""

    device = fields.Nested(PhoneOut, required=True)
    user = fields.Nested(HolderOut, required=True)
    ledger = fields.Nested(LedgerOut, required=True)


class HealthPage(Output):
    """A page of devices."""

    items = fields.List(fields.Nested(HealthOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


# -- review -----------------------------------------------------------------------------------------------------------


class ReviewQuery(Input):
    """Which part of the queue, and which page of it."""

    view = fields.String(
        load_default="waiting",
        validate=validate.OneOf(waiting.VIEWS),
        metadata={"description": "waiting, the oldest first; records and decided, the newest first."},
    )
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=50)


class DecisionIn(Input):
    """What every decision says: why, and which version of the item was seen."""

    expected_version = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    reason = fields.String(
        required=True, validate=[validate.Length(max=500), validate.Regexp(r"(?s).*\S", error="不能为空 / not blank")]
    )


class ApplyIn(DecisionIn):
    """Apply an item that waits. Without `repairs` as it was sent, on the state of now."""

    repairs = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={
            "description": "Members that take the place of those sent, whole: " + ", ".join(reviewing.REPAIRABLE)
        },
    )
    apart = fields.Boolean(
        load_default=False, metadata={"description": "Give a second content of one id an id of its own."}
    )


class TimelinessIn(DecisionIn):
    """Whether a visit of unclear time was in time."""

    in_time = fields.Boolean(required=True)


class ReviewOut(Output):
    """An item in a few words. `question` is repair, two_contents, timeliness, or null where nothing is asked (any more)."""

    no = fields.Integer(required=True, metadata={"description": "The number on the receipt."})
    id = fields.String(required=True)
    version = fields.Integer(required=True)
    kind = fields.String(required=True)
    question = fields.String(required=True, allow_none=True)
    title = fields.String(required=True)
    outcome = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)
    sender = fields.Nested(HolderOut, required=True)
    device = fields.Dict(required=True)
    device_no = fields.Integer(required=True, allow_none=True)
    captured_at = Moment(required=True, allow_none=True)
    received_at = Moment(required=True)


class ReviewPage(Output):
    """A page of the queue."""

    items = fields.List(fields.Nested(ReviewOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ContentOut(Output):
    """One of several contents under one id."""

    no = fields.Integer(required=True)
    reused = fields.Boolean(required=True)
    sha256 = fields.String(required=True)
    received_at = Moment(required=True)
    raw = fields.String(required=True)
    value = fields.Dict(required=True)
    outcome = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)
    became = fields.Dict(required=True, allow_none=True)


class DecisionOut(Output):
    """A decision of a person: applied, refused, in_time or late; `repairs` stand beside what was sent."""

    act = fields.String(required=True)
    reason = fields.String(required=True)
    repairs = fields.Dict(required=True)
    by = fields.Nested(HolderOut, required=True)
    at = Moment(required=True)
    outcome = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)
    made = fields.String(required=True, allow_none=True)


class BesideOut(Output):
    """The task, lead and market entity that the item speaks of, as they are now; null where there is none within reach."""

    task = fields.Dict(required=True, allow_none=True)
    lead = fields.Dict(required=True, allow_none=True)
    entity = fields.Dict(required=True, allow_none=True)


class ReviewItemOut(ReviewOut):
    """One item whole: what was sent (`raw`, untouched), why it waits (`facts`), what the server knows `now`."""

    facts = fields.Dict(required=True)
    became = fields.Dict(required=True, allow_none=True)
    raw = fields.String(required=True)
    value = fields.Dict(required=True)
    sha256 = fields.String(required=True)
    corrected_at = Moment(required=True, allow_none=True)
    uncertainty_s = fields.Integer(required=True, allow_none=True)
    in_order = fields.Boolean(required=True)
    attachments = fields.Dict(required=True)
    now = fields.Nested(BesideOut, required=True)
    contents = fields.List(fields.Nested(ContentOut), required=True)
    decisions = fields.List(fields.Nested(DecisionOut), required=True)
