"""Review: what a person decided about an item, and an index of the visits whose timeliness waits for a person

Expand only: one new table and one new index, so the code before this one runs on it unchanged.

Revision: 0006
Before: 0005
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant, Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UNCLEAR = sa.text("timeliness = 'unclear' AND effect = 'accepted'")


def upgrade() -> None:
    op.create_table(
        "review_decision",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("repairs", Json(), nullable=False),
        sa.Column("by_user", sa.String(length=36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("made", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["item_no"], ["sync_item.no"], name=op.f("fk_review_decision_item_no")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_decision")),
    )
    op.create_index(op.f("ix_review_decision_item_no"), "review_decision", ["item_no"], unique=False)
    op.create_index("ix_visit_unclear", "visit", ["id"], postgresql_where=_UNCLEAR, sqlite_where=_UNCLEAR)


def downgrade() -> None:
    op.drop_index("ix_visit_unclear", table_name="visit")
    op.drop_table("review_decision")
