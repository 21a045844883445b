"""Packages of leads for those outside, and the owner of every duty that may lie with several

Expand only: one new table; rows of before get the owner that the rules read from the lead until now.

Revision: 0005
Before: 0004
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lead_package",
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("exported_at", Instant(), nullable=False),
        sa.Column("exported_by", sa.String(length=36), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_lead_package_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "sha256", name=op.f("pk_lead_package")),
    )
    op.execute(
        "UPDATE obligation SET owner = CASE WHEN assignment_id IS NOT NULL THEN 'department' "
        "WHEN (SELECT state FROM lead WHERE lead.id = obligation.lead_id) = 'escalated' THEN 'supervision' "
        "ELSE 'community' END WHERE kind = 'rework' AND owner IS NULL"
    )
    op.execute(
        "UPDATE obligation SET owner = CASE WHEN (SELECT returns FROM lead WHERE lead.id = obligation.lead_id) > 0 "
        "THEN 'supervision' ELSE 'street' END WHERE kind = 'ruling' AND owner IS NULL"
    )


def downgrade() -> None:
    op.drop_table("lead_package")
