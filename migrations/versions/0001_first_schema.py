"""The first schema: areas, people, places, entities, tasks, leads, feed, event log

Expand, backfill, contract: the code before this one must run on the schema after it. No batch mode on a table that holds
geometry: rebuilding it loses the SpatiaLite registration and the spatial index. SQLite goes forward only.

Revision: 0001
Before: none
"""

import secrets

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

from gridwatch.db.base import Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "area",
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("parent_code", sa.String(length=12), nullable=True),
        sa.Column("path", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["parent_code"], ["area.code"], name=op.f("fk_area_parent_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_area")),
        sa.UniqueConstraint("path", name=op.f("uq_area_path")),
    )
    op.create_index(op.f("ix_area_parent_code"), "area", ["parent_code"], unique=False)
    op.create_table(
        "calendar_day",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("official_year", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("version", "day", name=op.f("pk_calendar_day")),
    )
    op.create_table(
        "calendar_version",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("imported_at", Instant(), nullable=False),
        sa.Column("imported_by", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_calendar_version")),
    )
    op.create_table(
        "denial",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("facts", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_denial")),
    )
    op.create_index(op.f("ix_denial_at"), "denial", ["at"], unique=False)
    op.create_table(
        "event",
        sa.Column("chain", sa.String(length=20), nullable=False),
        sa.Column("no", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "no", name=op.f("pk_event")),
    )
    op.create_index("ix_event_subject", "event", ["subject_id", "subject_kind", "at"], unique=False)
    op.create_table(
        "event_chain",
        sa.Column("chain", sa.String(length=20), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_event_chain")),
    )
    op.create_table(
        "feed_row",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("doc_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("op", sa.String(length=5), nullable=False),
        sa.Column("doc", sa.Text(), nullable=True),
        sa.Column("changed_on", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("scope", "kind", "doc_id", name=op.f("pk_feed_row")),
    )
    op.create_index("ix_feed_row_document", "feed_row", ["doc_id", "kind"], unique=False)
    op.create_index(
        "ix_feed_row_left",
        "feed_row",
        ["changed_on"],
        unique=False,
        postgresql_where=sa.text("op = 'leave'"),
        sqlite_where=sa.text("op = 'leave'"),
    )
    op.create_index("ix_feed_row_scope_seq", "feed_row", ["scope", "seq"], unique=True)
    op.create_table(
        "feed_scope",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("docs", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("purged_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_feed_scope")),
    )
    op.create_table(
        "feed_snapshot",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=8), nullable=False),
        sa.Column("docs", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("built_at", Instant(), nullable=False),
        sa.Column("blocks", Json(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_snapshot")),
    )
    op.create_index(op.f("ix_feed_snapshot_built_at"), "feed_snapshot", ["built_at"], unique=False)
    op.create_index("uq_feed_snapshot_scope_seq", "feed_snapshot", ["epoch", "scope", "seq", "schema"], unique=True)
    op.create_table(
        "heartbeat",
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("said", Json(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "user_id", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "job_run",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("did", Json(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_run")),
    )
    op.create_table(
        "lead_number",
        sa.Column("street_code", sa.String(length=12), nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("street_code", "day", name=op.f("pk_lead_number")),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("about", sa.String(length=36), nullable=False),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("recipient_id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("lead_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text_zh", sa.String(length=300), nullable=False),
        sa.Column("text_en", sa.String(length=300), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("send_after", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("skipped", sa.String(length=20), nullable=True),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "about", "stage", "recipient_id", "channel", name=op.f("uq_notice_about_stage_recipient_id_channel")
        ),
    )
    op.create_index(op.f("ix_notice_lead_id"), "notice", ["lead_id"], unique=False)
    op.create_index("ix_notice_recipient", "notice", ["recipient_id", "id"], unique=False)
    op.create_index(
        "ix_notice_unsent",
        "notice",
        ["send_after", "id"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL AND skipped IS NULL"),
        sqlite_where=sa.text("sent_at IS NULL AND skipped IS NULL"),
    )
    op.create_table(
        "refused_number",
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("device_no", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "user_id", "device_no", name=op.f("pk_refused_number")),
    )
    op.create_table(
        "server_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_state")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("failed_at", Json(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_last_at"), "sign_in_failure", ["last_at"], unique=False)
    op.create_table(
        "sync_item",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reused", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("device_no", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("scope", sa.String(length=64), nullable=True),
        sa.Column("scope_token", sa.String(length=80), nullable=True),
        sa.Column("item_version", sa.String(length=80), nullable=True),
        sa.Column("captured_at", Instant(), nullable=True),
        sa.Column("corrected_at", Instant(), nullable=True),
        sa.Column("uncertainty_s", sa.Integer(), nullable=True),
        sa.Column("in_order", sa.Boolean(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("first_outcome", sa.String(length=12), nullable=False),
        sa.Column("first_code", sa.String(length=32), nullable=True),
        sa.Column("facts", Json(), nullable=False),
        sa.Column("result_rev", sa.Integer(), nullable=True),
        sa.Column("waits_for", Json(), nullable=False),
        sa.Column("became", Json(), nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_sync_item")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sync_item_device", "sync_item", ["device_id", "user_id", "device_no"], unique=False)
    op.create_index("ix_sync_item_outcome", "sync_item", ["outcome", "received_at"], unique=False)
    op.create_index("ix_sync_item_shown", "sync_item", ["shown", "received_at"], unique=False)
    op.create_index("uq_sync_item_content", "sync_item", ["id", "sha256"], unique=True)
    op.create_index(
        "uq_sync_item_first",
        "sync_item",
        ["id"],
        unique=True,
        postgresql_where=sa.text("NOT reused"),
        sqlite_where=sa.text("NOT reused"),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("username", name=op.f("uq_user_account_username")),
    )
    op.create_table(
        "department",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("successor_code", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("fk_department_area_code")),
        sa.ForeignKeyConstraint(["successor_code"], ["department.code"], name=op.f("fk_department_successor_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_department")),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("app_build", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_device_user_id")),
        sa.PrimaryKeyConstraint("id", "user_id", name=op.f("pk_device")),
    )
    op.create_geospatial_table(
        "grid",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("community_code", sa.String(length=12), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "shape",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["community_code"], ["area.code"], name=op.f("fk_grid_community_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_grid")),
    )
    op.create_geospatial_index(
        "idx_grid_shape", "grid", ["shape"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_index(op.f("ix_grid_community_code"), "grid", ["community_code"], unique=False)
    op.create_table(
        "grid_duty",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("covers", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["covers"], ["user_account.id"], name=op.f("fk_grid_duty_covers")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_grid_duty_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grid_duty")),
        sa.UniqueConstraint("user_id", "grid_code", "from_on", name=op.f("uq_grid_duty_user_id_grid_code_from_on")),
    )
    op.create_index(op.f("ix_grid_duty_grid_code"), "grid_duty", ["grid_code"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("used", Json(), nullable=False),
        sa.Column("refresh_expires_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_sign_in_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
    )
    op.create_index(op.f("ix_sign_in_ended_at"), "sign_in", ["ended_at"], unique=False)
    op.create_index(op.f("ix_sign_in_refresh_expires_at"), "sign_in", ["refresh_expires_at"], unique=False)
    op.create_index("ix_sign_in_user_device", "sign_in", ["user_id", "device_id"], unique=False)
    op.create_table(
        "access_token",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("sign_in_id", sa.String(length=36), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_in.id"], name=op.f("fk_access_token_sign_in_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_access_token")),
    )
    op.create_index(op.f("ix_access_token_expires_at"), "access_token", ["expires_at"], unique=False)
    op.create_index(op.f("ix_access_token_sign_in_id"), "access_token", ["sign_in_id"], unique=False)
    op.create_table(
        "address",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("street_code", sa.String(length=12), nullable=False),
        sa.Column("community_code", sa.String(length=12), nullable=True),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=True),
        sa.Column("road", sa.String(length=60), nullable=False),
        sa.Column("house_no", sa.String(length=40), nullable=False),
        sa.Column("building", sa.String(length=100), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("datum", sa.String(length=10), nullable=False),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["community_code"], ["area.code"], name=op.f("fk_address_community_code")),
        sa.ForeignKeyConstraint(["grid_code"], ["grid.code"], name=op.f("fk_address_grid_code")),
        sa.ForeignKeyConstraint(["street_code"], ["area.code"], name=op.f("fk_address_street_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_address")),
    )
    op.create_index("ix_address_area", "address", ["area_path"], unique=False)
    op.create_index(op.f("ix_address_grid_code"), "address", ["grid_code"], unique=False)
    op.create_table(
        "permit_rule",
        sa.Column("sector", sa.String(length=40), nullable=False),
        sa.Column("permit", sa.String(length=60), nullable=False),
        sa.Column("department_code", sa.String(length=32), nullable=True),
        sa.Column("scope_pattern", sa.Text(), nullable=False),
        sa.Column("hazard", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["department_code"], ["department.code"], name=op.f("fk_permit_rule_department_code")),
        sa.PrimaryKeyConstraint("sector", name=op.f("pk_permit_rule")),
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=True),
        sa.Column("area_path", sa.String(length=64), nullable=True),
        sa.Column("department_code", sa.String(length=32), nullable=True),
        sa.Column("deputy", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("fk_role_grant_area_code")),
        sa.ForeignKeyConstraint(["department_code"], ["department.code"], name=op.f("fk_role_grant_department_code")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_role_grant_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        sa.UniqueConstraint(
            "user_id",
            "role",
            "area_code",
            "department_code",
            name=op.f("uq_role_grant_user_id_role_area_code_department_code"),
        ),
    )
    op.create_index("ix_role_grant_role_area", "role_grant", ["role", "area_path"], unique=False)
    op.create_index("ix_role_grant_role_department", "role_grant", ["role", "department_code"], unique=False)
    op.create_index(op.f("ix_role_grant_user_id"), "role_grant", ["user_id"], unique=False)
    op.create_geospatial_table(
        "entity",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("uscc_kind", sa.String(length=10), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("permit_sectors", Json(), nullable=False),
        sa.Column("address_text", sa.String(length=300), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=True),
        sa.Column("street_code", sa.String(length=12), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=True),
        sa.Column("routed_by", sa.String(length=8), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("datum", sa.String(length=10), nullable=False),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column(
            "position",
            Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_entity_address_code")),
        sa.ForeignKeyConstraint(["grid_code"], ["grid.code"], name=op.f("fk_entity_grid_code")),
        sa.ForeignKeyConstraint(["street_code"], ["area.code"], name=op.f("fk_entity_street_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity")),
        sa.UniqueConstraint("code", name=op.f("uq_entity_code")),
    )
    op.create_geospatial_index(
        "idx_entity_position", "entity", ["position"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_index(op.f("ix_entity_address_code"), "entity", ["address_code"], unique=False)
    op.create_index("ix_entity_area", "entity", ["area_path", "id"], unique=False)
    op.create_index(op.f("ix_entity_grid_code"), "entity", ["grid_code"], unique=False)
    op.create_index(op.f("ix_entity_uscc"), "entity", ["uscc"], unique=False)
    op.create_table(
        "lead",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("previous_state", sa.String(length=12), nullable=True),
        sa.Column("level", sa.String(length=6), nullable=True),
        sa.Column("category", sa.String(length=4), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=True),
        sa.Column("address_text", sa.String(length=300), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("grid_code", sa.String(length=20), nullable=True),
        sa.Column("community_code", sa.String(length=12), nullable=True),
        sa.Column("street_code", sa.String(length=12), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("reporter_id", sa.String(length=36), nullable=False),
        sa.Column("performed_at", Instant(), nullable=True),
        sa.Column("reported_at", Instant(), nullable=False),
        sa.Column("handler_id", sa.String(length=36), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("bounces", sa.Integer(), nullable=False),
        sa.Column("returns", sa.Integer(), nullable=False),
        sa.Column("handlings", sa.Integer(), nullable=False),
        sa.Column("flags", Json(), nullable=False),
        sa.Column("proposed_department", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("evidence", Json(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["community_code"], ["area.code"], name=op.f("fk_lead_community_code")),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_lead_entity_id")),
        sa.ForeignKeyConstraint(["street_code"], ["area.code"], name=op.f("fk_lead_street_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint("no", name=op.f("uq_lead_no")),
    )
    op.create_index("ix_lead_area_state", "lead", ["area_path", "state"], unique=False)
    op.create_index(op.f("ix_lead_entity_id"), "lead", ["entity_id"], unique=False)
    op.create_index(op.f("ix_lead_grid_code"), "lead", ["grid_code"], unique=False)
    op.create_index(op.f("ix_lead_reporter_id"), "lead", ["reporter_id"], unique=False)
    op.create_index("ix_lead_state_no", "lead", ["state", "no"], unique=False)
    op.create_table(
        "registry_event",
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_registry_event_entity_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_registry_event")),
    )
    op.create_index(op.f("ix_registry_event_entity_id"), "registry_event", ["entity_id"], unique=False)
    op.create_table(
        "task",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("items", Json(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=True),
        sa.Column("lead_id", sa.String(length=36), nullable=True),
        sa.Column("address_code", sa.String(length=32), nullable=True),
        sa.Column("address_text", sa.String(length=300), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=True),
        sa.Column("start_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("calendar_version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("duty_rev", sa.Integer(), nullable=False),
        sa.Column("assigned_to", sa.String(length=36), nullable=True),
        sa.Column("not_for", sa.String(length=36), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("close_code", sa.String(length=20), nullable=True),
        sa.Column("on_time", sa.String(length=10), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_task_entity_id")),
        sa.ForeignKeyConstraint(["grid_code"], ["grid.code"], name=op.f("fk_task_grid_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.create_index(
        "ix_task_calendar",
        "task",
        ["calendar_version", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND kind = 'first_check'"),
        sqlite_where=sa.text("closed_at IS NULL AND kind = 'first_check'"),
    )
    op.create_index(op.f("ix_task_entity_id"), "task", ["entity_id"], unique=False)
    op.create_index("ix_task_grid_state", "task", ["grid_code", "state"], unique=False)
    op.create_index(op.f("ix_task_lead_id"), "task", ["lead_id"], unique=False)
    op.create_index("ix_task_queue", "task", ["state", "area_path", "id"], unique=False)
    op.create_index("uq_task_source", "task", ["kind", "source_id"], unique=True)
    op.create_table(
        "assignment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("department_code", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("previous_state", sa.String(length=14), nullable=True),
        sa.Column("pushed_at", Instant(), nullable=False),
        sa.Column("push_on", sa.Date(), nullable=False),
        sa.Column("officer_id", sa.String(length=36), nullable=True),
        sa.Column("intervened_on", sa.Date(), nullable=True),
        sa.Column("suspended_from", sa.Date(), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("copies", Json(), nullable=False),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["department_code"], ["department.code"], name=op.f("fk_assignment_department_code")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_assignment_lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index("ix_assignment_department", "assignment", ["department_code", "state", "lead_id"], unique=False)
    op.create_index(op.f("ix_assignment_lead_id"), "assignment", ["lead_id"], unique=False)
    op.create_table(
        "visit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("entity_id", sa.String(length=36), nullable=True),
        sa.Column("lead_id", sa.String(length=36), nullable=True),
        sa.Column("by_user", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=True),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=True),
        sa.Column("performed_at", Instant(), nullable=True),
        sa.Column("uncertainty_s", sa.Integer(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("findings", Json(), nullable=False),
        sa.Column("place", Json(), nullable=True),
        sa.Column("files", Json(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.Column("timeliness", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_visit_entity_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_visit_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index(op.f("ix_visit_entity_id"), "visit", ["entity_id"], unique=False)
    op.create_index(op.f("ix_visit_lead_id"), "visit", ["lead_id"], unique=False)
    op.create_index(op.f("ix_visit_task_id"), "visit", ["task_id"], unique=False)
    op.create_table(
        "ask",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.Column("assignment_id", sa.String(length=36), nullable=True),
        sa.Column("step", sa.String(length=4), nullable=False),
        sa.Column("act", sa.String(length=24), nullable=False),
        sa.Column("asked_by", sa.String(length=36), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("inputs", Json(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name=op.f("fk_ask_assignment_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_ask_lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask")),
    )
    op.create_index(op.f("ix_ask_lead_id"), "ask", ["lead_id"], unique=False)
    op.create_table(
        "obligation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.Column("assignment_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("calendar_version", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("cause", sa.String(length=24), nullable=False),
        sa.Column("supersedes", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name=op.f("fk_obligation_assignment_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_obligation_lead_id")),
        sa.ForeignKeyConstraint(["supersedes"], ["obligation.id"], name=op.f("fk_obligation_supersedes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligation")),
    )
    op.create_index(op.f("ix_obligation_assignment_id"), "obligation", ["assignment_id"], unique=False)
    op.create_index(op.f("ix_obligation_lead_id"), "obligation", ["lead_id"], unique=False)
    op.create_index(
        "uq_obligation_window",
        "obligation",
        ["assignment_id", "k"],
        unique=True,
        sqlite_where=sa.text("kind = 'feedback' AND supersedes IS NULL"),
        postgresql_where=sa.text("kind = 'feedback' AND supersedes IS NULL"),
    )
    op.create_table(
        "obligation_end",
        sa.Column("obligation_id", sa.String(length=36), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.String(length=24), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_obligation_end_obligation_id")),
        sa.PrimaryKeyConstraint("obligation_id", name=op.f("pk_obligation_end")),
    )
    op.create_table(
        "watch",
        sa.Column("obligation_id", sa.String(length=36), nullable=False),
        sa.Column("next_on", sa.Date(), nullable=False),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("calendar_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_watch_obligation_id")),
        sa.PrimaryKeyConstraint("obligation_id", name=op.f("pk_watch")),
    )
    op.create_index("ix_watch_calendar", "watch", ["calendar_version", "obligation_id"], unique=False)
    op.create_index("ix_watch_next", "watch", ["next_on", "obligation_id"], unique=False)
    # The epoch names this database towards phones; a restore raises it.
    op.execute(
        sa.text("INSERT INTO server_state (id, epoch) VALUES (1, :epoch)").bindparams(epoch=secrets.token_hex(2))
    )


def downgrade() -> None:
    op.drop_index("ix_watch_next", table_name="watch")
    op.drop_index("ix_watch_calendar", table_name="watch")
    op.drop_table("watch")
    op.drop_table("obligation_end")
    op.drop_index("uq_obligation_window", table_name="obligation")
    op.drop_index(op.f("ix_obligation_lead_id"), table_name="obligation")
    op.drop_index(op.f("ix_obligation_assignment_id"), table_name="obligation")
    op.drop_table("obligation")
    op.drop_index(op.f("ix_ask_lead_id"), table_name="ask")
    op.drop_table("ask")
    op.drop_index(op.f("ix_visit_task_id"), table_name="visit")
    op.drop_index(op.f("ix_visit_lead_id"), table_name="visit")
    op.drop_index(op.f("ix_visit_entity_id"), table_name="visit")
    op.drop_table("visit")
    op.drop_index(op.f("ix_assignment_lead_id"), table_name="assignment")
    op.drop_index("ix_assignment_department", table_name="assignment")
    op.drop_table("assignment")
    op.drop_index("uq_task_source", table_name="task")
    op.drop_index("ix_task_queue", table_name="task")
    op.drop_index(op.f("ix_task_lead_id"), table_name="task")
    op.drop_index("ix_task_grid_state", table_name="task")
    op.drop_index(op.f("ix_task_entity_id"), table_name="task")
    op.drop_index(
        "ix_task_calendar",
        table_name="task",
        postgresql_where=sa.text("closed_at IS NULL AND kind = 'first_check'"),
        sqlite_where=sa.text("closed_at IS NULL AND kind = 'first_check'"),
    )
    op.drop_table("task")
    op.drop_index(op.f("ix_registry_event_entity_id"), table_name="registry_event")
    op.drop_table("registry_event")
    op.drop_index("ix_lead_state_no", table_name="lead")
    op.drop_index(op.f("ix_lead_reporter_id"), table_name="lead")
    op.drop_index(op.f("ix_lead_grid_code"), table_name="lead")
    op.drop_index(op.f("ix_lead_entity_id"), table_name="lead")
    op.drop_index("ix_lead_area_state", table_name="lead")
    op.drop_table("lead")
    op.drop_index(op.f("ix_entity_uscc"), table_name="entity")
    op.drop_index(op.f("ix_entity_grid_code"), table_name="entity")
    op.drop_index("ix_entity_area", table_name="entity")
    op.drop_index(op.f("ix_entity_address_code"), table_name="entity")
    op.drop_geospatial_index(
        "idx_entity_position", table_name="entity", postgresql_using="gist", column_name="position"
    )
    op.drop_geospatial_table("entity")
    op.drop_index(op.f("ix_role_grant_user_id"), table_name="role_grant")
    op.drop_index("ix_role_grant_role_department", table_name="role_grant")
    op.drop_index("ix_role_grant_role_area", table_name="role_grant")
    op.drop_table("role_grant")
    op.drop_table("permit_rule")
    op.drop_index(op.f("ix_address_grid_code"), table_name="address")
    op.drop_index("ix_address_area", table_name="address")
    op.drop_table("address")
    op.drop_index(op.f("ix_access_token_sign_in_id"), table_name="access_token")
    op.drop_index(op.f("ix_access_token_expires_at"), table_name="access_token")
    op.drop_table("access_token")
    op.drop_index("ix_sign_in_user_device", table_name="sign_in")
    op.drop_index(op.f("ix_sign_in_refresh_expires_at"), table_name="sign_in")
    op.drop_index(op.f("ix_sign_in_ended_at"), table_name="sign_in")
    op.drop_table("sign_in")
    op.drop_index(op.f("ix_grid_duty_grid_code"), table_name="grid_duty")
    op.drop_table("grid_duty")
    op.drop_index(op.f("ix_grid_community_code"), table_name="grid")
    op.drop_geospatial_index("idx_grid_shape", table_name="grid", postgresql_using="gist", column_name="shape")
    op.drop_geospatial_table("grid")
    op.drop_table("device")
    op.drop_table("department")
    op.drop_table("user_account")
    op.drop_index(
        "uq_sync_item_first",
        table_name="sync_item",
        postgresql_where=sa.text("NOT reused"),
        sqlite_where=sa.text("NOT reused"),
    )
    op.drop_index("uq_sync_item_content", table_name="sync_item")
    op.drop_index("ix_sync_item_shown", table_name="sync_item")
    op.drop_index("ix_sync_item_outcome", table_name="sync_item")
    op.drop_index("ix_sync_item_device", table_name="sync_item")
    op.drop_table("sync_item")
    op.drop_index(op.f("ix_sign_in_failure_last_at"), table_name="sign_in_failure")
    op.drop_table("sign_in_failure")
    op.drop_table("server_state")
    op.drop_table("refused_number")
    op.drop_index(
        "ix_notice_unsent",
        table_name="notice",
        postgresql_where=sa.text("sent_at IS NULL AND skipped IS NULL"),
        sqlite_where=sa.text("sent_at IS NULL AND skipped IS NULL"),
    )
    op.drop_index("ix_notice_recipient", table_name="notice")
    op.drop_index(op.f("ix_notice_lead_id"), table_name="notice")
    op.drop_table("notice")
    op.drop_table("lead_number")
    op.drop_table("job_run")
    op.drop_table("heartbeat")
    op.drop_index("uq_feed_snapshot_scope_seq", table_name="feed_snapshot")
    op.drop_index(op.f("ix_feed_snapshot_built_at"), table_name="feed_snapshot")
    op.drop_table("feed_snapshot")
    op.drop_table("feed_scope")
    op.drop_index("ix_feed_row_scope_seq", table_name="feed_row")
    op.drop_index(
        "ix_feed_row_left",
        table_name="feed_row",
        postgresql_where=sa.text("op = 'leave'"),
        sqlite_where=sa.text("op = 'leave'"),
    )
    op.drop_index("ix_feed_row_document", table_name="feed_row")
    op.drop_table("feed_row")
    op.drop_table("event_chain")
    op.drop_index("ix_event_subject", table_name="event")
    op.drop_table("event")
    op.drop_index(op.f("ix_denial_at"), table_name="denial")
    op.drop_table("denial")
    op.drop_table("calendar_version")
    op.drop_table("calendar_day")
    op.drop_index(op.f("ix_area_parent_code"), table_name="area")
    op.drop_table("area")
