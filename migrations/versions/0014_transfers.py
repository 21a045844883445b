"""Places: handovers with their receipts, grids drawn anew and what a lead and a grid remember of it; levels and names of addresses

Expand only: new tables and columns that may be empty, so the code before this one runs on it unchanged.

Revision: 0014
Before: 0008
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

_OPEN = sa.text("done_at IS NULL")
_WAITING = sa.text("state = 'published'")


def upgrade() -> None:
    op.add_column("grid", sa.Column("successor_code", sa.String(length=20), nullable=True))
    op.add_column("lead", sa.Column("found_in", sa.String(length=20), nullable=True))
    for name, length in (("unit", 40), ("room", 60), ("stall", 60)):
        op.add_column("address", sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    op.add_column("address", sa.Column("parent_code", sa.String(length=32), nullable=True))
    op.create_index("ix_address_parent_code", "address", ["parent_code"])
    op.create_index("ix_address_street_road", "address", ["street_code", "road"])
    op.create_index("ix_address_street_building", "address", ["street_code", "building"])
    op.create_table(
        "address_name",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("normal", sa.String(length=200), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("noted_by", sa.String(length=36), nullable=False),
        sa.Column("noted_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_address_name_address_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_name")),
        sa.UniqueConstraint("address_code", "normal", name=op.f("uq_address_name_address_code_normal")),
    )
    op.create_index("ix_address_name_normal", "address_name", ["normal"])
    op.create_table(
        "entity_address",
        sa.Column("entity_id", sa.String(length=36), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_entity_address_entity_id")),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_entity_address_address_code")),
        sa.PrimaryKeyConstraint("entity_id", "address_code", "from_on", name=op.f("pk_entity_address")),
    )
    op.create_index("ix_entity_address_there", "entity_address", ["address_code", "to_on"])
    # What the register said until now, dated by the registry event that said it last.
    op.execute(
        "INSERT INTO entity_address (entity_id, address_code, from_on, to_on, source, confidence, shared) "
        "SELECT entity.id, entity.address_code, max(registry_event.occurred_on), NULL, 'register', 100, "
        "entity.address_text LIKE '%集群注册%' FROM entity JOIN registry_event ON registry_event.entity_id = entity.id "
        "WHERE entity.address_code IS NOT NULL AND entity.status = 'active' GROUP BY entity.id, entity.address_code, entity.address_text"
    )
    op.create_table(
        "handover",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("source", sa.String(length=36), nullable=False),
        sa.Column("target", sa.String(length=36), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("by_user", sa.String(length=36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    op.create_index("ix_handover_area", "handover", ["area_path", "id"])
    op.create_index("ix_handover_open", "handover", ["id"], postgresql_where=_OPEN, sqlite_where=_OPEN)
    op.create_table(
        "handover_item",
        sa.Column("handover_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["handover_id"], ["handover.id"], name=op.f("fk_handover_item_handover_id")),
        sa.PrimaryKeyConstraint("handover_id", "kind", "subject_id", name=op.f("pk_handover_item")),
    )
    op.create_table(
        "grid_edit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("community_code", sa.String(length=12), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.String(length=36), nullable=False),
        sa.Column("drafted_at", Instant(), nullable=False),
        sa.Column("published_by", sa.String(length=36), nullable=True),
        sa.Column("published_at", Instant(), nullable=True),
        sa.Column("applied_at", Instant(), nullable=True),
        sa.Column("moved", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["community_code"], ["area.code"], name=op.f("fk_grid_edit_community_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grid_edit")),
    )
    op.create_index("ix_grid_edit_area", "grid_edit", ["area_path", "id"])
    op.create_index(
        "ix_grid_edit_waiting", "grid_edit", ["effective_on"], postgresql_where=_WAITING, sqlite_where=_WAITING
    )


def downgrade() -> None:
    op.drop_table("entity_address")
    op.drop_table("address_name")
    for name in ("street_building", "street_road", "parent_code"):
        op.drop_index(f"ix_address_{name}", table_name="address")
    for name in ("parent_code", "stall", "room", "unit"):
        op.drop_column("address", name)
    op.drop_table("grid_edit")
    op.drop_table("handover_item")
    op.drop_table("handover")
    op.drop_column("lead", "found_in")
    op.drop_column("grid", "successor_code")
