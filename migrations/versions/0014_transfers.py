"""Transfers: handovers with their receipts, grids drawn anew, and what a lead and a grid remember of it

Expand only: new tables and columns that may be empty, so the code before this one runs on it unchanged.

Revision: 0014
Before: 0008
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0014"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text("done_at IS NULL")
_WAITING = sa.text("state = 'published'")


def upgrade() -> None:
    op.add_column("grid", sa.Column("successor_code", sa.String(length=20), nullable=True))
    op.add_column("lead", sa.Column("found_in", sa.String(length=20), nullable=True))
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
    op.drop_table("grid_edit")
    op.drop_table("handover_item")
    op.drop_table("handover")
    op.drop_column("lead", "found_in")
    op.drop_column("grid", "successor_code")
