"""Clients that take documents only: outcomes of rejected items, names of documents that the feed has forgotten

Expand only: two new tables, so the code before this one runs on it unchanged.

Revision: 0003
Before: 0002
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_item",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_item")),
    )
    op.create_index(op.f("ix_refused_item_at"), "refused_item", ["at"], unique=False)
    op.create_table(
        "feed_forgotten",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("doc_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scope", "kind", "doc_id", name=op.f("pk_feed_forgotten")),
    )


def downgrade() -> None:
    op.drop_table("feed_forgotten")
    op.drop_table("refused_item")
