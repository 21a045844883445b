"""Leads are found by their point, for maps

Expand only: one index, so the code before this one runs on it unchanged.

Revision: 0013
Before: 0008
"""

from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_lead_point", "lead", ["lon", "lat"])


def downgrade() -> None:
    op.drop_index("ix_lead_point", table_name="lead")
