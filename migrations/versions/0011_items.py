"""Inspection items as versioned records, with those that came with the product

Expand only: two new tables, so the code before this one runs on it unchanged. The items that were code become their first
versions, under the same names (`RG01@1`), so that forms which phones hold are understood as before.

Revision: 0011
Before: 0008
"""

from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant, Json
from gridwatch.domain.item_catalogue import BUILT_IN
from gridwatch.domain.items import content_hash
from gridwatch.domain.permits import SYSTEM

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    item = op.create_table(
        "item",
        sa.Column("code", sa.String(length=5), nullable=False),
        sa.Column("first_published_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_item")),
    )
    version = op.create_table(
        "item_version",
        sa.Column("code", sa.String(length=5), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", Json(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("published_by", sa.String(length=36), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=36), nullable=True),
        sa.Column("withdrawn_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["code"], ["item.code"], name=op.f("fk_item_version_code")),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_item_version")),
    )
    at = datetime.now(UTC)
    first = [one for one in BUILT_IN if one["version"] == 1]
    op.bulk_insert(item, [{"code": one["code"], "first_published_at": at} for one in first])
    op.bulk_insert(
        version,
        [
            {
                "code": one["code"], "version": 1, "document": one, "sha256": content_hash(one),
                "effective_on": date.fromisoformat(one["effective_on"]), "reason": "", "published_by": SYSTEM.id, "published_at": at,
            }
            for one in first
        ],
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("item_version")
    op.drop_table("item")
