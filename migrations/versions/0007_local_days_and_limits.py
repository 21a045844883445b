"""Time as data: local orders that change days in one area, and versions of the time limits

Expand only: two new tables, so the code before this one runs on it unchanged.

Revision: 0007
Before: 0006
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant, Json

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_local_day",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("version", "area_path", "day", name=op.f("pk_calendar_local_day")),
    )
    op.create_table(
        "policy_version",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("limits", Json(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("added_by", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy_version")),
    )


def downgrade() -> None:
    op.drop_table("policy_version")
    op.drop_table("calendar_local_day")
