"""Markets: their stalls, checklists, rounds and spot checks

Expand only: six new tables, so the code before this one runs on it unchanged.

Revision: 0016
Before: 0013
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant, Json

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "market",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("last_round_on", sa.Date(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["grid_code"], ["grid.code"], name=op.f("fk_market_grid_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_market")),
        sa.UniqueConstraint("grid_code", name=op.f("uq_market_grid_code")),
    )
    op.create_table(
        "market_stall",
        sa.Column("market_code", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=True),
        sa.Column("active_from", sa.Date(), nullable=True),
        sa.Column("active_to", sa.Date(), nullable=True),
        sa.Column("last_round_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_market_stall_entity_id")),
        sa.ForeignKeyConstraint(["market_code"], ["market.code"], name=op.f("fk_market_stall_market_code")),
        sa.PrimaryKeyConstraint("market_code", "number", name=op.f("pk_market_stall")),
    )
    op.create_table(
        "market_checklist",
        sa.Column("market_code", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("items", Json(), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("published_by", sa.String(length=36), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["market_code"], ["market.code"], name=op.f("fk_market_checklist_market_code")),
        sa.PrimaryKeyConstraint("market_code", "version", name=op.f("pk_market_checklist")),
    )
    op.create_table(
        "market_draw",
        sa.Column("market_code", sa.String(length=32), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("announced_by", sa.String(length=36), nullable=False),
        sa.Column("announced_at", Instant(), nullable=False),
        sa.Column("population", Json(), nullable=True),
        sa.Column("drawn", Json(), nullable=True),
        sa.Column("drawn_by", sa.String(length=36), nullable=True),
        sa.Column("drawn_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["market_code"], ["market.code"], name=op.f("fk_market_draw_market_code")),
        sa.PrimaryKeyConstraint("market_code", "month", name=op.f("pk_market_draw")),
    )
    op.create_table(
        "market_round",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("market_code", sa.String(length=32), nullable=False),
        sa.Column("checklist", sa.Integer(), nullable=False),
        sa.Column("draw_month", sa.String(length=7), nullable=True),
        sa.Column("by_user", sa.String(length=36), nullable=False),
        sa.Column("performed_at", Instant(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["market_code", "checklist"],
            ["market_checklist.market_code", "market_checklist.version"],
            name=op.f("fk_market_round_market_code_checklist"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_round")),
    )
    op.create_index("ix_market_round_market", "market_round", ["market_code", "draw_month", "received_at"])
    op.create_table(
        "market_finding",
        sa.Column("round_id", sa.String(length=36), nullable=False),
        sa.Column("stall", sa.String(length=20), nullable=False),
        sa.Column("payload", Json(), nullable=False),
        sa.Column("photos", Json(), nullable=False),
        sa.Column("compared_with", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["compared_with"], ["market_round.id"], name=op.f("fk_market_finding_compared_with")),
        sa.ForeignKeyConstraint(["round_id"], ["market_round.id"], name=op.f("fk_market_finding_round_id")),
        sa.PrimaryKeyConstraint("round_id", "stall", name=op.f("pk_market_finding")),
    )
    op.create_index("ix_market_finding_stall", "market_finding", ["stall", "round_id"])


def downgrade() -> None:
    for table in ("market_finding", "market_round", "market_draw", "market_checklist", "market_stall", "market"):
        op.drop_table(table)
