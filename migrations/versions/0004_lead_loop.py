"""The whole lead loop: merging, returns with ruling, holds, excuses, owners of a duty

Expand only: new columns with a default and one new table, so the code before this one runs on it unchanged.

Revision: 0004
Before: 0003
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant, Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list[sa.Column]]:
    return {
        "lead": [
            sa.Column("requests", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("master_id", sa.String(length=36), nullable=True),
            sa.Column("merged_on", sa.Date(), nullable=True),
            sa.Column("reports", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("related", Json(), nullable=False, server_default="[]"),
        ],
        "assignment": [
            sa.Column("request_no", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("requested_on", sa.Date(), nullable=True),
            sa.Column("passed_on", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("ruled", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("holds", Json(), nullable=False, server_default="[]"),
            sa.Column("end_cause", sa.String(length=16), nullable=True),
        ],
        "obligation": [sa.Column("owner", sa.String(length=12), nullable=True)],
    }


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(op.f("ix_lead_master_id"), "lead", ["master_id"], unique=False)
    op.create_table(
        "excuse",
        sa.Column("obligation_id", sa.String(length=36), nullable=False),
        sa.Column("excused_by", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_excuse_obligation_id")),
        sa.PrimaryKeyConstraint("obligation_id", name=op.f("pk_excuse")),
    )


def downgrade() -> None:
    op.drop_table("excuse")
    op.drop_index(op.f("ix_lead_master_id"), table_name="lead")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
